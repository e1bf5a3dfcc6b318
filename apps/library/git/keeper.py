"""Runs one git command within limits, and ends it with all its children when whoever asked for it is gone.

Started as a script of its own (`python -I keeper.py`) at the head of a process group. Standard library only. The
limits are taken here, between fork and exec, because a worker has threads, in which Popen's preexec_fn may hang.
What it cannot catch: a child that leaves the group; of git's commands only `maintenance` does, which is off.
"""

import json
import os
import resource
import signal
import sys
import threading
from contextlib import suppress


def main(lifeline: int, limits: dict[str, int], command: list[str]) -> int:
    """lifeline: a pipe that ends with the caller. limits: soft and hard values by names of `resource`."""
    os.set_inheritable(lifeline, False)
    for name, value in limits.items():
        # Of macOS some limits cannot be set.
        with suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (value, value))
    # Python ignores both, and git would inherit that.
    defaults = [signal.SIGXFSZ, signal.SIGPIPE]
    child = os.posix_spawn(command[0], command, os.environ, setsigdef=defaults)
    threading.Thread(target=_end_with, args=[lifeline], daemon=True).start()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    code = main(int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:])
    sys.exit(code if code >= 0 else 128 - code)
