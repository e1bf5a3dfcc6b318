"""Where verified words stand on the page picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from apps.conversations import evidence
from apps.conversations.evidence import EvidenceChecker, ManifestPages, boxes_of_span, evidence_of
from apps.conversations.marker_grammar import EvidenceLine, canonical_marker
from apps.conversations.models import Evidence
from apps.library.ingestion.quotes import PageWords, Word
from apps.library.models import Document, Page
from tests.factories import (
    make_answer,
    make_conversation,
    make_corpus,
    make_document,
    make_question,
    make_user,
    make_workspace,
    manifest_of,
)


def page_of(text: str) -> PageWords:
    words, place = [], 0
    for word in text.split():
        words.append(Word(place / 100, 0.1, (place + len(word)) / 100, 0.2, word, 0, 0))
        place += len(word) + 1
    return PageWords(595, 842, tuple(words))


def test_the_whole_word_that_was_found_is_boxed_and_not_its_letters_before() -> None:
    text = "It is unlawful and then lawful again"
    start = text.index(" lawful") + 1
    assert boxes_of_span(page_of(text), text, start, start + 6) == [[0.24, 0.1, 0.3, 0.2]]


def test_a_phrase_printed_twice_is_boxed_where_it_was_found() -> None:
    text = "the rent is due and the rent is paid"
    second = text.rindex("the rent is")
    assert boxes_of_span(page_of(text), text, second, second + 11) == [[0.2, 0.1, 0.31, 0.2]]


def test_words_that_the_picture_does_not_show_have_no_box() -> None:
    assert boxes_of_span(page_of("only these"), "[Note] words of a note", 7, 22) == []


# -- rows --

LEASE = (
    "Lease\n\nEither party may terminate this lease with one hundred and",
    "twenty days written notice to the other party. The keys are returned on the last day.",
    "The keys are returned on the last day. Also: the keys are returned on the last day.",
)


def checked(
    quote: str, page: int, texts: Sequence[str] = LEASE, *, last: int | None = None, **document: Any
) -> Evidence:
    """The row of one evidence line of an answer to one document."""
    alice = make_user()
    corpus = make_corpus(make_workspace(owner=alice))
    labels, kind = document.pop("labels", ()), document.pop("kind", Document.Kind.PDF)
    made = make_document(corpus, texts=texts, with_file=kind == Document.Kind.PDF)
    Document.objects.filter(pk=made.pk).update(kind=kind)
    for number, label in enumerate(labels, 1):
        Page.objects.filter(revision=made.current_revision, number=number).update(label=label)
    answer = make_answer(make_question(make_conversation(corpus, alice)), manifest=manifest_of(corpus))
    marker = canonical_marker(1, page, last)
    row = EvidenceChecker(answer).check(EvidenceLine(marker, 1, page, quote, last=last), 0)
    return Evidence.objects.get(pk=row.pk)


@pytest.mark.django_db
@pytest.mark.parametrize("page", [1, 2])
def test_a_quote_over_a_pages_end_is_exact_and_boxed_on_both(page: int) -> None:
    row = checked("terminate this lease with one hundred and twenty days written notice", page)
    assert (row.verdict, row.marker, row.page_number) == ("exact", "[[1:1-2]]", 1)
    assert row.continued["page"] == 2
    assert len(row.boxes) == 1
    assert len(row.continued["boxes"]) == 1
    assert row.boxes[0][1] > row.continued["boxes"][0][1]
    assert row.page_numbers == (1, 2)
    assert evidence_of([row], 1, 2, 2) == [row]
    assert evidence_of([row], 1, 3, 3) == []


@pytest.mark.django_db
def test_lines_that_come_together_ask_for_the_words_of_their_pages_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alice = make_user()
    corpus = make_corpus(make_workspace(owner=alice))
    make_document(corpus, texts=LEASE, with_file=True)
    answer = make_answer(make_question(make_conversation(corpus, alice)), manifest=manifest_of(corpus))
    asked: list[list[int]] = []
    ask = evidence.page_words

    def counted(revision: Any, numbers: Sequence[int]) -> dict[int, PageWords]:
        asked.append(list(numbers))
        return ask(revision, numbers)

    monkeypatch.setattr(evidence, "page_words", counted)
    quotes = [" ".join(text.split()[:8]) for text in LEASE[:3]]
    lines = [EvidenceLine(f"[[1:{page}]]", 1, page, quote) for page, quote in enumerate(quotes, 1)]
    rows = EvidenceChecker(answer).check_all([*lines, EvidenceLine("[[9:9]]", 9, 9, quotes[0])], 4)
    assert asked == [[1, 2, 3]]
    assert [row.position for row in rows] == [4, 5, 6, 7]
    assert [bool(row.boxes) for row in rows[:3]] == [True, True, True]


@pytest.mark.django_db
def test_all_places_of_a_quote_are_counted_and_those_of_its_page_boxed() -> None:
    row = checked("The keys are returned on the last day", 3)
    assert [(place["page"], place["times"]) for place in row.places] == [(2, 1), (3, 2)]
    assert len(row.boxes) == 2
    once = checked("written notice to the other party", 2)
    assert [(place["page"], place["times"]) for place in once.places] == [(2, 1)]


@pytest.mark.django_db
def test_places_that_are_cut_words_neither_count_nor_hide_others() -> None:
    cut = "The money is returned on the last days of March."
    row = checked("is returned on the last day", 22, [cut] * 21 + [LEASE[2].replace("are", "is")] * 2)
    assert [(place["page"], place["times"]) for place in row.places] == [(22, 2), (23, 2)]


@pytest.mark.django_db
def test_over_many_pages_nobody_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "MOST_PAGES_COUNTED", 2)
    row = checked("The keys are returned on the last day", 3)
    assert (row.verdict, row.places, len(row.boxes)) == ("exact", None, 2)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "quote", "lines"),
    [
        ("def rent():\n    return 1_850\n", "def rent():\n    return 1_850", [121, 122]),
        ("a = 1\r\nb = 2\r\ndef notice(days):\r\n    pass", "def notice(days): pass", [123, 124]),
        ("if due:\n\tpay(rent,\tat_once=True)\n\telse_wait()", "pay(rent, at_once=True)", [122, 122]),
        (
            "x = 1\n" + "y = [" + "123456, " * 5_000 + "final_value_of_all]\nz = 3",
            "final_value_of_all]\nz = 3",
            [122, 123],
        ),
    ],
    ids=["two lines", "CRLF", "tabs", "a very long line"],
)
def test_places_in_files_are_the_lines_that_hold_the_quote(text: str, quote: str, lines: list[int]) -> None:
    row = checked(
        quote,
        2,
        ["# before", text],
        kind=Document.Kind.REPOSITORY,
        labels=["src/rent.py:1–120", "src/rent.py:121–240"],
    )
    assert (row.verdict, row.lines, row.boxes) == ("exact", lines, [])


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "verdict"), [("a.py", "exact"), ("b.py", "not_found")])
def test_a_file_does_not_go_on_in_the_next_one(path: str, verdict: str) -> None:
    row = checked(
        "return rent + costs def notice(days)",
        1,
        ["x = 1\nreturn rent + costs", "def notice(days):\n    pass"],
        kind=Document.Kind.REPOSITORY,
        labels=["a.py:1–2", f"{path}:3–4"],
    )
    assert row.verdict == verdict


@pytest.mark.django_db
def test_lines_of_a_text_count_from_its_page() -> None:
    row = checked(
        "Either party may terminate",
        1,
        ["Lease\n\nEither party\nmay terminate at will."],
        kind=Document.Kind.TEXT,
    )
    assert row.lines == [3, 4]


@pytest.mark.django_db
def test_many_pages_are_made_ready_before_they_are_searched(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    corpus = make_corpus(make_workspace())
    make_document(corpus, texts=LEASE)
    assert not ManifestPages(manifest_of(corpus)).are_many
    monkeypatch.setattr(evidence, "MOST_PAGES_COUNTED", 2)
    pages = ManifestPages(manifest_of(corpus))
    assert pages.are_many
    pages.prepare()
    with django_assert_num_queries(0):
        assert list(pages.search("thekeysarereturned")) == [(1, 2), (1, 3)]
