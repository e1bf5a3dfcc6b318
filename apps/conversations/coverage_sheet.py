"""The strip of all pages, drawn as runs so that ten thousand pages stay a small picture. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from apps.conversations.coverage import Coverage, CoveredDocument

COLUMNS = 50
"""Cells in a row of the strip."""
ROW_UNITS = 14
CELL_UNITS = 12

# The strip shows what a reader looks for; why a page was left out is in the list below it.
_KINDS = {"cited": "cited", "sent": "sent"}
_WITHOUT_TEXT = ("no text", "without text", "scan")


@dataclass(frozen=True)
class Run:
    """Consecutive cells of one kind in one row. kind: cited, sent, no-text or left-out."""

    kind: str
    x: int
    y: int
    width: int
    first: int
    last: int
    reason: str


@dataclass(frozen=True)
class Strip:
    document: CoveredDocument
    runs: tuple[Run, ...]
    columns: int
    rows: int

    @property
    def view_width(self) -> int:
        return self.columns * CELL_UNITS

    @property
    def view_height(self) -> int:
        return self.rows * ROW_UNITS


def coverage_strips(coverage: Coverage) -> list[Strip]:
    return [_strip(document) for document in coverage.documents]


def _strip(document: CoveredDocument) -> Strip:
    runs: list[Run] = []
    kinds = [(cell, _kind(cell.state, cell.reason)) for cell in document.cells]
    for start in range(0, len(kinds), COLUMNS):
        row = kinds[start : start + COLUMNS]
        column = 0
        for (kind, reason), group in groupby(row, key=lambda item: (item[1], item[0].reason)):
            cells = [cell for cell, _ in group]
            runs.append(
                Run(
                    kind=kind,
                    x=column * CELL_UNITS,
                    y=start // COLUMNS * ROW_UNITS,
                    width=len(cells) * CELL_UNITS,
                    first=cells[0].number,
                    last=cells[-1].number,
                    reason=reason,
                )
            )
            column += len(cells)
    return Strip(document, tuple(runs), min(COLUMNS, max(len(kinds), 1)), -(-len(kinds) // COLUMNS))


def _kind(state: str, reason: str) -> str:
    if state in _KINDS:
        return _KINDS[state]
    return "no-text" if any(words in reason.lower() for words in _WITHOUT_TEXT) else "left-out"
