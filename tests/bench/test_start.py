"""How long `make run` takes from the command to a 200 of /readyz, once everything is installed."""

import time
from pathlib import Path

from tests.services import run_live_stack

FIRST_START_SECONDS = 60.0
SECOND_START_SECONDS = 10.0


def test_starts(tmp_path: Path) -> None:
    seconds = []
    for _ in range(3):
        started_at = time.perf_counter()
        with run_live_stack(tmp_path / "data"):
            seconds.append(time.perf_counter() - started_at)
    again = min(seconds[1:])
    print(
        f"\nstart: first {seconds[0]:.1f} s (≤ {FIRST_START_SECONDS:g}), again {again:.1f} s (≤ {SECOND_START_SECONDS:g})"
    )
    assert seconds[0] <= FIRST_START_SECONDS
    assert again <= SECOND_START_SECONDS
