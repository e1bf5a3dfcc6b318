"""Which pages of a revision hold a folded quote: the search over all pages that were sent.

Folds are kept once per worker process, whichever answers ask, because revisions never change. Folding takes most
of the time of a first search, so it is done page by page and in threads that no stream waits for.
"""

from __future__ import annotations

import threading
import uuid
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from apps.common.folding import fold_bytes
from apps.library.models import Page

MOST_BYTES = 128 * 1024 * 1024
"""Folds that a process keeps: some 50,000 pages. A revision of more is folded again for each search."""
_SLAB_BYTES = 1024 * 1024
# Page folds hold no white space, so no quote is found across two of them.
_BETWEEN = b"\n"


@dataclass(frozen=True, slots=True)
class _Slab:
    """Folds of some pages in one string: a search through it holds the interpreter for about a millisecond."""

    numbers: tuple[int, ...]
    starts: tuple[int, ...]
    folds: bytes

    def pages_with(self, needle: bytes) -> Iterator[int]:
        place = self.folds.find(needle)
        while place != -1:
            index = bisect_right(self.starts, place) - 1
            yield self.numbers[index]
            if index + 1 == len(self.starts):
                return
            place = self.folds.find(needle, self.starts[index + 1])


def _slabs(pages: Iterable[tuple[int, str]]) -> Iterator[_Slab]:
    """pages: (number, text)."""
    numbers: list[int] = []
    starts: list[int] = []
    folds: list[bytes] = []
    size = 0
    for number, text in pages:
        folded = fold_bytes(text)
        numbers.append(number)
        starts.append(size)
        folds.append(folded)
        size += len(folded) + len(_BETWEEN)
        if size >= _SLAB_BYTES:
            yield _Slab(tuple(numbers), tuple(starts), _BETWEEN.join(folds))
            numbers, starts, folds, size = [], [], [], 0
    if numbers:
        yield _Slab(tuple(numbers), tuple(starts), _BETWEEN.join(folds))


class PageFolds:
    """Folds of the revisions that were searched last, up to `most_bytes`. For several threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self._kept: OrderedDict[uuid.UUID, tuple[list[_Slab], int]] = OrderedDict()
        self._lock = threading.Lock()
        # One thread folds at a time: two would only share the interpreter, and hold the same pages twice.
        self._folding = threading.Lock()

    def pages_with(self, revision_id: uuid.UUID, folded: str) -> list[int]:
        """Numbers of the pages whose fold contains a folded quote, ascending. One query unless kept."""
        needle = folded.encode("utf-8", "surrogatepass")
        slabs = self._find(revision_id)
        if slabs is None:
            with self._folding:
                slabs = self._find(revision_id)
                if slabs is None:
                    return self._fold_and_search(revision_id, needle)
        return [number for slab in slabs for number in slab.pages_with(needle)]

    def prepare(self, revision_id: uuid.UUID) -> None:
        """Fold a revision before it is searched, unless it is kept or another thread is folding."""
        if self._find(revision_id) is None and self._folding.acquire(blocking=False):
            try:
                self._fold_and_search(revision_id, None)
            finally:
                self._folding.release()

    @property
    def bytes_kept(self) -> int:
        return sum(size for _, size in self._kept.values())

    def _find(self, revision_id: uuid.UUID) -> list[_Slab] | None:
        with self._lock:
            if revision_id not in self._kept:
                return None
            self._kept.move_to_end(revision_id)
            return self._kept[revision_id][0]

    def _fold_and_search(self, revision_id: uuid.UUID, needle: bytes | None) -> list[int]:
        rows = Page.objects.filter(revision_id=revision_id).order_by("number").values_list("number", "text")
        found: list[int] = []
        kept: list[_Slab] = []
        size = 0
        for slab in _slabs(rows.iterator(chunk_size=500)):
            found += slab.pages_with(needle) if needle else ()
            size += len(slab.folds)
            if size <= self.most_bytes:
                kept.append(slab)
            else:
                kept.clear()
        if size <= self.most_bytes:
            with self._lock:
                self._kept[revision_id] = kept, size
                while self.bytes_kept > self.most_bytes:
                    self._kept.popitem(last=False)
        return found


page_folds = PageFolds()
"""This process's."""
