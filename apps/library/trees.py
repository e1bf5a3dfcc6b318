"""A repository as a tree: what one folder holds, with sums, the heaviest first. Two queries, however many files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, ExpressionWrapper, F, IntegerField, Min, QuerySet, Sum, Value, When
from django.db.models.functions import Left, StrIndex, Substr

from apps.library.models import Revision, SourceFile


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder in a folder. path: from the root; a folder's ends in a slash, its name does not.

    first_page: of the file, or the first of any file below. flags: of a file, what a reader should know.
    """

    name: str
    path: str
    is_folder: bool
    files: int
    lines: int
    tokens: int
    first_page: int
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder. entries: a piece of the list; total_entries: length of the whole. The sums are of everything below."""

    path: str
    entries: tuple[Entry, ...]
    total_entries: int
    files: int
    lines: int
    tokens: int


def files_below(revision: Revision, path: str) -> QuerySet[SourceFile]:
    """Files in a folder and its folders. path: ends in a slash, "" for all."""
    files = SourceFile.objects.filter(revision=revision)
    # `startswith` would be LIKE, which on SQLite takes `SRC/` for `src/`.
    return files.annotate(_prefix=Left("path", len(path))).filter(_prefix=path) if path else files


def folder(revision: Revision, path: str = "", *, first: int = 0, limit: int = 200) -> Folder:
    """What a folder holds, heaviest first, then by name. path: ends in a slash, "" for the root; 0 files if unknown.

    first, limit: which entries. Two queries.
    """
    rows = list(
        files_below(revision, path)
        .annotate(_rest=Substr("path", len(path) + 1))
        .annotate(_slash=StrIndex("_rest", Value("/")))
        .annotate(
            entry=Case(
                When(_slash__gt=0, then=Substr("_rest", 1, ExpressionWrapper(F("_slash"), IntegerField()))),
                default=F("_rest"),
            )
        )
        .values("entry")
        .annotate(
            sum_files=Count("pk"),
            sum_lines=Sum("line_count"),
            sum_tokens=Sum("tokens"),
            page=Min("first_page"),
        )
        .order_by("-sum_tokens", "entry")
    )
    shown = rows[first : first + limit]
    names = [row["entry"] for row in shown if not row["entry"].endswith("/")]
    flags = dict(
        SourceFile.objects.filter(revision=revision, path__in=[path + name for name in names])
        .exclude(flags=[])
        .values_list("path", "flags")
    )
    return Folder(
        path,
        tuple(_entry(path, row, flags) for row in shown),
        len(rows),
        files=sum(row["sum_files"] for row in rows),
        lines=sum(row["sum_lines"] for row in rows),
        tokens=sum(row["sum_tokens"] for row in rows),
    )


def _entry(folder_path: str, row: Mapping[str, Any], flags: dict[str, list[str]]) -> Entry:
    path = folder_path + row["entry"]
    return Entry(
        name=row["entry"].removesuffix("/"),
        path=path,
        is_folder=path.endswith("/"),
        files=row["sum_files"],
        lines=row["sum_lines"],
        tokens=row["sum_tokens"],
        first_page=row["page"],
        flags=tuple(flags.get(path, ())),
    )
