"""What a corpus holds, as lists and sums for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from apps.accounts.models import User
from apps.library.facts import kind_mark
from apps.library.models import Corpus, CorpusEntry, Document, Revision, Untick
from apps.library.path_ticks import PathTicks
from apps.library.selecting import TickedSum, ticked_sums
from apps.library.states import DocumentState
from apps.llm.tokens import marker_tokens


@dataclass(frozen=True)
class CorpusRow:
    """One document of a corpus as one person sees it. ticked: of a repository that is ticked in part."""

    entry: CorpusEntry
    document: Document
    revision: Revision
    ticks: PathTicks = field(default_factory=PathTicks)
    ticked: TickedSum | None = None

    @property
    def ordinal(self) -> int:
        return self.entry.ordinal

    @property
    def is_ticked(self) -> bool:
        """Whether anything of it is asked about."""
        return not self.ticks.is_none

    @property
    def is_partly_ticked(self) -> bool:
        return self.is_ticked and not self.ticks.is_all

    @property
    def tokens(self) -> int:
        """Of all its pages that are read, packed and behind their markers."""
        pages_read = self.revision.page_count - self.revision.pages_not_read
        return self.revision.token_count + pages_read * self._more_digits

    @property
    def selected_tokens(self) -> int:
        """Of what is ticked, in the same way."""
        if self.ticked is not None:
            return self.ticked.tokens + self.ticked.pages * self._more_digits
        return self.tokens if self.is_ticked else 0

    @property
    def _more_digits(self) -> int:
        return marker_tokens(self.entry.ordinal, 1) - marker_tokens(1, 1)

    @property
    def kind_mark(self) -> str:
        return kind_mark(self.revision, source_url=self.document.source_url)

    @property
    def next_revision(self) -> Revision | None:
        """Being read to replace `revision`, or failed at it."""
        return self.document.next_revision

    @cached_property
    def state(self) -> DocumentState:
        return DocumentState(self.revision, self.next_revision)


@dataclass(frozen=True)
class Meter:
    """How much a corpus holds and how much of it is ticked; tokens without question and rules.

    What is being read again counts as far as it is read.
    """

    selected_tokens: int
    all_tokens: int
    pages: int
    documents: int
    running: int


def corpus_rows(corpus: Corpus, user: User) -> list[CorpusRow]:
    """The documents of a corpus by ordinal. Two queries, and one more where repositories are ticked in part."""
    entries = (
        CorpusEntry.objects.select_related("document__current_revision", "document__next_revision")
        .filter(corpus=corpus, removed_at=None, document__deleted_at=None)
        .order_by("ordinal")
    )
    unticks = dict(Untick.objects.filter(user=user, entry__corpus=corpus).values_list("entry_id", "paths"))
    found = [
        (entry, revision, PathTicks.read(unticks.get(entry.pk)))
        for entry in entries
        if (revision := entry.document.current_revision) is not None
    ]
    sums = ticked_sums(
        {revision.pk: ticks for _, revision, ticks in found if not ticks.is_all and not ticks.is_none}
    )
    return [
        CorpusRow(entry, entry.document, revision, ticks, sums.get(revision.pk))
        for entry, revision, ticks in found
    ]


def corpus_meter(rows: Iterable[CorpusRow]) -> Meter:
    rows = list(rows)
    usable = [row for row in rows if row.state.is_usable]
    return Meter(
        selected_tokens=sum(row.selected_tokens for row in usable),
        all_tokens=sum(row.tokens for row in usable),
        pages=sum(row.revision.page_count for row in usable),
        documents=len(rows),
        running=sum(row.state.is_running for row in rows),
    )
