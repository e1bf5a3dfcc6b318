"""The strip of all pages, drawn so that forty thousand of them stay a small picture. Pure.

A cell is a page, or several of them in a long document; neighbours of one kind are drawn as one rectangle.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from math import ceil
from operator import attrgetter

from apps.conversations.coverage import Coverage, CoveredDocument, PageRun
from apps.conversations.coverage_tree import CoveredTree
from apps.conversations.models import ReadingPass
from apps.conversations.plans import ranges

COLUMNS = 50
"""Cells in a row of the strip."""
MOST_CELLS = 2000
"""Of one document: forty rows can be taken in, and what stands out still does."""
MOST_STRIPS = 100
"""Documents with a strip of their own; the others share one."""
MOST_RANGES = 20
"""Page ranges that a line of the lists names before it says how many more there are."""
ROW_UNITS = 14
CELL_UNITS = 12

# Of several pages in one cell the one shows that a reader looks for first.
RANKS = ("sent", "no-text", "left-out", "cited")
KIND_WORDS = {"cited": "cited", "sent": "sent", "no-text": "without text", "left-out": "left out"}
_WITHOUT_TEXT = ("no text", "without text", "scan")


@dataclass(frozen=True)
class Rectangle:
    """Neighbouring cells of one kind in one row: cited, sent, no-text or left-out."""

    kind: str
    x: int
    y: int
    width: int
    title: str


@dataclass(frozen=True)
class Band:
    """What one pass was given of a row, as a line under its cells."""

    number: int
    x: int
    y: int
    width: int


@dataclass(frozen=True)
class CitedLink:
    """A cited page of the document and where it opens."""

    words: str
    href: str


@dataclass(frozen=True)
class Strip:
    """document: None for the strip that many documents share. pages_per_cell: 1, or more in a long document."""

    key: str
    name: str
    document: CoveredDocument | None
    rectangles: tuple[Rectangle, ...]
    bands: tuple[Band, ...]
    cells: int
    pages_per_cell: int
    sent: int
    cited: int
    left_out: int
    links: Sequence[CitedLink] = ()
    more_links: int = 0
    tree: CoveredTree | None = None
    """Of a repository."""

    @property
    def columns(self) -> int:
        return min(COLUMNS, max(self.cells, 1))

    @property
    def is_full(self) -> bool:
        """Whether it has a whole row at least."""
        return self.columns == COLUMNS

    @property
    def view_width(self) -> int:
        return self.columns * CELL_UNITS

    @property
    def view_height(self) -> int:
        return ceil(self.cells / COLUMNS) * ROW_UNITS


def coverage_strips(
    coverage: Coverage,
    links: Mapping[int, Sequence[CitedLink]] | None = None,
    trees: Mapping[int, CoveredTree] | None = None,
) -> list[Strip]:
    """A strip for each document. Of very many, those with cited or missing pages first; the others in one strip.

    links: to the cited pages, by ordinal. trees: of repositories, by ordinal; their cells are told by files.
    """
    documents = coverage.documents
    if len(documents) > MOST_STRIPS:
        documents = sorted(documents, key=lambda one: (not one.cited, not (one.left_out or one.reason)))
    own, others = documents[:MOST_STRIPS], documents[MOST_STRIPS:]
    passes = coverage.passes if len(coverage.passes) > 1 else []
    strips = [
        _strip(
            str(one.ordinal),
            one.name,
            one,
            one.runs,
            passes,
            (links or {}).get(one.ordinal, ()),
            (trees or {}).get(one.ordinal),
        )
        for one in own
    ]
    if others:
        runs = [run for one in others for run in one.runs]
        strips.append(_strip("others", f"{len(others):,} more documents", None, runs, []))
    return strips


def _strip(
    key: str,
    name: str,
    document: CoveredDocument | None,
    runs: Sequence[PageRun],
    passes: Sequence[ReadingPass],
    links: Sequence[CitedLink] = (),
    tree: CoveredTree | None = None,
) -> Strip:
    pages = sum(run.pages for run in runs)
    per_cell = max(1, ceil(pages / MOST_CELLS))
    cells = _cells(runs, per_cell, ceil(pages / per_cell))
    counts = {
        state: sum(run.pages for run in runs if run.state == state) for state in ("sent", "cited", "left_out")
    }
    numbers = _Numbers(runs) if document else None
    return Strip(
        key=key,
        name=name,
        document=document,
        rectangles=tuple(_rectangles(cells, per_cell, numbers, tree)),
        bands=tuple(_bands(passes, document.ordinal, numbers, per_cell)) if document and numbers else (),
        cells=len(cells),
        pages_per_cell=per_cell,
        sent=counts["sent"] + counts["cited"],
        cited=counts["cited"],
        left_out=counts["left_out"],
        links=links[:MOST_RANGES],
        more_links=max(0, len(links) - MOST_RANGES),
        tree=tree,
    )


@dataclass(frozen=True)
class _Cell:
    kind: str
    reason: str


def _cells(runs: Sequence[PageRun], per_cell: int, count: int) -> list[_Cell]:
    cells = [_Cell(RANKS[0], "")] * count
    at = 0
    for run in runs:
        cell = _Cell(_kind(run), run.reason)
        for index in range(at // per_cell, (at + run.pages - 1) // per_cell + 1):
            if RANKS.index(cell.kind) > RANKS.index(cells[index].kind):
                cells[index] = cell
        at += run.pages
    return cells


def _kind(run: PageRun) -> str:
    if run.state != "left_out":
        return run.state
    return "no-text" if any(words in run.reason.lower() for words in _WITHOUT_TEXT) else "left-out"


class _Numbers:
    """Page numbers by place in the strip, from 0, and the other way round."""

    def __init__(self, runs: Sequence[PageRun]) -> None:
        self._runs = runs
        self._firsts = [run.first for run in runs]
        self._starts = [0, *accumulate(run.pages for run in runs)]

    def at(self, place: int) -> int:
        """The page at a place; the last one beyond the end."""
        place = min(place, self._starts[-1] - 1)
        index = bisect_right(self._starts, place) - 1
        return self._firsts[index] + place - self._starts[index]

    def places(self, first: int, last: int) -> tuple[int, int] | None:
        """Places of the pages first to last; None where none of them is in the strip."""
        begin, end = self._count_to(first - 1), self._count_to(last) - 1
        return (begin, end) if begin <= end else None

    def _count_to(self, number: int) -> int:
        """How many pages of the strip have at most this number."""
        index = bisect_right(self._firsts, number) - 1
        if index < 0:
            return 0
        return self._starts[index] + min(number - self._firsts[index] + 1, self._runs[index].pages)


def _rectangles(
    cells: Sequence[_Cell], per_cell: int, numbers: _Numbers | None, tree: CoveredTree | None
) -> list[Rectangle]:
    found = []
    for start in range(0, len(cells), COLUMNS):
        column = 0
        for cell, group in groupby(cells[start : start + COLUMNS]):
            width = len(list(group))
            found.append(
                Rectangle(
                    kind=cell.kind,
                    x=column * CELL_UNITS,
                    y=start // COLUMNS * ROW_UNITS,
                    width=width * CELL_UNITS,
                    title=_title(cell, start + column, width, per_cell, numbers, tree),
                )
            )
            column += width
    return found


def _title(
    cell: _Cell, index: int, width: int, per_cell: int, numbers: _Numbers | None, tree: CoveredTree | None
) -> str:
    words = cell.reason or KIND_WORDS[cell.kind]
    if numbers is None:
        return words.capitalize()
    first, last = numbers.at(index * per_cell), numbers.at((index + width) * per_cell - 1)
    # A cell of several pages tells of the one that matters most.
    some = "some " if per_cell > 1 and first != last and cell.kind != RANKS[0] else ""
    if tree is not None:
        begins, ends = tree.path_at(first), tree.path_at(last)
        return f"{begins}{f' … {ends}' if ends != begins else ''}: {some}{words}"
    return f"Page {first}: {words}" if first == last else f"Pages {first}–{last}: {some}{words}"


def _bands(passes: Sequence[ReadingPass], ordinal: int, numbers: _Numbers, per_cell: int) -> list[Band]:
    found = []
    for one in passes:
        for item in one.pages:
            if item["ordinal"] != ordinal or (places := numbers.places(item["first"], item["last"])) is None:
                continue
            first, last = places[0] // per_cell, places[1] // per_cell
            for row in range(first // COLUMNS, last // COLUMNS + 1):
                begin, end = max(first, row * COLUMNS), min(last, row * COLUMNS + COLUMNS - 1)
                found.append(
                    Band(
                        number=one.number,
                        x=begin % COLUMNS * CELL_UNITS,
                        y=row * ROW_UNITS + CELL_UNITS,
                        width=(end - begin + 1) * CELL_UNITS,
                    )
                )
    return found


@dataclass(frozen=True)
class LeftOut:
    """Pages of one document that were not sent for one reason. ranges: some of them; more: how many are not named."""

    name: str
    reason: str
    ranges: list[tuple[int, int]]
    more: int


def left_out_rows(coverage: Coverage) -> list[LeftOut]:
    """What was not sent, a row for each document and reason; no ranges for a document that was not sent at all."""
    found = []
    for document in coverage.documents:
        if document.reason:
            found.append(LeftOut(document.name, document.reason, [], 0))
        runs = sorted((run for run in document.runs if run.state == "left_out"), key=attrgetter("reason"))
        for reason, group in groupby(runs, key=attrgetter("reason")):
            together = list(ranges(number for run in group for number in range(run.first, run.last + 1)))
            found.append(
                LeftOut(document.name, reason, together[:MOST_RANGES], max(0, len(together) - MOST_RANGES))
            )
    return found
