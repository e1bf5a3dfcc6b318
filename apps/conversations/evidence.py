"""Evidence lines against the stored pages: verdict, place on the page picture or lines of the file, row."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from apps.common.folding import fold_plain, places_of
from apps.conversations.borders import Across, Span, find_across
from apps.conversations.marker_grammar import EvidenceLine, PageKey, SentPages, canonical_marker
from apps.conversations.models import Answer, Evidence, Verdict
from apps.conversations.page_folds import page_folds
from apps.conversations.prose_quotes import EDGES
from apps.conversations.selection import sent_pages
from apps.conversations.source_lines import first_line, is_code, path_of
from apps.conversations.verification import Verification, find_places, line_range, verify_quote
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.quotes import PageWords, find_boxes
from apps.library.ingestion.sandbox import ChildDied, ChildFailed
from apps.library.models import Document, Page, Revision
from apps.library.pictures import PicturesBusy, page_words
from apps.library.viewer import DRAWN_KINDS

log = logging.getLogger(__name__)

MOST_EVIDENCE = 500
"""Lines of one answer that are checked and kept; a model that writes more is not quoting any more."""

MOST_PAGES_COUNTED = 2_000
"""Sent pages up to which all places of a quote are counted: a millisecond each; of more only its own page's."""
MOST_PAGES_LISTED = 20


class ManifestPages:
    """The pages of a manifest, read from the database as they are needed (`verification.PageTexts`).

    The search over all pages is shared with every other answer of this process (page_folds.py).
    """

    def __init__(self, manifest: list[dict[str, Any]]) -> None:
        self.documents = {entry["ordinal"]: entry for entry in manifest}
        self.sent: SentPages = sent_pages(manifest)
        self.count: int = sum(last - first + 1 for entry in manifest for first, last in entry["ranges"])
        self._read: dict[PageKey, tuple[str, str] | None] = {}

    def text(self, key: PageKey) -> str | None:
        page = self._page(key) if key in self.sent else None
        return page and page[0]

    def label(self, key: PageKey) -> str:
        """The page's printed label, or its number while it has none."""
        page = self._page(key)
        return (page and page[1]) or str(key[1])

    def is_code(self, key: PageKey) -> bool:
        return self.is_repository(key[0]) and is_code(self.label(key))

    def is_repository(self, ordinal: int) -> bool:
        entry = self.documents.get(ordinal)
        return entry is not None and entry["kind"] == Document.Kind.REPOSITORY

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

    @property
    def are_many(self) -> bool:
        """Whether searching them takes a time that is worth preparing for, and counting in them does not pay."""
        return self.count > MOST_PAGES_COUNTED

    def prepare(self) -> None:
        """Make the search ready: about a second for 20,000 pages that no other answer searched."""
        for entry in self.documents.values():
            page_folds.prepare(uuid.UUID(entry["revision_id"]))

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
        self._revisions: dict[int, Revision] = {}

    def check_all(self, lines: Sequence[EvidenceLine], position: int) -> list[Evidence]:
        """Verify lines that came together; the words of the pages they name are asked for together, too.

        position: of the first, 0-based among the answer's evidence.
        """
        if len(lines) > 1:
            self._read_words(key for line in lines if (key := _page_of(line)) and key in self.pages.sent)
        return [self.check(line, position + index) for index, line in enumerate(lines)]

    def check(self, line: EvidenceLine, position: int) -> Evidence:
        """Verify one line and store its row. position: 0-based among the answer's evidence."""
        key = _page_of(line)
        across = self._find_across(line.quote, key, line.last)
        if across is not None:
            found = Verification("exact", across.page_key, *across.span, 1.0, (), (across.span,))
        else:
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
        if across is not None:
            self._continue(row, across)
        row.save()
        return row

    def _find_across(self, quote: str, key: PageKey | None, last: int | None) -> Across | None:
        """Where a quote runs over a page's end; not looked for where its words stand on the page itself."""
        text = self.pages.text(key) if key else None
        if key is None or text is None or fold_plain(quote) in fold_plain(text):
            return None
        across = find_across(quote, key, last, self.pages)
        if across and self.pages.is_repository(key[0]):
            labels = self.pages.label(across.page_key), self.pages.label(across.next_key)
            # The end of one file and the beginning of the next are no running text.
            return across if path_of(labels[0]) == path_of(labels[1]) else None
        return across

    def _place(self, row: Evidence, key: PageKey, found: Verification) -> None:
        ordinal, number = key
        entry = self.pages.documents[ordinal]
        row.ordinal, row.page_number = ordinal, number
        row.document_id, row.revision_id = entry["document_id"], entry["revision_id"]
        row.label = self.pages.label(key)
        row.boxes, row.lines = self._where(key, found.places)
        row.is_hidden = self._is_hidden(key, row.boxes)
        if found.verdict == "exact" and not self.pages.are_many:
            row.places = list(
                islice(self._count_places(row.quote, key, len(found.places)), MOST_PAGES_LISTED)
            )

    def _where(self, key: PageKey, spans: Sequence[Span]) -> tuple[list[list[float]], list[int] | None]:
        """Boxes of all spans of a page that has a picture; else the first and last line of the first one."""
        text = self.pages.text(key)
        if text is None or not spans:
            return [], None
        if self.pages.documents[key[0]]["kind"] not in DRAWN_KINDS:
            first, last = line_range(text, *spans[0])
            before = first_line(self.pages.label(key)) - 1
            return [], [before + first, before + last]
        words = self._words_of(key)
        if words is None:
            return [], None
        return [box for span in spans for box in boxes_of_span(words, text, *span)], None

    def _is_hidden(self, key: PageKey, boxes: list[list[float]]) -> bool:
        words = self._words_of(key) if boxes else None
        return words is not None and bool(words.hidden) and words.hides(boxes)

    def _continue(self, row: Evidence, across: Across) -> None:
        number = across.next_key[1]
        row.marker = canonical_marker(*across.page_key, number)
        boxes, lines = self._where(across.next_key, [across.next_span])
        label = self.pages.label(across.next_key)
        row.continued = {"page": number, "label": label, "boxes": boxes, "lines": lines}
        row.is_hidden = row.is_hidden or self._is_hidden(across.next_key, boxes)
        row.places = None

    def _count_places(self, quote: str, key: PageKey, times: int) -> Iterator[dict[str, Any]]:
        """The pages on which the words stand, in the order of documents and pages."""
        folded = fold_plain(quote.strip(EDGES))
        for listed in sorted({key, *self.pages.search(folded)}):
            if listed != key:
                text, is_code = self.pages.text(listed) or "", self.pages.is_code(listed)
                times_there = len(find_places(quote, text, is_code=is_code))
            else:
                times_there = times
            if times_there:
                ordinal, number = listed
                label = self.pages.label(listed)
                yield {"ordinal": ordinal, "page": number, "label": label, "times": times_there}

    def _read_words(self, keys: Iterable[PageKey]) -> None:
        """Those of one document from one child. What cannot be had so is asked for again when it is needed."""
        numbers: dict[int, list[int]] = {}
        for key in dict.fromkeys(keys):
            if key not in self._words and self.pages.documents[key[0]]["kind"] in DRAWN_KINDS:
                numbers.setdefault(key[0], []).append(key[1])
        for ordinal, wanted in numbers.items():
            for number, words in self._ask_for_words(ordinal, wanted).items():
                self._words[ordinal, number] = words

    def _words_of(self, key: PageKey) -> PageWords | None:
        """Words of a page with their places; None when they cannot be had, which costs only the boxes."""
        if key not in self._words:
            ordinal, number = key
            self._words[key] = self._ask_for_words(ordinal, [number]).get(number)
        return self._words[key]

    def _ask_for_words(self, ordinal: int, numbers: Sequence[int]) -> dict[int, PageWords]:
        try:
            if ordinal not in self._revisions:
                entry = self.pages.documents[ordinal]
                self._revisions[ordinal] = Revision.objects.get(pk=entry["revision_id"])
            return page_words(self._revisions[ordinal], numbers)
        except (
            Revision.DoesNotExist,
            OSError,
            PicturesBusy,
            IngestionError,
            ChildDied,
            ChildFailed,
        ) as error:
            log.warning("no places on pages %s of %s in %s: %s", numbers, ordinal, self.answer.pk, error)
            return {}


def _page_of(line: EvidenceLine) -> PageKey | None:
    return None if line.ordinal is None or line.page is None else (line.ordinal, line.page)


def boxes_of_span(words: PageWords, text: str, start: int, end: int) -> list[list[float]]:
    """Boxes of a span of the page's text, not of another place where the same letters stand."""
    before = places_of(fold_plain(text[start:end]), fold_plain(text[:end]))
    boxes = find_boxes(words.words, text[start:end], occurrence=max(0, len(before) - 1))
    return [list(box) for box in boxes or []]


def boxes_of_quote(words: PageWords, text: str, quote: str) -> list[list[float]]:
    """Boxes of all places of a page where a quote stands word for word."""
    spans = find_places(quote, text)
    return [box for span in spans for box in boxes_of_span(words, text, *span)]


def evidence_of(rows: Iterable[Evidence], ordinal: int, first: int, last: int) -> list[Evidence]:
    """The evidence for a range of pages of one document."""
    return [
        row
        for row in rows
        if row.ordinal == ordinal and any(first <= number <= last for number in row.page_numbers)
    ]
