"""How long `make run` takes from the command to a 200 of /readyz, once everything is installed."""

from __future__ import annotations

import time
from pathlib import Path

from tests.bench.figures import Figures, median
from tests.services import run_live_stack

AGAIN = 3


def test_starts(tmp_path: Path, figures: Figures) -> None:
    seconds = []
    for _ in range(1 + AGAIN):
        started_at = time.perf_counter()
        with run_live_stack(tmp_path / "data"):
            seconds.append(time.perf_counter() - started_at)
    figures.at_most("start: first, database and secrets made", seconds[0], 60, "s")
    figures.at_most("start: again, to /readyz 200", median(seconds[1:]), 10, "s", f"of {AGAIN}")
