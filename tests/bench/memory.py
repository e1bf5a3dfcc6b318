"""Memory of processes as their proportional share (PSS): shared pages count once over all that share them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

import psutil

MIB = 1024 * 1024


def proportional_bytes(process: psutil.Process) -> int:
    """Proportional share of one process; what is its own alone where the system does not tell; 0 once gone."""
    try:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup")
        if rollup.exists():
            for line in rollup.read_text().splitlines():
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
        return int(process.memory_full_info().uss)
    except (psutil.Error, OSError):
        return 0


def total_bytes(processes: Iterable[psutil.Process]) -> int:
    return sum(proportional_bytes(process) for process in processes)


class Peak:
    """The highest total of some processes while the block runs, looked at a few times a second."""

    def __init__(self, processes: Callable[[], Iterable[psutil.Process]], every_seconds: float = 0.4) -> None:
        self._processes = processes
        self._every_seconds = every_seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.bytes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.is_set():
            started_at = time.monotonic()
            try:
                self.bytes = max(self.bytes, total_bytes(self._processes()))
            except psutil.Error:
                continue
            # Looking costs a little of the processor that is measured.
            self._ended.wait(max(self._every_seconds, 10 * (time.monotonic() - started_at)))
