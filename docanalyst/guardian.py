"""The last to leave: ends the supervisor's process groups when the supervisor is gone without a word.

Started by the supervisor as a script of its own (`python -I guardian.py`), in a session of its own. It reads
lines `+PID` and `-PID` (a process group started, a process group ended) and acts at the end of the file, which
comes when the supervisor dies, however it dies. A parent-death signal would reach direct children on Linux
alone; this reaches the children of children, and works on macOS.
What it cannot catch: a grandchild that left its process group, and its own death together with the supervisor's.
"""

import os
import signal
import sys
import time
from contextlib import suppress

GRACE_SECONDS = 2.0


def main() -> None:
    """Follow standard input until it ends, then end what is still running."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    running: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            running.add(group)
        else:
            running.discard(group)
    deadline = time.monotonic() + GRACE_SECONDS
    tell(running, signal.SIGTERM)
    while running and time.monotonic() < deadline:
        time.sleep(0.05)
        running = {group for group in running if is_alive(group)}
    tell(running, signal.SIGKILL)


def tell(groups: set[int], number: signal.Signals) -> None:
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # macOS answers so for a group of zombies.
        return False
    return True


if __name__ == "__main__":
    main()
