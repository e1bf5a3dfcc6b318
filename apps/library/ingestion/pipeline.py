"""A whole document, read by several children at once, page by page whatever single pages do.

A child hands over each page as soon as it has it. When one dies, the pages it gave are kept, the page it was
reading is read again alone, and the rest goes on in a new child: one bad page costs two deaths. A page that
dies alone is unreadable, with the limit named.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import threading
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TypeAlias

from apps.library.ingestion.guards import MAX_CHARACTERS, IngestionError
from apps.library.ingestion.limits import Limits
from apps.library.ingestion.readers.base import DocumentInfo, PageText, ReadOptions
from apps.library.ingestion.sandbox import Cancelled, ChildDied, ChildFailed, Sandbox, sandbox

# Ranges shrink towards the end of a document, so that all children end together, and stay large before that:
# a child spends about as much on its start, on opening the file and on its fonts as on five pages.
MIN_RANGE, MAX_RANGE = 16, 256
# The tree of pages is walked by every child: of a longer document each reads more.
_MOST_LARGE_RANGES = 16
_SHARE_OF_REST = 1.5
# A child that has read for so long leaves the rest of its range to another, far from its own limits.
_RANGE_SECONDS = 20.0
# Pages are handed on in pieces of at most so many, so that progress is seen and a transaction stays short.
MAX_PIECE = 64
# Pieces that wait for their reader before children wait for him too; how often a waiting one looks up.
_MOST_WAITING = 8
_CANCEL_SECONDS = 0.25
# A zygote that was killed takes its children along; their ranges are read again, but not for ever.
_MOST_LOST = 3
# How often a waiting document looks whether it was cancelled.
_CANCEL_SECONDS = 0.25


def default_workers() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """workers: children at once. skip: page numbers that are stored already. reader: prefix of its jobs.

    cancelled: set from another thread, it ends the reading with Cancelled within half a second.
    """

    password: str = ""
    workers: int = field(default_factory=default_workers)
    skip: Collection[int] = ()
    limits: Limits = field(default_factory=Limits)
    reader: str = "pdf"
    max_characters: int = MAX_CHARACTERS
    cancelled: threading.Event | None = None


@dataclass(frozen=True, slots=True)
class RangeRead:
    """Pages first to last, 1-based and inclusive, at most MAX_PIECE, each of them present, in order."""

    first: int
    last: int
    pages: tuple[PageText, ...]


Progress: TypeAlias = DocumentInfo | RangeRead


def read_document(
    file: Path | IO[bytes], options: PipelineOptions | None = None, *, box: Sandbox | None = None
) -> Generator[Progress, None, None]:
    """First what the file says about itself, then its pages in ranges, in order of completion.

    Close the generator to stop: running children are killed within half a second. Raises IngestionError when
    the document cannot be read as a whole (before or after some ranges), and ChildDied when describing it hit
    a limit. A range per worker and some pieces are held in memory.
    """
    options = options or PipelineOptions()
    box = box or sandbox()
    with _descriptor(file) as fd:
        info = describe(fd, options, box=box)
        yield info
        yield from _read_ranges(fd, info, options, box)


def describe(fd: int, options: PipelineOptions, *, box: Sandbox | None = None) -> DocumentInfo:
    """What an open file says about itself, without reading its pages; raises as read_document does."""
    args = {"options": asdict(ReadOptions(password=options.password))}
    for value in (box or sandbox()).run(
        f"{options.reader}.describe",
        fd=fd,
        args=args,
        limits=options.limits,
        cancelled=options.cancelled,
    ):
        return DocumentInfo.from_json(value)
    raise AssertionError("The describe job ended without a value and without an error.")


def plan_ranges(pages: int, workers: int, skip: Collection[int]) -> list[tuple[int, int]]:
    """Ranges (first, last), 1-based and inclusive, of all pages that are not in skip."""
    done = frozenset(skip)
    left = pages - sum(1 for number in done if 1 <= number <= pages)
    largest = max(MAX_RANGE, pages // _MOST_LARGE_RANGES)
    ranges: list[tuple[int, int]] = []
    size = 0
    for number in range(1, pages + 1):
        if number in done:
            continue
        if ranges and ranges[-1][1] == number - 1 and number - ranges[-1][0] < size:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
            size = min(largest, max(MIN_RANGE, math.ceil(left / (_SHARE_OF_REST * max(1, workers)))))
        left -= 1
    return ranges


def _read_ranges(fd: int, info: DocumentInfo, options: PipelineOptions, box: Sandbox) -> Iterator[RangeRead]:
    reading = _Reading(fd, info, options, box)
    characters, unreadable = 0, 0
    first_reason = ""
    try:
        for piece in reading.pieces():
            characters += sum(len(page.text) for page in piece.pages)
            if characters > options.max_characters:
                raise IngestionError("too_much_text", limit=options.max_characters // 1_000_000)
            for page in piece.pages:
                if page.state == "unreadable":
                    unreadable += 1
                    first_reason = first_reason or page.reason
            yield piece
    finally:
        reading.stop()
    if unreadable == info.pages:
        raise IngestionError("no_readable_page", reason=first_reason)


class _Reading:
    """The threads that read one document; each takes the next range until none is left."""

    def __init__(self, fd: int, info: DocumentInfo, options: PipelineOptions, box: Sandbox) -> None:
        self.fd, self.info, self.options, self.box = fd, info, options, box
        ranges = plan_ranges(info.pages, options.workers, options.skip)
        self._ranges = iter(ranges)
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._room = threading.Semaphore(_MOST_WAITING)
        # None: a thread ended.
        self._found: SimpleQueue[RangeRead | BaseException | None] = SimpleQueue()
        count = min(max(1, options.workers), len(ranges))
        self._threads = [
            threading.Thread(target=self._work, name=f"reading-{number}", daemon=True)
            for number in range(count)
        ]

    def pieces(self) -> Iterator[RangeRead]:
        """In order of completion; raises what a thread ran into."""
        for thread in self._threads:
            thread.start()
        running = len(self._threads)
        while running:
            match self._found.get():
                case None:
                    running -= 1
                case RangeRead() as piece:
                    self._room.release()
                    yield piece
                case BaseException() as error:
                    raise error

    def stop(self) -> None:
        """Kill the children and wait for the threads."""
        self._cancelled.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _work(self) -> None:
        try:
            while not self._cancelled.is_set():
                with self._lock:
                    bounds = next(self._ranges, None)
                if bounds is None:
                    break
                self._read_range(*bounds)
        except Cancelled:
            return
        except BaseException as error:
            self._found.put(error)
        finally:
            self._found.put(None)

    def _read_range(self, first: int, last: int) -> None:
        """Hand on one range piece by piece, in order, whatever single pages do."""
        held: list[PageText] = []
        waiting = [(first, last)]
        lost = 0
        while waiting:
            start, end = waiting.pop()
            number = start
            error: ChildDied | ChildFailed | None = None
            try:
                for page in self._pages(start, end):
                    held.append(page)
                    number = page.number + 1
                    if len(held) == MAX_PIECE:
                        held = self._hand_on(held)
            except (ChildDied, ChildFailed) as raised:
                error = raised
            if number > end:
                continue  # where it died, it did so after its last page
            if error is None and number > start:
                waiting.append((number, end))  # its time was up
            elif isinstance(error, ChildDied) and error.limit == "lost" and lost < _MOST_LOST:
                lost += 1
                waiting.append((number, end))
            elif start == end:
                sentence = (error or IngestionError("reader_failed")).sentence
                held.append(PageText.unreadable(start, self.info.labels[start - 1], sentence))
                if len(held) == MAX_PIECE:
                    held = self._hand_on(held)
            else:
                if number < end:
                    waiting.append((number + 1, end))
                waiting.append((number, number))
        self._hand_on(held)

    def _pages(self, first: int, last: int) -> Iterator[PageText]:
        args = {
            "first": first,
            "last": last,
            "seconds": _RANGE_SECONDS,
            "options": asdict(ReadOptions(password=self.options.password)),
        }
        for value in self.box.run(
            f"{self.options.reader}.read",
            fd=self.fd,
            args=args,
            limits=self.options.limits,
            cancelled=self._cancelled,
        ):
            yield PageText.from_json(value)

    def _hand_on(self, pages: list[PageText]) -> list[PageText]:
        """Gives an empty list to go on with; waits while too many pieces wait."""
        while pages and not self._room.acquire(timeout=_CANCEL_SECONDS):
            if self._cancelled.is_set():
                raise Cancelled
        if pages:
            self._found.put(RangeRead(pages[0].number, pages[-1].number, tuple(pages)))
        return []


@contextmanager
def _descriptor(file: Path | IO[bytes]) -> Iterator[int]:
    """A descriptor of the file; what has none (remote storage) is copied to a temporary file first."""
    if isinstance(file, Path):
        with file.open("rb") as opened:
            yield opened.fileno()
        return
    try:
        descriptor = file.fileno()
    except (AttributeError, OSError):
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
            copy.flush()
            yield copy.fileno()
        return
    yield descriptor
