"""Pages sent with an answer that speak to the model: which, in what words, and what is said of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from apps.conversations.marker_grammar import SentPages
from apps.conversations.models import Answer
from apps.conversations.naming import short_page_words
from apps.library.ingestion.instructions import words_to_model
from apps.library.models import Page, Revision

_QUOTE_SIGNS = str.maketrans(dict.fromkeys("“”„‟", "'"))
MOST_LISTED = 50
"""Pages that are named one by one; all are counted."""


@dataclass(frozen=True)
class SpeakingPage:
    """words: as the page writes them, cut; empty when it was deleted meanwhile, and for all but the first MOST_LISTED."""

    ordinal: int
    page: int
    label: str
    name: str
    words: str


def speaking_pages(manifest: list[dict[str, Any]]) -> list[SpeakingPage]:
    """In the order of the prompt. One query, and one more a document that has any."""
    revisions = Revision.objects.filter(pk__in=[entry["revision_id"] for entry in manifest])
    numbers = dict(revisions.values_list("pk", "facts__instructed"))
    flagged = {str(pk): found for pk, found in numbers.items() if found}
    pages: list[SpeakingPage] = []
    for entry in manifest:
        ordinal = entry["ordinal"]
        sent = SentPages((ordinal, first, last) for first, last in entry["ranges"])
        here = [number for number in flagged.get(entry["revision_id"], []) if (ordinal, number) in sent]
        if here:
            pages += _pages(entry, here, MOST_LISTED - len(pages))
    return pages


def _pages(entry: dict[str, Any], numbers: list[int], listed: int) -> list[SpeakingPage]:
    rows = Page.objects.filter(revision_id=entry["revision_id"], number__in=numbers[: max(listed, 0)])
    found = {number: (label, text) for number, label, text in rows.values_list("number", "label", "text")}
    unknown = ("", "")
    return [
        SpeakingPage(
            ordinal=entry["ordinal"],
            page=number,
            label=found.get(number, unknown)[0] or str(number),
            name=entry["name"],
            words=words_to_model(found.get(number, unknown)[1]),
        )
        for number in numbers
    ]


def instructions_notice(answer: Answer) -> dict[str, Any] | None:
    """The notice `instructions_in_document`: {code, sentence, pages}; None when no page that was sent speaks so."""
    pages = speaking_pages(answer.manifest)
    if not pages:
        return None
    first = pages[0]
    place = f"{first.name}, {short_page_words(first.label)}"
    # A quote sign among them must not end the quotation, as if what follows were said by us.
    words = f" (“{first.words.translate(_QUOTE_SIGNS)}”)" if first.words else ""
    if len(pages) == 1:
        said = (
            f"A page speaks to the model: {place}{words}. It was sent as it stands; check what rests on it."
        )
    else:
        said = (
            f"{len(pages):,} pages speak to the model, the first of them {place}{words}. "
            "They were sent as they stand; check what rests on them."
        )
    return {
        "code": "instructions_in_document",
        "sentence": said,
        "pages": [asdict(page) for page in pages[:MOST_LISTED]],
    }
