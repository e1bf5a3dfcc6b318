"""A conversation as people read it costs the same few queries, however much it cites."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.conversations.models import Answer, Conversation, Evidence
from apps.conversations.threads import thread
from tests.conversations.conftest import Desk
from tests.factories import (
    add_mentions,
    make_answer,
    make_answered,
    make_conversation,
    make_corpus,
    make_document,
    make_question,
)

pytestmark = pytest.mark.django_db


def with_citations(desk: Desk, documents: int, quotes: int) -> Answer:
    """An answer that names three pages of each document and quotes from the first ones."""
    corpus = make_corpus(desk.workspace, f"{documents} documents")
    for number in range(1, documents + 1):
        make_document(corpus, f"Contract {number}.pdf", ["One", "Two", "Three"])
    text = "\n\n".join(
        f"It says so [[{ordinal}:1]], [[{ordinal}:2]] and [[{ordinal}:3]]."
        for ordinal in range(1, documents + 1)
    )
    answer = make_answer(make_question(make_conversation(corpus, desk.alice)), text)
    Evidence.objects.bulk_create(
        Evidence(
            answer=answer,
            position=position,
            marker=f"[[{entry['ordinal']}:1]]",
            marker_given=f"[[{entry['ordinal']}:1]]",
            ordinal=entry["ordinal"],
            page_number=1,
            document_id=entry["document_id"],
            revision_id=entry["revision_id"],
            label="1",
            quote=f"Quote {position}",
            verdict="exact",
        )
        for position, entry in enumerate((answer.manifest * quotes)[:quotes])
    )
    add_mentions(answer)
    return answer


def queries_of(answer: Answer) -> tuple[int, int]:
    """(queries, chips) of the whole thread."""
    conversation = Conversation.objects.select_related("workspace").get(pk=answer.question.conversation_id)
    with CaptureQueriesContext(connection) as queries:
        turns = thread(conversation, answer)
    chips = sum(html.count('class="cite ') for turn in turns for html in turn.view.blocks)
    return len(queries), chips


def test_five_hundred_chips_cost_the_queries_of_three(desk: Desk) -> None:
    few, many = queries_of(with_citations(desk, 1, 1)), queries_of(with_citations(desk, 167, 200))
    assert few == (6, 3)
    assert many == (6, 501)


def test_many_turns_cost_the_queries_of_one(desk: Desk) -> None:
    newest = make_answered(desk.corpus, desk.alice)
    for number in range(4):
        newest = make_answered(desk.corpus, desk.alice, f"And question {number}?", parent=newest)
    assert queries_of(newest) == (6, 5)


def test_what_was_asked_beside_the_path_is_not_loaded(desk: Desk) -> None:
    first = make_answered(desk.corpus, desk.alice)
    beside = make_answered(desk.corpus, desk.alice, "Asked beside it?", parent=first)
    last = make_answered(desk.corpus, desk.alice, "Asked last?", parent=first)
    turns = thread(first.question.conversation, last)
    assert [turn.answer.pk for turn in turns] == [first.pk, last.pk]
    assert turns[-1].siblings == [beside.question_id, last.question_id]
