"""Quotes that begin on one page and end on the next: found over what print repeats there, and over nothing else."""

from __future__ import annotations

import pytest

from apps.conversations.borders import find_across
from apps.conversations.verification import FoldedPages

HEADER = "Lease of 1 March 2024"
BODY = {
    11: "The tenant keeps the premises in good order.",
    12: "Either party may terminate this lease with one hundred and",
    13: "twenty days written notice to the other party.",
    14: "The landlord answers within a month.",
}
QUOTE = "terminate this lease with one hundred and twenty days written notice"


def found(
    texts: dict[int, str], quote: str = QUOTE, page: int = 12, last: int | None = None
) -> list[str] | None:
    """The words on either page, None where the quote stands over no border."""
    pages = FoldedPages(lambda key: texts[key[1]], [(3, number) for number in texts])
    across = find_across(quote, (3, page), last, pages)
    if across is None:
        return None
    assert across.next_key == (3, across.page_key[1] + 1)
    return [
        texts[across.page_key[1]][slice(*across.span)],
        texts[across.next_key[1]][slice(*across.next_span)],
    ]


HALVES = ["terminate this lease with one hundred and", "twenty days written notice"]


@pytest.mark.parametrize(("page", "last"), [(12, None), (13, None), (12, 13), (11, 12)])
def test_either_page_may_be_named(page: int, last: int | None) -> None:
    assert found(BODY, page=page, last=last) == HALVES


def test_another_page_finds_nothing() -> None:
    assert found(BODY, page=10) is None


def test_a_neighbour_that_was_not_sent_is_not_read() -> None:
    assert found({12: BODY[12], 14: BODY[14]}) is None


def test_numbers_headers_and_footers_are_passed_over() -> None:
    printed = {
        number: f"{HEADER}\n\n{text}\n\nClause {number - 10} of 40\n{number}" for number, text in BODY.items()
    }
    assert found(printed) == HALVES
    roman = {11: "ix", 12: "x", 13: "xi", 14: "xii"}
    assert found({number: f"{text}\n– {roman[number]} –" for number, text in BODY.items()}) == HALVES


@pytest.mark.parametrize("between", ["120", "$ 500", "did", "II.", "5 %"])
def test_a_number_or_word_alone_is_no_page_number(between: str) -> None:
    """“with one hundred and / 120 / twenty days” is not what a reader of the quote is told."""
    assert found(BODY | {12: f"{BODY[12]}\n{between}"}) is None
    assert found(BODY | {13: f"{between}\n{BODY[13]}"}) is None


def test_lines_that_differ_in_more_than_their_page_number_are_not_passed_over() -> None:
    sums = {11: "Total 90", 12: "Total 500", 13: "Total 620", 14: "Total 700"}
    assert found({number: f"{text}\n{sums[number]}" for number, text in BODY.items()}) is None
    assert found({number: f"{text}\n500" for number, text in BODY.items()}) is None


def test_left_and_right_pages_may_have_headers_of_their_own() -> None:
    printed = {
        number: f"{'Lease' if number % 2 else 'Doe against Roe'} {number}\n{text}"
        for number, text in BODY.items()
    }
    assert found(printed) == HALVES


def test_a_footnote_is_not_passed_over() -> None:
    assert found(BODY | {12: f"{BODY[12]}\n1 Subject to the consent of the landlord."}) is None
    assert found(BODY | {13: f"Save as agreed,\n{BODY[13]}"}) is None


def test_a_word_may_be_parted_by_the_border() -> None:
    texts = {1: "The lease ends when either party termi-", 2: "nates it by registered letter."}
    assert found(texts, "when either party terminates it by registered letter", 1) == [
        "when either party termi-",
        "nates it by registered letter",
    ]


@pytest.mark.parametrize(
    "quote",
    [
        "terminate this lease with one hundred and thirty days written notice",
        "not terminate this lease with one hundred and twenty days written notice",
        "terminate this lease with one hundred",
        "twenty days written notice to the other party",
        "and twenty",
    ],
    ids=["another number", "a negation", "on the first page", "on the second page", "too short"],
)
def test_what_does_not_run_over_the_border_word_for_word_is_not_found(quote: str) -> None:
    assert found(BODY, quote) is None
