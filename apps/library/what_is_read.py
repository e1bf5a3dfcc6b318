"""What is read of a repository and what is not: skipped paths, secrets, encodings, and what other patterns would do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Q, QuerySet, Sum
from django.urls import reverse

from apps.library.code_viewer import ENCODING_WORDS
from apps.library.ingestion.tree.choosing import EXCLUDED, NOT_INCLUDED, RESTORABLE
from apps.library.ingestion.tree.globs import Globs
from apps.library.models import Document, Revision, SecretFinding, SkippedPath, SourceFile
from apps.library.path_ticks import upwards
from apps.library.states import DocumentState
from apps.workspaces.models import Workspace

SKIPPED_SHOWN = 100
"""At a time."""
FINDINGS_SHOWN = 200
MOST_RESTORED = 2_000
"""Paths; more are restored by their folder."""
TOO_MANY_RESTORED = (
    f"More than {MOST_RESTORED:,} paths are taken in: take in folders, written with a slash at their end."
)
FILES_NAMED = 20
_PLAIN = ("ascii", "utf-8")


@dataclass(frozen=True)
class Choice:
    """Which files of a repository are read: globs, and paths that are read although they are left out by default."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()

    @classmethod
    def of(cls, revision: Revision) -> Choice:
        return cls(*(tuple(revision.options.get(name, ())) for name in ("include", "exclude", "restored")))

    def with_restored(self, paths: Iterable[str]) -> Choice:
        return Choice(self.include, self.exclude, tuple(sorted({*self.restored, *paths})))


@dataclass(frozen=True)
class Effect:
    """What reading with other choices would bring. tokens: of files that are read already; new ones are not counted.

    files_out, tokens_out: no longer read. files_in: read then, of which only folders' sums may be known.
    """

    files: int
    tokens: int
    files_out: int
    tokens_out: int
    files_in: int


def effect_of(revision: Revision, choice: Choice) -> Effect:
    """Without reading anything. Two queries, which walk through all paths of the repository.

    Raises IngestionError (bad_glob) never: check patterns first.
    """
    include = Globs(choice.include) if choice.include else None
    exclude = Globs(choice.exclude)
    given_up = set(Choice.of(revision).restored) - set(choice.restored)

    def is_wanted(path: str) -> bool:
        return (include is None or include.matches(path)) and not exclude.matches(path)

    files = tokens = files_out = tokens_out = 0
    read = SourceFile.objects.filter(revision=revision).order_by().values_list("path", "tokens")
    for path, count in read.iterator(chunk_size=5000):
        if is_wanted(path) and not _is_covered(path, given_up):
            files, tokens = files + 1, tokens + count
        else:
            files_out, tokens_out = files_out + 1, tokens_out + count
    patterned = Q(reason__in=(NOT_INCLUDED, EXCLUDED))
    restored = Q(path__in=choice.restored, reason__in=RESTORABLE)
    skipped = SkippedPath.objects.filter(patterned | restored, revision=revision).order_by()
    files_in = sum(
        count
        for path, count in skipped.values_list("path", "count").iterator(chunk_size=5000)
        if is_wanted(path)
    )
    return Effect(files, tokens, files_out, tokens_out, files_in)


def _is_covered(path: str, paths: set[str]) -> bool:
    return bool(paths) and not paths.isdisjoint(upwards(path))


@dataclass(frozen=True)
class SkippedGroup:
    """Paths with one reason. files: with those of left-out folders."""

    reason: str
    files: int
    url: str
    is_shown: bool


@dataclass(frozen=True)
class NamedFiles:
    """Files of which one thing is to be said. named: the first of them."""

    words: str
    files: int
    named: Sequence[tuple[str, int]]
    """(path, first page)."""


@dataclass(frozen=True)
class WhatIsRead:
    """The page of that name, of the reading in use. reason, search, first: which of the skipped paths are listed.

    Queries: groups, shown paths, findings and their counts, encodings, flags; their number does not grow.
    """

    workspace: Workspace
    document: Document
    revision: Revision
    reason: str = ""
    search: str = ""
    first: int = 0

    @cached_property
    def state(self) -> DocumentState:
        return DocumentState(self.revision, self.document.next_revision)

    @property
    def choice(self) -> Choice:
        """As it is read now, or is about to be."""
        return Choice.of(self.state.running or self.revision)

    @property
    def ref(self) -> str:
        return str(self.revision.options.get("ref") or self.revision.facts.get("ref") or "")

    @property
    def looked_at(self) -> datetime | None:
        """When the host was last asked and had the same commit still."""
        looked = self.revision.facts.get("looked")
        return datetime.fromisoformat(looked["at"]) if looked else None

    @property
    def changed(self) -> dict[str, Any]:
        """Against the reading before, where the bytes were others: counts by kind, and `names`."""
        return dict(self.revision.facts.get("changed") or {})

    @property
    def changes(self) -> list[tuple[str, int, Sequence[str]]]:
        """(what happened, how many files, the first of them), of what happened at all."""
        names = self.changed.get("names") or {}
        return [
            (kind, count, names.get(kind, [])[:FILES_NAMED])
            for kind in ("added", "changed", "removed")
            if (count := self.changed.get(kind, 0))
        ]

    # Skipped -------------------------------------------------------------------------------------

    @cached_property
    def groups(self) -> list[SkippedGroup]:
        rows = SkippedPath.objects.filter(revision=self.revision).order_by().values("reason")
        return [
            SkippedGroup(
                row["reason"],
                row["files"],
                self._url_of(reason=row["reason"]),
                row["reason"] == self.reason,
            )
            for row in rows.annotate(files=Sum("count")).order_by("-files", "reason")
        ]

    @property
    def _matching(self) -> QuerySet[SkippedPath]:
        rows = SkippedPath.objects.filter(revision=self.revision)
        if self.reason:
            rows = rows.filter(reason=self.reason)
        return rows.filter(path__icontains=self.search) if self.search else rows

    @cached_property
    def skipped(self) -> list[SkippedPath]:
        rows = self._matching.order_by("path", "pk")
        return list(rows[self.first : self.first + SKIPPED_SHOWN])

    @cached_property
    def matching_count(self) -> int:
        return self._matching.count()

    @property
    def next_url(self) -> str:
        """Of the next piece of the list; empty behind the last one."""
        following = self.first + SKIPPED_SHOWN
        if following >= self.matching_count:
            return ""
        return self._url_of(reason=self.reason, q=self.search, first=following)

    @property
    def can_restore_group(self) -> bool:
        return self.reason in RESTORABLE and self.group_files > 1

    @property
    def group_files(self) -> int:
        return next((group.files for group in self.groups if group.is_shown), 0)

    @property
    def restorable_reasons(self) -> frozenset[str]:
        return RESTORABLE

    def _url_of(self, **query: object) -> str:
        return f"{self.url}?{urlencode({name: value for name, value in query.items() if value})}"

    @property
    def url(self) -> str:
        return reverse("library:what-is-read", args=[self.workspace.slug, self.document.pk])

    # What to know of what is read ----------------------------------------------------------------

    @cached_property
    def finding_counts(self) -> dict[str, int]:
        """{"masked": n, "doubtful": n}."""
        findings = SecretFinding.objects.filter(revision=self.revision)
        return findings.aggregate(
            masked=Count("pk", filter=Q(is_masked=True)), doubtful=Count("pk", filter=Q(is_masked=False))
        )

    @cached_property
    def findings(self) -> list[SecretFinding]:
        rows = SecretFinding.objects.filter(revision=self.revision)
        return list(rows.order_by("-is_masked", "path", "line", "pk")[:FINDINGS_SHOWN])

    @cached_property
    def notes(self) -> list[NamedFiles]:
        """Files in other encodings, and files of which more is to be said, by what it is."""
        found: dict[str, list[tuple[str, int]]] = {}
        files = SourceFile.objects.filter(revision=self.revision).order_by("path")
        odd = files.exclude(encoding__in=_PLAIN, flags=[]).values_list(
            "path", "first_page", "encoding", "flags"
        )
        for path, page, encoding, flags in odd.iterator(chunk_size=2000):
            if encoding not in _PLAIN:
                found.setdefault(f"Decoded from {ENCODING_WORDS.get(encoding, encoding)}", []).append(
                    (path, page)
                )
            for flag in flags:
                if words := _FLAG_HEADINGS.get(str(flag).partition(":")[0]):
                    found.setdefault(words, []).append((path, page))
        return [NamedFiles(words, len(paths), paths[:FILES_NAMED]) for words, paths in found.items()]


def read_context(
    workspace: Workspace, document: Document, reason: str = "", search: str = "", first: int = 0
) -> dict[str, Any]:
    """What the page is drawn from. The document has a reading in use."""
    revision = document.current_revision
    assert revision is not None
    page = WhatIsRead(workspace, document, revision, reason, search, first)
    return {"workspace": workspace, "document": document, "page": page, "state": page.state}


_FLAG_HEADINGS = {
    "replacements": "With characters that could not be decoded",
    "bidi": "With signs that change the direction of text",
    "cut": "With lines or text cut at a limit",
    "notebook": "Notebooks, read as code and text",
    "control": "With control signs",
}
"""Flag of a file → what such files have in common. Masked files stand with the secrets; line ends need no word."""
