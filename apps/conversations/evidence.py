"""Evidence lines against the stored pages: verdict, place on the page picture or lines of the file, row."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from apps.common.folding import fold_plain, places_of
from apps.conversations.marker_grammar import EvidenceLine, PageKey, SentPages, canonical_marker
from apps.conversations.models import Answer, Evidence, Verdict
from apps.conversations.page_folds import page_folds
from apps.conversations.services import sent_pages
from apps.conversations.verification import Verification, line_range, verify_quote
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.quotes import PageWords, find_boxes
from apps.library.ingestion.sandbox import ChildDied, ChildFailed
from apps.library.models import Page, Revision
from apps.library.pictures import PicturesBusy, page_words
from apps.library.viewer import DRAWN_KINDS

log = logging.getLogger(__name__)

MOST_EVIDENCE = 500
"""Lines of one answer that are checked and kept; a model that writes more is not quoting any more."""


class ManifestPages:
    """The pages of a manifest, read from the database as they are needed (`verification.PageTexts`).

    The search over all pages is shared with every other answer of this process (page_folds.py).
    """

    def __init__(self, manifest: list[dict[str, Any]]) -> None:
        self.documents = {entry["ordinal"]: entry for entry in manifest}
        self.sent: SentPages = sent_pages(manifest)
        self._read: dict[PageKey, tuple[str, str] | None] = {}

    def text(self, key: PageKey) -> str | None:
        page = self._page(key) if key in self.sent else None
        return page and page[0]

    def label(self, key: PageKey) -> str:
        """The page's printed label, or its number while it has none."""
        page = self._page(key)
        return (page and page[1]) or str(key[1])

    def _page(self, key: PageKey) -> tuple[str, str] | None:
        """Text and label; None for one that was deleted while the answer was written."""
        if key not in self._read:
            ordinal, number = key
            found = Page.objects.filter(revision_id=self.documents[ordinal]["revision_id"], number=number)
            self._read[key] = found.values_list("text", "label").first()
        return self._read[key]

    def keys(self) -> Iterator[PageKey]:
        for ordinal, entry in self.documents.items():
            for first, last in entry["ranges"]:
                yield from ((ordinal, number) for number in range(first, last + 1))

    def search(self, folded: str) -> Iterator[PageKey]:
        for ordinal, entry in self.documents.items():
            for number in page_folds.pages_with(uuid.UUID(entry["revision_id"]), folded):
                if (ordinal, number) in self.sent:
                    yield ordinal, number


class EvidenceChecker:
    """Checks an answer's evidence line by line and keeps what it found as rows. Blocking: queries, a child."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.pages = ManifestPages(answer.manifest)
        self._words: dict[PageKey, PageWords | None] = {}

    def check(self, line: EvidenceLine, position: int) -> Evidence:
        """Verify one line and store its row. position: 0-based among the answer's evidence."""
        key = None if line.ordinal is None or line.page is None else (line.ordinal, line.page)
        found = verify_quote(line.quote, key, self.pages, last=line.last)
        row = Evidence(
            answer=self.answer,
            position=position,
            marker=canonical_marker(*found.page_key) if found.page_key else line.marker_text[:200],
            marker_given=line.marker_text[:200],
            quote=line.quote,
            why=line.why[:500],
            verdict=Verdict(found.verdict),
            differences=[difference.to_json() for difference in found.differences],
        )
        if found.page_key is not None:
            self._place(row, found.page_key, found)
        row.save()
        return row

    def _place(self, row: Evidence, key: PageKey, found: Verification) -> None:
        ordinal, number = key
        entry = self.pages.documents[ordinal]
        row.ordinal, row.page_number = ordinal, number
        row.document_id, row.revision_id = entry["document_id"], entry["revision_id"]
        row.label = self.pages.label(key)
        text = self.pages.text(key)
        if text is None or found.start is None or found.end is None:
            return
        if entry["kind"] in DRAWN_KINDS:
            words = self._words_of(key)
            if words is not None:
                row.boxes = boxes_of_span(words, text, found.start, found.end)
                row.is_hidden = bool(words.hidden) and words.hides(row.boxes)
        else:
            row.lines = list(line_range(text, found.start, found.end))

    def _words_of(self, key: PageKey) -> PageWords | None:
        """Words of a page with their places; None when they cannot be had, which costs only the boxes."""
        if key not in self._words:
            ordinal, number = key
            try:
                revision = Revision.objects.get(pk=self.pages.documents[ordinal]["revision_id"])
                self._words[key] = page_words(revision, [number]).get(number)
            except (
                Revision.DoesNotExist,
                OSError,
                PicturesBusy,
                IngestionError,
                ChildDied,
                ChildFailed,
            ) as error:
                log.warning("no places on page %s:%s of %s: %s", ordinal, number, self.answer.pk, error)
                self._words[key] = None
        return self._words[key]


def boxes_of_span(words: PageWords, text: str, start: int, end: int) -> list[list[float]]:
    """Boxes of a span of the page's text, not of another place where the same letters stand."""
    before = places_of(fold_plain(text[start:end]), fold_plain(text[:end]))
    boxes = find_boxes(words.words, text[start:end], occurrence=max(0, len(before) - 1))
    return [list(box) for box in boxes or []]


def evidence_of(rows: Iterable[Evidence], ordinal: int, first: int, last: int) -> list[Evidence]:
    """The evidence for a range of pages of one document."""
    return [
        row
        for row in rows
        if row.ordinal == ordinal and row.page_number is not None and first <= row.page_number <= last
    ]
