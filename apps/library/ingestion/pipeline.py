"""A whole document, read by several children at once, page by page whatever single pages do.

A child hands over each page as soon as it has it. When one dies, the pages it gave are kept, the page it was
reading is read again alone, and the rest goes on in a new child: one bad page costs two deaths. A page that
dies alone is unreadable, with the limit named.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Collection, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TypeAlias

from apps.library.ingestion.guards import MAX_CHARACTERS, IngestionError
from apps.library.ingestion.limits import Limits
from apps.library.ingestion.readers.base import DocumentInfo, PageText, ReadOptions
from apps.library.ingestion.sandbox import Cancelled, ChildDied, ChildFailed, Sandbox, sandbox

# Small enough that a short file uses every core and progress is seen, large enough that opening a file and
# forking cost little.
MIN_RANGE, MAX_RANGE = 16, 64
_RANGES_PER_WORKER = 4
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
    """Pages first to last, 1-based and inclusive, each of them present, in order."""

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
    a limit. At most two ranges per worker are held in memory.
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
    size = min(MAX_RANGE, max(MIN_RANGE, -(-pages // (max(1, workers) * _RANGES_PER_WORKER))))
    ranges: list[tuple[int, int]] = []
    done = frozenset(skip)
    for number in range(1, pages + 1):
        if number in done:
            continue
        if ranges and ranges[-1][1] == number - 1 and number - ranges[-1][0] < size:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def _read_ranges(fd: int, info: DocumentInfo, options: PipelineOptions, box: Sandbox) -> Iterator[RangeRead]:
    waiting = iter(plan_ranges(info.pages, options.workers, options.skip))
    running: set[Future[RangeRead]] = set()
    cancelled = threading.Event()
    characters, unreadable = 0, 0
    first_reason = ""
    with ThreadPoolExecutor(max(1, options.workers), thread_name_prefix="reading") as pool:
        try:
            while True:
                while len(running) < 2 * options.workers and (piece := next(waiting, None)):
                    running.add(pool.submit(_read_range, fd, *piece, info, options, box, cancelled))
                if not running:
                    break
                if options.cancelled is not None and options.cancelled.is_set():
                    raise Cancelled
                done, running = wait(
                    running,
                    timeout=None if options.cancelled is None else _CANCEL_SECONDS,
                    return_when=FIRST_COMPLETED,
                )
                for future in done:
                    pages = future.result()
                    characters += sum(len(page.text) for page in pages.pages)
                    if characters > options.max_characters:
                        raise IngestionError("too_much_text", limit=options.max_characters // 1_000_000)
                    for page in pages.pages:
                        if page.state == "unreadable":
                            unreadable += 1
                            first_reason = first_reason or page.reason
                    yield pages
        finally:
            cancelled.set()
            for future in running:
                future.cancel()
    if unreadable == info.pages:
        raise IngestionError("no_readable_page", reason=first_reason)


def _read_range(
    fd: int,
    first: int,
    last: int,
    info: DocumentInfo,
    options: PipelineOptions,
    box: Sandbox,
    cancelled: threading.Event,
) -> RangeRead:
    pages: list[PageText] = []
    pieces = [(first, last)]
    lost = 0
    while pieces:
        start, end = pieces.pop()
        args = {
            "first": start,
            "last": end,
            "options": asdict(ReadOptions(password=options.password)),
        }
        try:
            for value in box.run(
                f"{options.reader}.read", fd=fd, args=args, limits=options.limits, cancelled=cancelled
            ):
                pages.append(PageText.from_json(value))  # noqa: PERF401 - kept when the next one raises
        except (ChildDied, ChildFailed) as error:
            next_number = pages[-1].number + 1 if pages and pages[-1].number >= start else start
            if next_number > end:
                continue  # it died after its last page
            if isinstance(error, ChildDied) and error.limit == "lost" and lost < _MOST_LOST:
                lost += 1
                pieces.append((next_number, end))
            elif start == end:
                pages.append(PageText.unreadable(start, info.labels[start - 1], error.sentence))
            else:
                if next_number < end:
                    pieces.append((next_number + 1, end))
                pieces.append((next_number, next_number))
    return RangeRead(first, last, tuple(pages))


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
