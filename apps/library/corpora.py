"""What a corpus holds, as lists and sums for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from apps.accounts.models import User
from apps.library.facts import kind_mark
from apps.library.models import Corpus, CorpusEntry, Document, Revision, Untick
from apps.library.states import DocumentState
from apps.llm.tokens import marker_tokens


@dataclass(frozen=True)
class CorpusRow:
    """One document of a corpus as one person sees it."""

    entry: CorpusEntry
    document: Document
    revision: Revision
    is_ticked: bool

    @property
    def ordinal(self) -> int:
        return self.entry.ordinal

    @property
    def tokens(self) -> int:
        """Of all its pages that are read, packed and behind their markers."""
        pages_read = self.revision.page_count - self.revision.pages_not_read
        more_digits = marker_tokens(self.entry.ordinal, 1) - marker_tokens(1, 1)
        return self.revision.token_count + pages_read * more_digits

    @property
    def kind_mark(self) -> str:
        return kind_mark(self.revision)

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
    """The documents of a corpus by ordinal. Two queries, however many there are."""
    entries = (
        CorpusEntry.objects.select_related("document__current_revision", "document__next_revision")
        .filter(corpus=corpus, removed_at=None, document__deleted_at=None)
        .order_by("ordinal")
    )
    unticked = set(Untick.objects.filter(user=user, entry__corpus=corpus).values_list("entry_id", flat=True))
    return [
        CorpusRow(entry, entry.document, entry.document.current_revision, entry.pk not in unticked)
        for entry in entries
        if entry.document.current_revision is not None
    ]


def corpus_meter(rows: Iterable[CorpusRow]) -> Meter:
    rows = list(rows)
    usable = [row for row in rows if row.state.is_usable]
    return Meter(
        selected_tokens=sum(row.tokens for row in usable if row.is_ticked),
        all_tokens=sum(row.tokens for row in usable),
        pages=sum(row.revision.page_count for row in usable),
        documents=len(rows),
        running=sum(row.state.is_running for row in rows),
    )
