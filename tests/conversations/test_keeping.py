"""Rows and Stop of all answers that one worker writes: asked for together, lost by none for another's sake."""

from __future__ import annotations

import uuid

import pytest
from django.db import DataError, OperationalError
from django.utils import timezone

from apps.conversations import services
from apps.conversations.keeping import RowWrite, look_and_write
from apps.conversations.models import Answer
from apps.llm.providers.scripted import Script
from tests.conversations.conftest import Desk

pytestmark = pytest.mark.django_db


def claimed(desk: Desk, count: int) -> list[RowWrite]:
    """Answers under way, each with a text for its row."""
    answers = [services.ask_question(desk.alice, desk.conversation, f"Question {n}?") for n in range(count)]
    claims = [answer.claim_for_answering(60) for answer in answers]
    return [
        RowWrite(answer, claim, {"text": f"Text {number}."})
        for number, (answer, claim) in enumerate(zip(answers, claims, strict=True))
        if claim is not None
    ]


def ids(writes: list[RowWrite]) -> list[uuid.UUID]:
    return [write.answer.pk for write in writes]


def test_one_query_finds_who_is_to_stop(desk: Desk, script: Script, django_assert_num_queries) -> None:
    writes = claimed(desk, 4)
    services.stop_answer(desk.alice, writes[2].answer)
    with django_assert_num_queries(1):
        stopped, lost = look_and_write(ids(writes), [])
    assert set(stopped) == {writes[2].answer.pk}
    assert not lost


def test_texts_reach_their_rows_and_a_claim_that_was_lost_is_told(desk: Desk, script: Script) -> None:
    writes = claimed(desk, 3)
    Answer.objects.filter(pk=writes[1].answer.pk).update(claim=uuid.uuid4())
    stopped, lost = look_and_write(ids(writes), writes)
    assert (set(stopped), set(lost)) == (set(), {writes[1].answer.pk})
    texts = dict(Answer.objects.values_list("pk", "text"))
    assert [texts[pk] for pk in ids(writes)] == ["Text 0.", "", "Text 2."]


def test_a_row_that_refuses_holds_nobody_else_up(
    desk: Desk, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = claimed(desk, 3)
    monkeypatch.setattr(writes[0].answer, "write_claimed", refuse_with(DataError("too long")))
    _, lost = look_and_write(ids(writes), writes)
    assert not lost
    assert set(Answer.objects.values_list("text", flat=True)) == {"", "Text 1.", "Text 2."}


def test_a_database_that_refuses_for_now_is_told_to_the_loop_which_asks_again(
    desk: Desk, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = claimed(desk, 1)
    monkeypatch.setattr(writes[0].answer, "write_claimed", refuse_with(OperationalError("locked")))
    with pytest.raises(OperationalError):
        look_and_write(ids(writes), writes)


def refuse_with(error: Exception):
    def refuse(*_: object, **__: object) -> bool:
        raise error

    return refuse


def test_a_claim_can_be_taken_once_only_also_by_its_name(desk: Desk, script: Script) -> None:
    answer, claim = services.ask_question(desk.alice, desk.conversation, "When?"), uuid.uuid4()
    assert answer.claim_for_answering(60, claim) == claim
    assert answer.claim_for_answering(60, claim) is None
    assert Answer.objects.get().claimed_until > timezone.now()
