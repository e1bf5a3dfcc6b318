"""What a run of the benchmarks measured: a line at once, and a table at its end."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """One row. ratio: measured through reach, or "" where there is no reach to hold it against."""

    what: str
    measured: str
    reach: str = ""
    ratio: str = ""
    met: bool | None = None
    load: float = 0.0

    @property
    def cells(self) -> tuple[str, ...]:
        verdict = {True: "met", False: "missed", None: ""}[self.met]
        return (self.what, self.measured, self.reach, self.ratio, verdict)

    def __str__(self) -> str:
        return " · ".join(cell for cell in self.cells if cell)


@dataclass
class Figures:
    """Collects figures. Speed is told, never asserted: a busy machine is no mistake of the code."""

    rows: list[Figure] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def at_most(self, what: str, value: float, reach: float, unit: str, note: str = "") -> None:
        self._compared(what, value, f"≤ {number(reach)} {unit}", value / reach, value <= reach, unit, note)

    def at_least(self, what: str, value: float, reach: float, unit: str, note: str = "") -> None:
        self._compared(what, value, f"≥ {number(reach)} {unit}", value / reach, value >= reach, unit, note)

    def tell(self, what: str, measured: str) -> None:
        """A figure that explains another one."""
        self._add(Figure(what, measured, load=load()))

    def not_run(self, what: str, reason: str) -> None:
        self.left_out.append(f"Not run: {what} ({reason})")
        print(f"\n{self.left_out[-1]}", flush=True)

    def table(self) -> list[str]:
        """The closing lines: one a figure, columns aligned."""
        head = ("what", "measured", "reach", "ratio", "", "load")
        cells = [(*row.cells, f"{row.load:.1f}") for row in self.rows]
        widths = [max(len(line[column]) for line in [head, *cells]) for column in range(len(head))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in [head, *cells]
        ]
        return [machine(), *lines, *self.left_out]

    def _compared(
        self, what: str, value: float, reach: str, ratio: float, met: bool, unit: str, note: str
    ) -> None:
        measured = f"{number(value)} {unit}".strip() + (f" ({note})" if note else "")
        self._add(Figure(what, measured, reach.strip(), f"{ratio:.2f} of reach", met, load()))

    def _add(self, figure: Figure) -> None:
        self.rows.append(figure)
        print(f"\n{figure}", flush=True)


def number(value: float) -> str:
    """A number as a table shows it: three digits that count."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def load() -> float:
    """Processes that wanted to run during the last minute; above the number of cores the figures suffer."""
    return os.getloadavg()[0]


def machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {cores} cores"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of all does not exceed; share 0–1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
