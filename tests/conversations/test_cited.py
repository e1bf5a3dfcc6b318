"""A cited page in the viewer: how often the words stand in the documents, where, and what runs over its end."""

from __future__ import annotations

import re

import pytest

from apps.conversations.cited import cited_page
from apps.conversations.evidence import EvidenceChecker
from apps.conversations.marker_grammar import EvidenceLine
from apps.conversations.models import Answer, Evidence
from tests.conversations.room import Room, answered_room, body, plain  # noqa: F401 (fixture)
from tests.factories import make_answer, make_document, make_question, manifest_of

KEYS = "The keys are returned on the last day"
TEXTS = (
    f"{KEYS}.\n\nEither party may terminate this lease with one hundred and",
    "twenty days written notice to the other party.",
    f"{KEYS}. Also: {KEYS.lower()}.",
)


@pytest.fixture
def asked(room: Room) -> Room:
    """The room with another document, and an answer to it without evidence."""
    make_document(room.desk.corpus, "keys.pdf", TEXTS, with_file=True)
    room.answer = make_answer(
        make_question(room.conversation), "See [[2:1]].", manifest=manifest_of(room.desk.corpus)
    )
    return room


def quote(room: Room, words: str, page: int) -> Evidence:
    return EvidenceChecker(room.answer).check(EvidenceLine(f"[[2:{page}]]", 2, page, words), 0)


def seen(room: Room, page: int) -> tuple[str, str]:
    """The viewer's words and its HTML."""
    response = room.client("alice").get(room.url("cite", 2, page))
    return plain(response), body(response)


def test_all_places_are_named_and_each_can_be_opened(asked: Room) -> None:
    quote(asked, KEYS, 3)
    words, html = seen(asked, 3)
    assert "found 3 times" in words
    assert re.search(r">p\.\s1</a>.*>p\.\s3 \(2\)</span>", html)
    assert f'href="{asked.url("cite", 2, 1)}"' in html
    assert html.count("quote-box") == 2

    words, html = seen(asked, 1)
    assert "These words stand on this page too." in words
    assert html.count("quote-box") == 1
    assert f'href="{asked.url("cite", 2, 3)}"' in html


def test_more_than_is_counted_is_said_to_be_more(asked: Room) -> None:
    row = quote(asked, KEYS, 3)
    Evidence.objects.filter(pk=row.pk).update(places=[{"ordinal": 2, "page": 3, "label": "3", "times": 20}])
    assert "found at least 20 times" in seen(asked, 3)[0]


def test_lines_are_those_of_the_document_that_is_shown(asked: Room) -> None:
    row = quote(asked, KEYS, 3)
    Evidence.objects.filter(pk=row.pk).update(
        lines=[7, 8], places=[{"ordinal": 1, "page": 3, "label": "3", "times": 1}]
    )
    entries = {entry["ordinal"]: entry for entry in asked.answer.manifest}
    answer = Answer.objects.get(pk=asked.answer.pk)
    assert cited_page(answer, entries[2], 3).lines == ((7, 8),)
    assert cited_page(answer, entries[1], 3).lines == ()
    Evidence.objects.filter(pk=row.pk).update(
        continued={"page": 4, "label": "4", "boxes": [], "lines": [1, 2]}
    )
    assert cited_page(Answer.objects.get(pk=answer.pk), entries[2], 4).lines == ((1, 2),)


def test_words_that_stand_once_say_so(asked: Room) -> None:
    quote(asked, "written notice to the other party", 2)
    words, html = seen(asked, 2)
    assert "found once" in words
    assert "found once:" not in words
    assert html.count("quote-box") == 1


def test_words_over_a_pages_end_are_boxed_and_said_on_both(asked: Room) -> None:
    quote(asked, "this lease with one hundred and twenty days written notice", 1)
    words, html = seen(asked, 1)
    assert "These words begin on this page and end on p. 2." in words
    assert html.count("quote-box") == 1
    words, html = seen(asked, 2)
    assert "These words end on this page; they begin on p. 1." in words
    assert html.count("quote-box") == 1
    assert "found" not in words


def test_where_nobody_counted_nothing_is_said(asked: Room) -> None:
    row = quote(asked, KEYS, 3)
    Evidence.objects.filter(pk=row.pk).update(places=None)
    assert "found" not in seen(asked, 3)[0]
