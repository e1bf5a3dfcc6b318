"""A cited page: what an answer quoted from it, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from apps.conversations.evidence import MOST_PAGES_LISTED, boxes_of_quote
from apps.conversations.models import Answer, Evidence, Verdict
from apps.conversations.naming import page_words
from apps.conversations.prose_quotes import MOST_PLACES
from apps.library.models import Page
from apps.library.page_views import words_of

VERDICT_SENTENCES = {
    Verdict.EXACT: "These words stand on this page.",
    Verdict.CLOSE: "Nearly these words stand on this page.",
    Verdict.ALTERED: "The page says something else where it matters.",
    Verdict.ELSEWHERE: "The answer named another page; these words stand here.",
    Verdict.PAGE_ONLY: "The answer names this page without a quote that could be checked.",
    Verdict.NOT_FOUND: "These words were not found on this page.",
    Verdict.INVALID: "This page was not sent.",
}

LINES_SENTENCES = {
    Verdict.EXACT: "These words stand in {place}.",
    Verdict.CLOSE: "Nearly these words stand in {place}.",
    Verdict.ALTERED: "The file says something else in {place}, where it matters.",
    Verdict.ELSEWHERE: "The answer named another place; these words stand in {place}.",
}
"""The same of quotes from files, whose lines are known."""


@dataclass(frozen=True)
class QuotePlace:
    """A page on which quoted words stand. words: “p. 4 (2)”, behind the document's name where it is another's."""

    words: str
    href: str
    is_here: bool


@dataclass(frozen=True)
class CitedQuote:
    """A quote with its verdict in words, seen from one page.

    places: all pages on which the words stand, none where nobody counted. boxes: on this page; None where the
    words stand here too and nobody looked where.
    """

    evidence: Evidence
    sentence: str
    boxes: list[list[float]] | None
    places: tuple[QuotePlace, ...] = ()

    @property
    def count_words(self) -> str:
        """“found once”, “found 3 times”; empty where nobody counted."""
        places = self.evidence.places or []
        times = sum(place["times"] for place in places)
        if len(places) >= MOST_PAGES_LISTED or any(place["times"] >= MOST_PLACES for place in places):
            return f"found at least {times} times"
        return {0: "", 1: "found once"}.get(times, f"found {times} times")


@dataclass(frozen=True)
class CitedPage:
    """name: the document's, as it was called when it was sent. quotes: of this page, in the answer's order."""

    answer: Answer
    ordinal: int
    name: str
    number: int
    quotes: tuple[CitedQuote, ...]

    @property
    def lines(self) -> tuple[tuple[int, int], ...]:
        """(first, last) of the quotes from this page, for a file that is read by lines."""
        rows = [quote.evidence for quote in self.quotes if quote.evidence.ordinal == self.ordinal]
        lines = (
            row.lines if row.page_number == self.number else (row.continued or {}).get("lines")
            for row in rows
        )
        return tuple((found[0], found[1]) for found in lines if found)

    def boxes_on(self, page: Page) -> list[list[float]]:
        """Of all quotes. Reads the words of the page where a quote stands that names another one."""
        boxes = [box for quote in self.quotes for box in quote.boxes or []]
        further = [quote.evidence.quote for quote in self.quotes if quote.boxes is None]
        words = words_of(page) if further else None
        if words is not None:
            boxes += [box for quote in further for box in boxes_of_quote(words, page.text, quote)]
        return boxes


def cited_entry(answer: Answer, ordinal: int, number: int) -> dict[str, Any] | None:
    """The manifest's entry for a page, or None when that page was not sent."""
    manifest: list[dict[str, Any]] = answer.manifest
    for entry in manifest:
        if entry["ordinal"] == ordinal and any(first <= number <= last for first, last in entry["ranges"]):
            return entry
    return None


def cited_page(answer: Answer, entry: dict[str, Any], number: int) -> CitedPage:
    """One query for an answer that came through the door."""
    ordinal = entry["ordinal"]
    quotes = [_cited_quote(answer, row, ordinal, number) for row in answer.evidence.all()]
    return CitedPage(answer, ordinal, entry["name"], number, tuple(filter(None, quotes)))


def _cited_quote(answer: Answer, row: Evidence, ordinal: int, number: int) -> CitedQuote | None:
    """The quote as this page shows it; None when it has nothing to do with the page."""
    if row.ordinal == ordinal and row.page_number == number:
        sentence = _sentence(row)
        if row.continued:
            sentence = f"These words begin on this page and end on {page_words(row.continued['label'])}."
        return CitedQuote(row, sentence, row.boxes, tuple(_places(answer, row, ordinal, number)))
    if row.ordinal == ordinal and number in row.page_numbers:
        sentence = f"These words end on this page; they begin on {page_words(row.label)}."
        return CitedQuote(row, sentence, (row.continued or {}).get("boxes", []))
    if any((place["ordinal"], place["page"]) == (ordinal, number) for place in row.places or []):
        places = tuple(_places(answer, row, ordinal, number))
        return CitedQuote(row, "These words stand on this page too.", None, places)
    return None


def _sentence(row: Evidence) -> str:
    verdict = Verdict(row.verdict)
    if not row.lines or verdict not in LINES_SENTENCES:
        return VERDICT_SENTENCES[verdict]
    first, last = row.lines
    place = f"line {first:,}" if first == last else f"lines {first:,}–{last:,}"
    return LINES_SENTENCES[verdict].format(place=place)


def _places(answer: Answer, row: Evidence, ordinal: int, number: int) -> Iterator[QuotePlace]:
    slug = answer.question.conversation.workspace.slug
    names = {entry["ordinal"]: entry["name"] for entry in answer.manifest}
    for place in row.places or []:
        key = place["ordinal"], place["page"]
        words = page_words(place["label"])
        if place["times"] > 1:
            words = f"{words} ({place['times']})"
        yield QuotePlace(
            words if key[0] == ordinal else f"{names[key[0]]}, {words}",
            reverse("conversations:cite", args=[slug, answer.pk, *key]),
            key == (ordinal, number),
        )
