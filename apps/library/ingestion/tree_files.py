"""The files of an unpacked tree for callers: read in the order given, some at a time, on every core.

A child reads a batch of files and hands over each as soon as it has it. When one dies, the files it gave are kept,
the one it was at is read again alone, and the rest goes on in a new child: a bad file costs two deaths and itself.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from apps.library.ingestion.limits import LimitName, Limits
from apps.library.ingestion.pipeline import default_workers
from apps.library.ingestion.sandbox import Cancelled, ChildDied, ChildFailed, Sandbox

MAX_CHARACTERS = 400_000_000
MAX_PAGES = 200_000
"""Of a whole tree, as it is read."""
LEAST_BATCH_BYTES, MOST_BATCH_BYTES, BATCH_FILES = 256 * 1024, 4 * 1024**2, 1_000
"""A child costs some ten milliseconds and reads four MiB in about a second. Batches shrink towards the end, so that
all children end together."""
_SHARE_OF_REST = 4
# A child that was killed, or went with its zygote, is no fault of the file it was at; a file that always ends so is.
_PERHAPS_CHANCE: frozenset[LimitName] = frozenset({"lost", "killed"})
_MOST_CHANCES = 3
_LOOK_SECONDS = 0.25

_REASONS: dict[LimitName, str] = {
    "time": "took too long to read",
    "idle": "took too long to read",
    "cpu": "took too long to read",
    "memory": "needed too much memory to read",
    "disk": "wrote too much while it was read",
    "output": "gave too much text",
    "crash": "crashed the reader",
    "killed": "stopped by the system while it was read",
    "lost": "the reading process went away",
}
FAILED = "could not be read"


class SpooledFile(Protocol):
    """A file whose bytes lie in the spool. path: within the tree."""

    @property
    def path(self) -> str: ...
    @property
    def offset(self) -> int: ...
    @property
    def size(self) -> int: ...


@dataclass(frozen=True, slots=True)
class SlicePage:
    """A page of a file as it is stored and sent. tokens: of its packed form from `]]` on; 0 of a blank one."""

    label: str
    text: str
    tokens: int
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """A secret. line: 1-based. kind: in words, at most 120 characters."""

    line: int
    kind: str
    is_masked: bool


@dataclass(frozen=True, slots=True)
class FileRead:
    """A file as it is stored; its pages joined are its text."""

    path: str
    encoding: str
    flags: tuple[str, ...]
    lines: int
    pages: tuple[SlicePage, ...]
    findings: tuple[Finding, ...]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> FileRead:
        return cls(
            path=value["path"],
            encoding=value["encoding"],
            flags=tuple(value["flags"]),
            lines=value["lines"],
            pages=tuple(SlicePage(**{**page, "flags": tuple(page["flags"])}) for page in value["pages"]),
            findings=tuple(Finding(**finding) for finding in value["findings"]),
        )


@dataclass(frozen=True, slots=True)
class FileSkipped:
    """A file that turned out not to be read. reason: at most 60 characters."""

    path: str
    reason: str


Outcome: TypeAlias = FileRead | FileSkipped


def read_files(
    box: Sandbox,
    spool_fd: int,
    files: Sequence[SpooledFile],
    *,
    limits: Limits | None = None,
    workers: int | None = None,
    cancelled: threading.Event | None = None,
) -> Generator[Outcome, None, None]:
    """One outcome a file, in the order given; some batches beyond what was taken are read ahead and held.

    Close the generator, or set cancelled from another thread, to stop: children are killed within half a second.
    Raises Cancelled then.
    """
    # The spool is mapped into each child, whose own need does not grow with it.
    limits = limits or Limits(memory_bytes=os.fstat(spool_fd).st_size + Limits().memory_bytes)
    count = workers or default_workers()
    stop = _Stop(cancelled)
    running: deque[Future[list[Outcome]]] = deque()
    waiting = batches(files, count)
    with ThreadPoolExecutor(count, thread_name_prefix="files") as threads:
        try:
            while True:
                while len(running) < 2 * count and (batch := next(waiting, None)) is not None:
                    running.append(threads.submit(_read_batch, box, spool_fd, batch, limits, stop))
                if not running:
                    return
                yield from _result(running.popleft(), stop)
        finally:
            stop.set()
            threads.shutdown(cancel_futures=True)


def batches(files: Iterable[SpooledFile], workers: int) -> Iterator[list[SpooledFile]]:
    """The files in pieces, each a share of what is left, at most BATCH_FILES."""
    files = list(files)
    left = sum(file.size for file in files)
    batch: list[SpooledFile] = []
    size, most = 0, 0
    for file in files:
        if batch and (size + file.size > most or len(batch) == BATCH_FILES):
            yield batch
            left -= size
            batch, size = [], 0
        if not batch:
            most = max(LEAST_BATCH_BYTES, min(MOST_BATCH_BYTES, left // (_SHARE_OF_REST * workers)))
        batch.append(file)
        size += file.size
    if batch:
        yield batch


class _Stop(threading.Event):
    """Set when the caller's event is, too."""

    def __init__(self, other: threading.Event | None) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        return super().is_set() or (self._other is not None and self._other.is_set())


def _result(future: Future[list[Outcome]], stop: threading.Event) -> list[Outcome]:
    while True:
        try:
            return future.result(_LOOK_SECONDS)
        except TimeoutError:
            if stop.is_set():
                raise Cancelled from None


def _read_batch(
    box: Sandbox, spool_fd: int, batch: list[SpooledFile], limits: Limits, stop: threading.Event
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    waiting = [batch]
    chances = _MOST_CHANCES
    suspect = ""
    while waiting:
        piece = waiting.pop()
        done = 0
        error: ChildDied | ChildFailed | None = None
        try:
            args = {"files": [[file.path, file.offset, file.size] for file in piece]}
            for value in box.run("tree.read", fd=spool_fd, args=args, limits=limits, cancelled=stop):
                outcomes.append(_outcome(value))
                done += 1
        except (ChildDied, ChildFailed) as raised:
            error = raised
        rest = piece[done:]
        if not rest:
            continue
        if isinstance(error, ChildDied) and error.limit in _PERHAPS_CHANCE and chances:
            chances -= 1
            waiting.append(rest)
        elif rest[0].path == suspect:
            reason = _REASONS[error.limit] if isinstance(error, ChildDied) else FAILED
            outcomes.append(FileSkipped(rest[0].path, reason))
            waiting += [rest[1:]] if rest[1:] else []
        else:
            suspect = rest[0].path
            waiting += [part for part in (rest[1:], rest[:1]) if part]
    return outcomes


def _outcome(value: Mapping[str, Any]) -> Outcome:
    if "skipped" in value:
        return FileSkipped(value["path"], value["skipped"])
    return FileRead.from_json(value)
