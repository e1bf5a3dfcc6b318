"""Figures of many pages, read by several children at once; a figure that kills its child costs itself alone."""

from __future__ import annotations

import base64
import threading
from collections import Counter
from collections.abc import Collection, Generator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.limits import Limits
from apps.library.ingestion.pipeline import default_workers
from apps.library.ingestion.sandbox import Cancelled, ChildDied, ChildFailed, Sandbox, sandbox

FigureFormat: TypeAlias = Literal["webp", "png"]

# Encoded figures of so few pages are held at once, whatever they show.
_PAGES_PER_CHILD = 8
# A document that kills more children than this keeps the figures found until then: each death may cost a minute.
MOST_DEATHS = 12
_CANCEL_SECONDS = 0.25
# Each child is told of all of them: some 150 bytes apiece.
_MOST_KNOWN = 2_000
_LOOKS = {"dropped", "digest", "width", "height", "format"}


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure on a page. box: fractions 0–1 of the page as shown, [x0, y0, x1, y1], origin top left.

    digest: of its pixels as drawn. width, height: pixels. content: encoded; None where an earlier figure of
    these pages has the same digest.
    """

    digest: str
    width: int
    height: int
    box: tuple[float, float, float, float]
    format: FigureFormat
    content: bytes | None = field(repr=False)


@dataclass(slots=True)
class PageFigures:
    """What was found on one page. number: 1-based. pictures: that the page places, before joining.

    dropped: how many by reason: whole_page, part_of_scan, line, tiny, blank, over_limit. failed: figures that
    could not be drawn. is_complete: False when the page itself could not be looked through.
    """

    number: int
    pictures: int = 0
    figures: list[Figure] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    is_complete: bool = False
    looks: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    """By key, what pictures drawn here look like: other children need not draw them again."""


class FigureReader:
    """Reads the figures of one open document.

    is_full: set by the caller when it keeps no more; from then on figures are counted and not drawn.
    """

    def __init__(
        self,
        fd: int,
        *,
        password: str = "",
        reader: str = "pdf",
        limits: Limits | None = None,
        workers: int | None = None,
        cancelled: threading.Event | None = None,
        box: Sandbox | None = None,
    ) -> None:
        self.is_full = False
        self._fd = fd
        self._password = password
        self._job = f"{reader}.figures"
        self._limits = limits or replace(Limits(), output_bytes=32 * 1024**2)
        self._workers = workers or default_workers()
        self._box = box or sandbox()
        self._asked_to_stop = cancelled or threading.Event()
        self._cancelled = threading.Event()
        self._deaths_left = MOST_DEATHS
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Any]] = {}
        """Looks of pictures that were drawn, for the children that come after."""

    def read(self, numbers: Collection[int]) -> Generator[list[PageFigures], None, None]:
        """Figures of the given pages (1-based), a few pages at a time, in order of completion.

        Never raises for what a page or picture does. Close the generator to stop; raises Cancelled within half a
        second when cancelled is set.
        """
        ordered = sorted(numbers)
        waiting = iter(
            [ordered[at : at + _PAGES_PER_CHILD] for at in range(0, len(ordered), _PAGES_PER_CHILD)]
        )
        running: set[Future[list[PageFigures]]] = set()
        with ThreadPoolExecutor(self._workers, thread_name_prefix="figures") as pool:
            try:
                while True:
                    while len(running) <= self._workers and (some := next(waiting, None)):
                        running.add(pool.submit(self._read_some, some))
                    if not running:
                        return
                    if self._asked_to_stop.is_set():
                        raise Cancelled
                    done, running = wait(running, timeout=_CANCEL_SECONDS, return_when=FIRST_COMPLETED)
                    for future in done:
                        pages = future.result()
                        yield pages
                        # Not before: whoever asked must hold a figure before another place refers to it.
                        self._known = self._learned(pages)
            finally:
                self._cancelled.set()
                for future in running:
                    future.cancel()

    def _read_some(self, numbers: list[int]) -> list[PageFigures]:
        pages = {number: PageFigures(number) for number in numbers}
        left, start = numbers, 0
        while left:
            place = _Place(left[0], start)
            try:
                self._read_until_death(pages, left, start, place)
                break
            except (ChildDied, ChildFailed) as error:
                is_lost = isinstance(error, ChildDied) and error.limit == "lost"
                left, start = [number for number in left if number >= place.number], place.index
                if not place.has_moved and not is_lost:
                    # It did nothing but die: of this figure, or of the page before its first one.
                    if place.is_open:
                        pages[place.number].failed += 1
                        start += 1
                    else:
                        left, start = left[1:], 0
                if not self._may_go_on():
                    break
            except IngestionError:
                # The whole file cannot be opened any more; its pages stay incomplete.
                break
        return list(pages.values())

    def _learned(self, pages: list[PageFigures]) -> dict[str, dict[str, Any]]:
        known = dict(self._known)
        for page in pages:
            if len(known) < _MOST_KNOWN:
                known |= page.looks
        return known

    def _may_go_on(self) -> bool:
        with self._lock:
            self._deaths_left -= 1
            return self._deaths_left > 0

    def _read_until_death(
        self, pages: dict[int, PageFigures], numbers: list[int], start: int, place: _Place
    ) -> None:
        args = {
            "pages": numbers,
            "password": self._password,
            "start": start,
            "draw": not self.is_full,
            "known": dict(self._known),
        }
        for value in self._box.run(
            self._job, fd=self._fd, args=args, limits=self._limits, cancelled=self._cancelled
        ):
            page = pages[value["page"]]
            place.follow(value)
            if "key" in value:
                looks = {name: value[name] for name in _LOOKS & value.keys()}
                page.looks[value["key"]] = looks
            if "end" in value:
                page.pictures = value["end"]
                page.is_complete = True
            elif "dropped" in value:
                page.dropped[value["dropped"]] += 1
            elif "failed" in value:
                page.failed += 1
            elif "digest" in value:
                page.figures.append(_figure(value))


@dataclass(slots=True)
class _Place:
    """Where a child stands: the page and figure it is at, and whether it got anywhere since it started."""

    number: int
    index: int
    is_open: bool = False
    """The page was looked through; what follows are its figures."""
    has_moved: bool = False

    def follow(self, value: dict[str, Any]) -> None:
        if "found" in value:
            self.number, self.is_open = value["page"], True
        elif "index" in value:
            self.index, self.has_moved = value["index"] + 1, True
        elif "end" in value:
            # Pages come in ascending order, so the next one has a larger number.
            self.number, self.index, self.is_open, self.has_moved = value["page"] + 1, 0, False, True


def _figure(value: dict[str, Any]) -> Figure:
    data = value.get("data")
    return Figure(
        digest=value["digest"],
        width=value["width"],
        height=value["height"],
        box=tuple(value["box"]),
        format=value["format"],
        content=None if data is None else base64.b64decode(data),
    )
