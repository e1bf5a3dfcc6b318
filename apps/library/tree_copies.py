"""Files that this workspace has read before: their pages are copied inside the database, never read or counted again.

A file is known by its bytes, the suffix of its path and the rules it was read by. Under another path its label
differs, and with it the tokens of every page by the same number (`ingestion.path_jobs`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NamedTuple, TypeAlias

from django.db import connection

from apps.library.ingestion.source import CUTTING_VERSION
from apps.library.models import Page, Revision, SourceFile

_ASKED_AT_ONCE = 2_000
"""Blobs a query; databases bound the number of parameters."""

Content: TypeAlias = tuple[str, str]
"""(blob, suffix of the path): what decides how a file is read."""


class SourceGone(Exception):
    """Pages that were to be copied are gone: their document was deleted at this moment."""


class KnownFile(NamedTuple):
    """A file as some reading of this workspace holds it."""

    revision_id: uuid.UUID
    path: str
    blob: str
    first_page: int
    page_count: int
    line_count: int
    encoding: str
    flags: list[str]

    @property
    def content(self) -> Content:
        return content_of(self.path, self.blob)

    @property
    def end(self) -> int:
        """The number behind its last page."""
        return self.first_page + self.page_count


@dataclass(frozen=True, slots=True)
class Copy:
    """Pages of a reading to be taken over. more_tokens: of each page that has any, for its longer path."""

    source: KnownFile
    path: str
    first_page: int
    more_tokens: int = 0

    @property
    def shift(self) -> int:
        return self.first_page - self.source.first_page

    def follows(self, other: Copy) -> bool:
        """Whether one statement can copy both: neighbours there and here, under the same paths."""
        return (
            self.source.revision_id == other.source.revision_id
            and self.source.first_page == other.source.end
            and self.shift == other.shift
            and self.path == self.source.path
            and other.path == other.source.path
        )


def content_of(path: str, blob: str) -> Content:
    return blob, PurePosixPath(path).suffix.lower()


def known_files(revision: Revision, paths: Mapping[str, Content]) -> dict[str, KnownFile]:
    """Path → where a file of that content was read by the same rules in the workspace; paths without are missing.

    The newest under the same path, where there is one: nothing of it changes but its numbers. Else the newest. A
    workspace may have read a tree a hundred times, so what is not taken is not kept.
    """
    blobs = sorted({blob for blob, _ in paths.values()})
    at_its_path: dict[str, KnownFile] = {}
    newest: dict[Content, KnownFile] = {}
    for start in range(0, len(blobs), _ASKED_AT_ONCE):
        rows = (
            SourceFile.objects.filter(
                workspace_id=revision.workspace_id,
                blob__in=blobs[start : start + _ASKED_AT_ONCE],
                cutting=CUTTING_VERSION,
                revision__tokenizer=revision.tokenizer,
                revision__packing_version=revision.packing_version,
                revision__document__deleted_at=None,
            )
            .order_by("-pk")
            .values_list(*KnownFile._fields)
        )
        for row in rows.iterator(chunk_size=_ASKED_AT_ONCE):
            file = KnownFile(*row)
            newest.setdefault(file.content, file)
            if paths.get(file.path) == file.content:
                at_its_path.setdefault(file.path, file)
    known = {path: newest[content] for path, content in paths.items() if content in newest}
    return known | at_its_path


def copy_pages(revision: Revision, copies: Iterable[Copy]) -> None:
    """Copy them, neighbours in one statement. Call it in a transaction. Raises SourceGone."""
    for run in _runs(copy for copy in copies if copy.source.page_count):
        _copy_run(revision, run)


def _runs(copies: Iterable[Copy]) -> Iterator[list[Copy]]:
    run: list[Copy] = []
    for copy in copies:
        if run and not copy.follows(run[-1]):
            yield run
            run = []
        run.append(copy)
    if run:
        yield run


def _copy_run(revision: Revision, run: list[Copy]) -> None:
    first, last = run[0], run[-1]
    new = {"revision_id": "%s", "number": "number + %s"}
    values: list[Any] = [_id(revision.pk), first.shift]
    if first.path != first.source.path:
        new["label"] = "%s || substr(label, %s)"
        new["tokens"] = "CASE WHEN tokens > 0 THEN tokens + %s ELSE 0 END"
        values += [first.path, len(first.source.path) + 1, first.more_tokens]
    same = [field.attname for field in Page._meta.concrete_fields if field.attname not in {"id", *new}]
    columns = ", ".join(map(connection.ops.quote_name, [*new, *same]))
    expressions = ", ".join([*new.values(), *map(connection.ops.quote_name, same)])
    table = connection.ops.quote_name(Page._meta.db_table)
    # Every name is one of the model's own.
    statement = (
        f"INSERT INTO {table} ({columns}) SELECT {expressions} FROM {table} "  # noqa: S608
        "WHERE revision_id = %s AND number >= %s AND number < %s ORDER BY number"
    )
    values += [_id(first.source.revision_id), first.source.first_page, last.source.end]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        if cursor.rowcount != sum(copy.source.page_count for copy in run):
            raise SourceGone


def _id(value: uuid.UUID) -> Any:
    return Revision._meta.pk.get_db_prep_value(value, connection)
