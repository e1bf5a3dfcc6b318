"""Asking, before any worker is there: what is stored, what is refused, what is set aside."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.common.http import Refused
from apps.conversations import services
from apps.conversations.models import Answer, Question, ReadingPass
from apps.conversations.reaping import reap_answers
from apps.conversations.selection import default_selection
from apps.library.models import Page, Revision
from apps.library.services import set_ticked
from apps.llm.providers.scripted import Script
from apps.usage.budgets import budget_state, set_monthly_limit
from apps.usage.models import LedgerEntry, Reservation
from tests.conversations.conftest import Desk
from tests.factories import make_answer, make_answered, make_corpus, make_document, make_plan, make_question


def test_a_question_is_stored_with_plan_manifest_pass_and_reservation(desk: Desk, script: Script) -> None:
    answer = services.ask_question(desk.alice, desk.conversation, "How can the lease end?")

    assert answer.status == Answer.Status.QUEUED
    assert answer.plan["endpoint"] == "scripted"
    assert [(entry["ordinal"], entry["ranges"]) for entry in answer.manifest] == [(1, [[1, 3]])]
    reading_pass = ReadingPass.objects.get(answer=answer)
    assert reading_pass.tokens_counted == answer.plan["input_tokens"] > 0
    reserved = Reservation.objects.get(answer_id=answer.pk)
    assert reserved.amount == Decimal(answer.plan["cost_usd"]["high"]) > 0
    desk.conversation.refresh_from_db()
    assert desk.conversation.title == "How can the lease end?"


def test_the_same_key_gives_the_same_answer(desk: Desk, script: Script) -> None:
    first = services.ask_question(desk.alice, desk.conversation, "How?", idempotency_key="one")
    again = services.ask_question(desk.alice, desk.conversation, "How?", idempotency_key="one")

    assert again.pk == first.pk
    assert Question.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "code"),
    [("  \n ", "empty_question"), ("\x00", "empty_question"), ("x" * 20_001, "question_too_long")],
)
def test_what_is_no_question_is_refused(desk: Desk, script: Script, text: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        services.ask_question(desk.alice, desk.conversation, text)

    assert refused.value.code == code
    assert not Question.objects.exists()


def test_what_does_not_fit_is_refused_with_numbers_and_leaves_no_row(desk: Desk, script: Script) -> None:
    page = Page.objects.filter(revision__document__entries__corpus=desk.corpus).first()
    assert page is not None
    Page.objects.filter(pk=page.pk).update(tokens=500_000)

    with pytest.raises(Refused) as refused:
        services.ask_question(desk.alice, desk.conversation, "How can the lease end?")

    assert (refused.value.status, refused.value.code) == (409, "does_not_fit")
    assert refused.value.details["over_by"] > 300_000
    assert not Question.objects.exists()
    assert not Reservation.objects.exists()


def test_the_plan_says_that_the_budget_does_not_hold_it(desk: Desk, script: Script) -> None:
    set_monthly_limit(desk.alice, desk.workspace, Decimal("0.05"))
    plan = services.plan_question(desk.alice, desk.corpus, "How can the lease end?")

    assert (plan.fits, plan.code) == (False, "over_budget")
    assert "left of this month's" in plan.reason
    assert budget_state(desk.workspace).reserved == 0


def test_a_budget_that_is_too_small_refuses_and_leaves_no_row(desk: Desk, script: Script) -> None:
    set_monthly_limit(desk.alice, desk.workspace, Decimal("0.05"))

    with pytest.raises(Refused) as refused:
        services.ask_question(desk.alice, desk.conversation, "How can the lease end?")

    assert (refused.value.status, refused.value.code) == (409, "over_budget")
    assert not Question.objects.exists()
    assert budget_state(desk.workspace).reserved == 0


def test_ticks_decide_what_is_selected(desk: Desk, script: Script) -> None:
    second = make_document(desk.corpus, "deposit.pdf")
    entry = second.entries.get()
    assert default_selection(desk.alice, desk.corpus) == {"documents": None, "paths": {}}

    set_ticked(desk.alice, entry, False)
    selection = default_selection(desk.alice, desk.corpus)
    answer = services.ask_question(desk.alice, desk.conversation, "How?", selection=selection)

    assert str(second.pk) not in {item["document_id"] for item in answer.manifest}
    assert default_selection(desk.bob, desk.corpus)["documents"] is None


def test_a_document_of_another_corpus_cannot_be_selected(desk: Desk, script: Script) -> None:
    elsewhere = make_document(make_corpus(desk.workspace, "Other"))
    with pytest.raises(Refused) as refused:
        services.plan_question(
            desk.alice, desk.corpus, "How?", selection={"documents": [str(elsewhere.pk)], "paths": {}}
        )
    assert (refused.value.status, refused.value.code) == (404, "unknown_document")


def test_what_cannot_be_sent_is_listed_with_its_reason(desk: Desk, script: Script) -> None:
    make_document(desk.corpus, "scan.pdf", ["First page with words.", "", "Third page with words."])
    make_document(desk.corpus, "late.pdf", status=Revision.Status.READING)

    answer = services.ask_question(desk.alice, desk.conversation, "How?")

    assert [item["ranges"] for item in answer.manifest] == [[[1, 3]], [[1, 1], [3, 3]]]
    assert answer.not_sent == [
        {"ordinal": 2, "name": "scan.pdf", "first": 2, "last": 2, "reason": "no text"},
        {"ordinal": 3, "name": "late.pdf", "first": None, "last": None, "reason": "still being read"},
    ]


def test_a_follow_up_counts_what_was_said_before(desk: Desk, script: Script) -> None:
    earlier = make_answered(desk.corpus, desk.alice)
    conversation = earlier.question.conversation

    alone = services.plan_question(desk.alice, desk.corpus, "And the rent?")
    after = services.plan_question(desk.alice, desk.corpus, "And the rent?", parent_answer=earlier)
    answer = services.ask_question(desk.alice, conversation, "And the rent?", parent_answer=earlier)

    assert after.input_tokens > alone.input_tokens
    assert answer.plan["input_tokens"] == after.input_tokens


def test_an_answer_of_another_conversation_is_no_parent(desk: Desk, script: Script) -> None:
    elsewhere = make_answered(desk.corpus, desk.alice)
    with pytest.raises(Refused) as refused:
        services.ask_question(desk.alice, desk.conversation, "And?", parent_answer=elsewhere)
    assert refused.value.status == 404


def test_too_many_answers_at_once_are_refused(desk: Desk, script: Script, settings: object) -> None:
    settings.CONCURRENT_ANSWERS_PER_MEMBER = 1  # type: ignore[attr-defined]
    services.ask_question(desk.alice, desk.conversation, "One?")
    with pytest.raises(Refused) as refused:
        services.ask_question(desk.alice, desk.conversation, "Two?")
    assert refused.value.status == 429


def test_asking_too_fast_is_refused_with_the_time(desk: Desk, script: Script, settings: object) -> None:
    settings.ASKS_PER_MEMBER_PER_MINUTE = 2  # type: ignore[attr-defined]
    answers = [services.ask_question(desk.alice, desk.conversation, f"{word}?") for word in ("One", "Two")]
    with pytest.raises(Refused) as refused:
        services.ask_question(desk.alice, desk.conversation, "Three?")
    assert (refused.value.status, refused.value.code) == (429, "asking_too_fast")
    assert 1 <= refused.value.details["retry_after_seconds"] <= 60
    Answer.objects.filter(pk=answers[0].pk).update(created_at=timezone.now() - timedelta(seconds=61))
    services.ask_question(desk.alice, desk.conversation, "Three?")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limit", ["CONCURRENT_ANSWERS_PER_MEMBER", "ASKS_PER_MEMBER_PER_MINUTE"])
def test_of_twenty_questions_in_one_moment_no_more_than_allowed_are_taken(
    desk: Desk, script: Script, settings: object, limit: str
) -> None:
    setattr(settings, limit, 3)
    gate = threading.Barrier(20)

    def ask(number: int) -> str:
        gate.wait(10)
        try:
            services.ask_question(desk.alice, desk.conversation, f"Question {number}?")
        except Refused as refused:
            return refused.code
        finally:
            connection.close()
        return "taken"

    with ThreadPoolExecutor(20) as pool:
        outcomes = Counter(pool.map(ask, range(20)))
    assert outcomes["taken"] == 3
    assert sum(outcomes.values()) == 20
    assert len(outcomes) == 2
    assert Question.objects.filter(conversation=desk.conversation).count() == 3


def test_stop_before_a_worker_came_ends_the_answer_and_frees_its_money(desk: Desk, script: Script) -> None:
    answer = services.ask_question(desk.alice, desk.conversation, "How?")
    services.stop_answer(desk.alice, answer)
    answer.refresh_from_db()

    assert answer.status == Answer.Status.STOPPED
    assert Reservation.objects.get(answer_id=answer.pk).settled_at is not None
    assert answer.claim_for_answering(60) is None


def test_stop_on_an_ended_answer_changes_nothing(desk: Desk) -> None:
    answer = make_answered(desk.corpus, desk.alice)
    services.stop_answer(desk.alice, answer)
    answer.refresh_from_db()
    assert (answer.status, answer.stop_requested_at) == (Answer.Status.DONE, None)


def test_retry_makes_a_new_answer_beside_the_failed_one(desk: Desk, script: Script) -> None:
    failed = make_answer(
        make_question(desk.conversation), "Half of", status=Answer.Status.FAILED, plan=make_plan("scripted")
    )
    retried = services.retry_answer(desk.alice, failed)

    assert retried.pk != failed.pk
    assert retried.question_id == failed.question_id
    failed.refresh_from_db()
    assert failed.text == "Half of"


def test_an_answer_that_is_done_cannot_be_retried(desk: Desk, script: Script) -> None:
    with pytest.raises(Refused) as refused:
        services.retry_answer(desk.alice, make_answered(desk.corpus, desk.alice))
    assert refused.value.status == 409


def test_deleting_a_conversation_removes_its_whole_tree(desk: Desk, script: Script) -> None:
    first = make_answered(desk.corpus, desk.alice)
    make_answered(desk.corpus, desk.alice, "And the rent?", parent=first)
    conversation = first.question.conversation

    services.delete_conversation(desk.alice, conversation)

    assert not Question.objects.filter(pk=first.question_id).exists()
    assert not Answer.objects.filter(pk=first.pk).exists()


def test_an_answer_whose_worker_died_before_sending_is_queued_again(desk: Desk, script: Script) -> None:
    answer = services.ask_question(desk.alice, desk.conversation, "How?")
    answer.claim_for_answering(60)
    Answer.objects.filter(pk=answer.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))

    reap_answers()

    answer.refresh_from_db()
    assert (answer.status, answer.claim) == (Answer.Status.QUEUED, None)


def test_an_answer_whose_worker_died_while_writing_fails_with_its_text_and_an_estimate(
    desk: Desk, script: Script
) -> None:
    answer = services.ask_question(desk.alice, desk.conversation, "How?")
    answer.claim_for_answering(60)
    ReadingPass.objects.filter(answer=answer).update(attempts=1, status=ReadingPass.Status.RUNNING)
    Answer.objects.filter(pk=answer.pk).update(
        claimed_until=timezone.now() - timedelta(seconds=1),
        raw="The lease ends [[1:2]].",
        text="The lease ends [[1:2]].",
    )

    reap_answers()
    reap_answers()

    answer.refresh_from_db()
    assert (answer.status, answer.error_code) == (Answer.Status.FAILED, "worker_died")
    assert answer.text == "The lease ends [[1:2]]."
    assert [mention.marker for mention in answer.mentions.all()] == ["[[1:2]]"]
    assert answer.is_estimated
    assert answer.input_tokens == answer.plan["input_tokens"]
    assert budget_state(desk.workspace).reserved == 0


def test_a_sample_corpus_has_a_question_ready_until_somebody_asked(desk: Desk, client: Client) -> None:
    desk.corpus.suggested_question = "How can the lease end?"
    desk.corpus.save()
    desk.conversation.delete()
    client.force_login(desk.alice)
    url = reverse("library:corpus", args=[desk.workspace.slug, desk.corpus.pk])

    assert "How can the lease end?</textarea>" in client.get(url).content.decode()
    services.start_conversation(desk.alice, desk.corpus)
    assert "How can the lease end?</textarea>" not in client.get(url).content.decode()


def test_a_follow_up_waits_for_the_answer_before_it(desk: Desk, script: Script) -> None:
    first = services.ask_question(desk.alice, desk.conversation, "One?")
    with pytest.raises(Refused) as refused:
        services.ask_question(desk.alice, desk.conversation, "Two?", parent_answer=first)
    assert (refused.value.status, refused.value.code) == (409, "still_running")


def test_deleting_a_running_conversation_books_what_was_sent(desk: Desk, script: Script) -> None:
    answer = services.ask_question(desk.alice, desk.conversation, "How?")
    answer.claim_for_answering(60)
    ReadingPass.objects.filter(answer=answer).update(attempts=1, status=ReadingPass.Status.RUNNING)

    services.delete_conversation(desk.alice, desk.conversation)

    entry = LedgerEntry.objects.get(answer_id=answer.pk)
    assert entry.is_estimated
    assert entry.input_tokens == answer.plan["input_tokens"]
    assert budget_state(desk.workspace).reserved == 0
