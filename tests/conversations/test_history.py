"""What a follow-up carries along, from rows."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.conversations.history import path_to
from apps.conversations.models import Answer
from tests.conversations.conftest import Desk
from tests.factories import make_answered

pytestmark = pytest.mark.django_db


def a_thread(desk: Desk, turns: int) -> list[Answer]:
    answers = [make_answered(desk.corpus, desk.alice)]
    for number in range(1, turns):
        answers.append(make_answered(desk.corpus, desk.alice, f"And question {number}?", parent=answers[-1]))
    return answers


def test_the_path_runs_from_the_first_answer_to_this_one_and_leaves_siblings_out(desk: Desk) -> None:
    first, second, third = a_thread(desk, 3)
    make_answered(desk.corpus, desk.alice, "Asked beside it?", parent=first)

    assert [answer.pk for answer in path_to(third)] == [first.pk, second.pk, third.pk]
    assert path_to(None) == []


def test_a_long_conversation_costs_no_more_queries_than_a_short_one(desk: Desk) -> None:
    counts = []
    for turns in (2, 12):
        newest = Answer.objects.get(pk=a_thread(desk, turns)[-1].pk)
        with CaptureQueriesContext(connection) as queries:
            texts = [(answer.question.text, answer.text, answer.is_running) for answer in path_to(newest)]
        assert len(texts) == turns
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 3
