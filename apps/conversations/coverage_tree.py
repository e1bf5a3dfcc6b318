"""A repository on the coverage sheet: which files its pages are of, and how much of each folder was sent."""

from __future__ import annotations

import uuid
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from apps.conversations.coverage import CoveredDocument, PageRun
from apps.conversations.models import Answer
from apps.library.models import Document, SourceFile

MOST_FOLDERS = 40
"""Rows of the table; the others are summed in a last one."""


@dataclass(slots=True)
class CoveredFolder:
    """path: with its slash; "" for files beside the folders. Counts are of files with text, tokens of those sent."""

    path: str
    sent: int = 0
    cited: int = 0
    left_out: int = 0
    tokens: int = 0
    folders: int = 1
    """How many are summed here."""

    def add(self, other: CoveredFolder) -> None:
        self.sent += other.sent
        self.cited += other.cited
        self.left_out += other.left_out
        self.tokens += other.tokens


@dataclass(frozen=True)
class CoveredTree:
    """The files of one repository as an answer was given them. files: (path, first page), ascending by page."""

    files: Sequence[tuple[str, int]]
    folders: Sequence[CoveredFolder]
    top: str = ""
    """The folder that everything lies in, with its slash."""
    _firsts: Sequence[int] = field(default=(), repr=False)

    def path_at(self, number: int) -> str:
        """The file that a page is of."""
        at = bisect_right(self._firsts, number) - 1
        return self.files[max(at, 0)][0] if self.files else ""


def covered_trees(answer: Answer, documents: Iterable[CoveredDocument]) -> dict[int, CoveredTree]:
    """By ordinal, of the repositories among an answer's documents. One query for all of them."""
    covered = {document.ordinal: document for document in documents}
    entries = [entry for entry in answer.manifest if entry["kind"] == Document.Kind.REPOSITORY]
    if not entries:
        return {}
    rows = SourceFile.objects.filter(revision_id__in=[entry["revision_id"] for entry in entries])
    values = rows.order_by("revision_id", "first_page", "path").values_list(
        "revision_id", "path", "first_page", "page_count", "tokens"
    )
    files = {
        revision_id: [_File(*row[1:]) for row in group]
        for revision_id, group in groupby(values.iterator(chunk_size=5000), key=lambda row: row[0])
    }
    return {
        entry["ordinal"]: _tree(files.get(uuid.UUID(entry["revision_id"]), []), covered[entry["ordinal"]])
        for entry in entries
        if entry["ordinal"] in covered
    }


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    first_page: int
    page_count: int
    tokens: int


def _tree(files: Sequence[_File], document: CoveredDocument) -> CoveredTree:
    top = _top([file.path for file in files])
    sent = _Pages(run for run in document.runs if run.state in ("sent", "cited"))
    cited = _Pages(run for run in document.runs if run.state == "cited")
    folders: dict[str, CoveredFolder] = {}
    for file in files:
        if not file.tokens:
            continue
        name, slash, _ = file.path.removeprefix(top).partition("/")
        path = f"{top}{name}/" if slash else ""
        folder = folders.setdefault(path, CoveredFolder(path))
        last = file.first_page + file.page_count - 1
        is_sent = sent.touches(file.first_page, last)
        folder.sent += is_sent
        folder.left_out += not is_sent
        folder.cited += cited.touches(file.first_page, last)
        folder.tokens += file.tokens * is_sent
    return CoveredTree(
        files=[(file.path, file.first_page) for file in files if file.page_count],
        folders=_shortened(sorted(folders.values(), key=lambda one: (-one.tokens, one.path))),
        top=top,
        _firsts=[file.first_page for file in files if file.page_count],
    )


class _Pages:
    """Ranges of pages, ascending, that a file's pages may touch."""

    def __init__(self, runs: Iterable[PageRun]) -> None:
        self._ranges = [(run.first, run.last) for run in runs]
        self._firsts = [first for first, _ in self._ranges]

    def touches(self, first: int, last: int) -> bool:
        at = bisect_right(self._firsts, last) - 1
        return at >= 0 and self._ranges[at][1] >= first


def _top(paths: Sequence[str]) -> str:
    """The folder that all paths lie in, with its slash; "" for none. paths: ascending."""
    if not paths:
        return ""
    first, last = min(paths), max(paths)
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    return first[: first.rfind("/", 0, same) + 1]


def _shortened(folders: Sequence[CoveredFolder]) -> list[CoveredFolder]:
    if len(folders) <= MOST_FOLDERS:
        return list(folders)
    others = CoveredFolder("", folders=len(folders) - MOST_FOLDERS + 1)
    for folder in folders[MOST_FOLDERS - 1 :]:
        others.add(folder)
    return [*folders[: MOST_FOLDERS - 1], others]
