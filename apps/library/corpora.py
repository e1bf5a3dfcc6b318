"""What a corpus holds, as lists and sums for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from apps.accounts.models import User
from apps.library.models import Corpus, CorpusEntry, Document, Revision, Untick
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
        """Of all its pages, packed and behind their markers."""
        pages_read = self.revision.page_count - self.revision.pages_not_read
        more_digits = marker_tokens(self.entry.ordinal, 1) - marker_tokens(1, 1)
        return self.revision.token_count + pages_read * more_digits

    @property
    def status(self) -> str:
        return self.revision.status

    @property
    def stage(self) -> str:
        return self.revision.stage

    @property
    def done(self) -> int:
        return self.revision.done

    @property
    def total(self) -> int:
        return self.revision.total

    @property
    def pages_not_read(self) -> int:
        return self.revision.pages_not_read

    @property
    def error_sentence(self) -> str:
        return self.revision.error_sentence

    @property
    def is_running(self) -> bool:
        return self.revision.is_running

    @property
    def is_ready(self) -> bool:
        return self.revision.status == Revision.Status.READY


@dataclass(frozen=True)
class Meter:
    """How much a corpus holds and how much of it is ticked; tokens without question and rules."""

    selected_tokens: int
    all_tokens: int
    pages: int
    documents: int
    running: int


def corpus_rows(corpus: Corpus, user: User) -> list[CorpusRow]:
    """The documents of a corpus by ordinal. Two queries, however many there are."""
    entries = (
        CorpusEntry.objects.select_related("document__current_revision")
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
    ready = [row for row in rows if row.is_ready]
    return Meter(
        selected_tokens=sum(row.tokens for row in ready if row.is_ticked),
        all_tokens=sum(row.tokens for row in ready),
        pages=sum(row.revision.page_count for row in ready),
        documents=len(rows),
        running=sum(row.is_running for row in rows),
    )
