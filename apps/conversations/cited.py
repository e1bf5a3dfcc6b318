"""A cited page: what an answer quoted from it, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.conversations.evidence import evidence_of
from apps.conversations.models import Answer, Evidence, Verdict

VERDICT_SENTENCES = {
    Verdict.EXACT: "These words stand on this page.",
    Verdict.CLOSE: "Nearly these words stand on this page.",
    Verdict.ALTERED: "The page says something else where it matters.",
    Verdict.ELSEWHERE: "The answer named another page; these words stand here.",
    Verdict.PAGE_ONLY: "The answer names this page without a quote that could be checked.",
    Verdict.NOT_FOUND: "These words were not found on this page.",
    Verdict.INVALID: "This page was not sent.",
}


@dataclass(frozen=True)
class CitedQuote:
    """A quote of the page with its verdict in words."""

    evidence: Evidence

    @property
    def sentence(self) -> str:
        return VERDICT_SENTENCES[Verdict(self.evidence.verdict)]


@dataclass(frozen=True)
class CitedPage:
    """name: the document's, as it was called when it was sent. quotes: of this page, in the answer's order."""

    answer: Answer
    ordinal: int
    name: str
    number: int
    quotes: tuple[CitedQuote, ...]

    @property
    def boxes(self) -> list[list[float]]:
        return [box for quote in self.quotes for box in quote.evidence.boxes]


def cited_entry(answer: Answer, ordinal: int, number: int) -> dict[str, Any] | None:
    """The manifest's entry for a page, or None when that page was not sent."""
    manifest: list[dict[str, Any]] = answer.manifest
    for entry in manifest:
        if entry["ordinal"] == ordinal and any(first <= number <= last for first, last in entry["ranges"]):
            return entry
    return None


def cited_page(answer: Answer, entry: dict[str, Any], number: int) -> CitedPage:
    """One query."""
    rows = evidence_of(answer.evidence.all(), entry["ordinal"], number, number)
    return CitedPage(answer, entry["ordinal"], entry["name"], number, tuple(CitedQuote(row) for row in rows))
