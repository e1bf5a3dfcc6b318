from __future__ import annotations

import pytest

from apps.conversations.models import Answer, Question, Verdict
from apps.library.models import Corpus
from apps.usage.models import Reservation
from apps.workspaces.models import Workspace
from tests.api.conftest import UNKNOWN, Caller, error_code
from tests.factories import (
    add_evidence,
    make_answer,
    make_answered,
    make_conversation,
    make_corpus,
    make_document,
    make_plan,
    make_question,
    make_workspace,
)

QUESTION = {"text": "How can the lease end?"}


@pytest.fixture
def ready(corpus: Corpus) -> Corpus:
    make_document(corpus)
    return corpus


def test_a_plan_says_what_asking_would_take_and_stores_nothing(bob: Caller, ready: Corpus) -> None:
    plan = bob.post(f"/corpora/{ready.pk}/plan", QUESTION)
    assert plan.status_code == 200
    body = plan.json()
    assert {
        "model",
        "endpoint",
        "fallbacks",
        "reading",
        "reason",
        "passes",
        "input_tokens",
        "cost_usd",
        "fits",
        "over_by",
    } <= set(body)
    assert (body["fits"], body["over_by"], body["reading"]) == (True, 0, "one_pass")
    assert body["passes"] == [
        {
            "kind": "one_pass",
            "tokens": body["input_tokens"],
            "pages": [{"ordinal": 1, "first": 1, "last": 3}],
        }
    ]
    assert set(body["cost_usd"]) == {"low", "high"}
    assert not Question.objects.exists()


def test_a_plan_that_cannot_be_met_says_why(bob: Caller, corpus: Corpus) -> None:
    body = bob.post(f"/corpora/{corpus.pk}/plan", QUESTION).json()
    assert (body["fits"], body["code"]) == (False, "empty_selection")


def test_a_selection_narrows_the_plan(bob: Caller, ready: Corpus) -> None:
    small = make_document(ready, "note.pdf", ["A short note."])
    path = f"/corpora/{ready.pk}/plan"
    body = bob.post(path, {**QUESTION, "selection": {"documents": [str(small.pk)]}}).json()
    assert body["passes"][0]["pages"] == [{"ordinal": 2, "first": 1, "last": 1}]
    everything = bob.post(path, {**QUESTION, "selection": {"documents": None, "paths": {}}}).json()
    assert everything["input_tokens"] > body["input_tokens"]


def test_a_selection_names_documents_of_this_corpus(
    alice: Caller, bob: Caller, ready: Corpus, workspace: Workspace
) -> None:
    elsewhere = make_document(make_corpus(workspace, "Other"))
    foreign = make_document(make_corpus(make_workspace("Globex")))
    for document_id in (elsewhere.pk, foreign.pk, UNKNOWN):
        for selection in (
            {"documents": [str(document_id)]},
            {"paths": {str(document_id): {"include": ["a"]}}},
        ):
            refused = bob.post(f"/corpora/{ready.pk}/plan", {**QUESTION, "selection": selection})
            assert (refused.status_code, error_code(refused)) == (404, "unknown_document")
    paged = str(ready.entries.values_list("document_id", flat=True)[0])
    for selection in ({"documents": ["x"]}, {"paths": {paged: {"include": ["a"]}}}):
        refused = bob.post(f"/corpora/{ready.pk}/plan", {**QUESTION, "selection": selection})
        assert (refused.status_code, error_code(refused)) == (422, "bad_selection")


def test_a_question_is_queued_with_its_answer(bob: Caller, ready: Corpus) -> None:
    conversation = bob.post(f"/corpora/{ready.pk}/conversations", {})
    assert conversation.status_code == 201
    path = f"/conversations/{conversation.json()['id']}"
    asked = bob.post(f"{path}/questions", QUESTION)
    assert asked.status_code == 202
    body = asked.json()
    assert body["events_url"] == f"/api/v1/answers/{body['answer_id']}/events"
    answer = bob.get(f"/answers/{body['answer_id']}").json()
    assert (answer["status"], answer["question_id"]) == ("queued", body["question_id"])
    assert bob.get(path).json()["title"] == "How can the lease end?"
    assert bob.get(f"{path}/questions").json()["items"][0]["answers"] == [
        {"id": body["answer_id"], "status": "queued"}
    ]
    assert Reservation.objects.filter(answer_id=body["answer_id"]).exists()


def test_a_follow_up_follows_the_newest_answer_unless_told_otherwise(bob: Caller, ready: Corpus) -> None:
    first = make_answered(ready, bob.user)
    path = f"/conversations/{first.question.conversation_id}/questions"
    for body, parent in (
        ({}, first),
        ({"parent_answer": None}, None),
        ({"parent_answer": str(first.pk)}, first),
    ):
        asked = bob.post(path, {**QUESTION, **body}).json()
        question = Question.objects.get(pk=asked["question_id"])
        assert question.parent_answer == parent
        question.answers.all().delete()
        question.delete()
    other = make_answered(ready, bob.user)
    refused = bob.post(path, {**QUESTION, "parent_answer": str(other.pk)})
    assert (refused.status_code, error_code(refused)) == (404, "unknown_answer")
    assert bob.post(path, {**QUESTION, "parent_answer": UNKNOWN}).status_code == 404


def test_the_same_key_asks_once(bob: Caller, ready: Corpus) -> None:
    conversation = make_conversation(ready, bob.user)
    path = f"/conversations/{conversation.pk}/questions"
    first, again, other = (
        bob.post(path, QUESTION, headers={"Idempotency-Key": key}) for key in ("one", "one", "two")
    )
    assert first.json() == again.json() != other.json()
    assert Answer.objects.count() == 2
    for change in ({"text": "Another?"}, {"model": "maverick"}, {"selection": {"documents": []}}):
        refused = bob.post(path, {**QUESTION, **change}, headers={"Idempotency-Key": "one"})
        assert (refused.status_code, error_code(refused)) == (409, "key_used")
        assert refused.json()["error"]["details"]["answer_id"] == first.json()["answer_id"]
    assert Answer.objects.count() == 2
    for key in ("k" * 81, "clé"):
        refused = bob.post(path, QUESTION, headers={"Idempotency-Key": key})
        assert (refused.status_code, error_code(refused)) == (422, "bad_idempotency_key")


def test_another_host_than_the_client_named_is_409_with_the_new_plan(bob: Caller, ready: Corpus) -> None:
    path = f"/conversations/{make_conversation(ready, bob.user).pk}/questions"
    refused = bob.post(path, {**QUESTION, "hosts": ["another"]})
    assert (refused.status_code, error_code(refused)) == (409, "plan_changed")
    endpoint = refused.json()["error"]["details"]["endpoint"]
    assert not Question.objects.exists()
    assert bob.post(path, {**QUESTION, "hosts": [endpoint]}).status_code == 202


def test_a_cut_answer_goes_on_at_a_price_that_is_told_before(bob: Caller, ready: Corpus) -> None:
    answer = make_answer(
        make_question(make_conversation(ready, bob.user)),
        "The lease ends",
        plan=make_plan("quote-finder", "quotes"),
        notices=[{"code": "cut", "sentence": "Cut."}],
    )
    plan = bob.get(f"/answers/{answer.pk}/continue").json()
    assert (plan["fits"], plan["endpoint"]) == (True, "quote-finder")
    assert plan["cost_usd"] is not None
    asked = bob.post(f"/answers/{answer.pk}/continue", {"hosts": ["quote-finder"]})
    assert asked.status_code == 202
    going_on = bob.get(f"/answers/{asked.json()['answer_id']}").json()
    assert going_on["text"] == "The lease ends"
    assert going_on["plan"]["continues"]["answer"] == str(answer.pk)
    refused = bob.post(f"/answers/{going_on['id']}/continue", {})
    assert (refused.status_code, error_code(refused)) == (409, "not_cut")


def test_what_does_not_fit_is_409_with_numbers_and_stores_nothing(bob: Caller, ready: Corpus) -> None:
    conversation = make_conversation(ready, bob.user)
    path = f"/conversations/{conversation.pk}/questions"
    refused = bob.post(path, {**QUESTION, "model": "no-such-model"})
    assert refused.status_code == 409
    assert error_code(refused) == "no_endpoint"
    assert refused.json()["error"]["details"]["input_tokens"] > 0
    assert not Question.objects.exists()
    assert not Reservation.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": ""},
        {"text": "  "},
        {"text": "x" * 20_001},
        {"text": "a", "reading": "fast"},
        {"text": "a", "model": "m" * 81},
        {"text": "a", "selection": []},
        {"text": "a", "status": "done"},
        {"text": ["a"]},
        {"text": "a\x00b"},
    ],
    ids=str,
)
def test_a_question_that_is_none_is_refused(bob: Caller, ready: Corpus, body: dict[str, object]) -> None:
    conversation = make_conversation(ready, bob.user)
    refused = bob.post(f"/conversations/{conversation.pk}/questions", body)
    assert refused.status_code == 422
    assert error_code(refused)
    assert not Question.objects.exists()


def test_conversations_are_private_until_shared_and_then_for_reading(
    alice: Caller, bob: Caller, vera: Caller, charlie: Caller, ready: Corpus
) -> None:
    answer = make_answered(ready, bob.user)
    path = f"/conversations/{answer.question.conversation_id}"
    for caller in (alice, vera, charlie):
        assert caller.get(path).status_code == 404
        assert caller.get(f"/answers/{answer.pk}").status_code == 404
        assert caller.get(f"/corpora/{ready.pk}/conversations").status_code in {200, 404}
    assert alice.get(f"/corpora/{ready.pk}/conversations").json()["items"] == []
    shared = bob.patch(path, {"is_shared": True, "title": "How the lease ends"})
    assert (shared.json()["is_shared"], shared.json()["title"]) == (True, "How the lease ends")
    assert vera.get(path).json()["is_own"] is False
    assert vera.get(f"/answers/{answer.pk}").status_code == 200
    assert len(vera.get(f"/corpora/{ready.pk}/conversations").json()["items"]) == 1
    assert charlie.get(path).status_code == 404
    for caller in (alice, vera):
        assert caller.patch(path, {"title": "Mine"}).status_code == 403
        assert caller.delete(path).status_code == 403
        assert caller.post(f"{path}/questions", QUESTION).status_code == 403
        assert caller.post(f"/answers/{answer.pk}/stop").status_code == 403
        assert caller.post(f"/answers/{answer.pk}/retry").status_code == 403
    assert bob.delete(path).status_code == 204
    assert bob.get(path).status_code == 404


def test_viewers_neither_plan_nor_begin(vera: Caller, ready: Corpus) -> None:
    assert vera.post(f"/corpora/{ready.pk}/plan", QUESTION).status_code == 403
    assert vera.post(f"/corpora/{ready.pk}/conversations", {}).status_code == 403


def test_an_answer_has_text_evidence_mentions_and_usage(bob: Caller, ready: Corpus) -> None:
    answer = make_answered(ready, bob.user)
    Answer.objects.filter(pk=answer.pk).update(notices=[{"code": "cut", "sentence": "It was cut."}])
    add_evidence(
        answer,
        "The rent is 1,850 euros a month",
        3,
        Verdict.ELSEWHERE,
        marker_given="[[1:2]]",
        why="the amount",
    )
    body = bob.get(f"/answers/{answer.pk}").json()
    assert body["status"] == "done"
    assert "120 days" in body["html"]
    assert "<script" not in body["html"]
    first, second = body["evidence"]
    assert first["document_id"] == answer.manifest[0]["document_id"]
    assert (first["marker"], first["page"], first["label"], first["verdict"]) == ("[[1:2]]", 2, "2", "exact")
    assert first["boxes"] == [[0.12, 0.13, 0.66, 0.15]]
    assert (second["marker"], second["marker_given"]) == ("[[1:3]]", "[[1:2]]")
    mention = body["mentions"][0]
    assert body["text"][mention["offset"] :].startswith(mention["marker"])
    assert set(mention) == {"marker", "offset", "ordinal", "first", "last", "document_id", "verdict"}
    assert body["usage"] == {
        "input_tokens": 1210,
        "cached_tokens": 1024,
        "output_tokens": 96,
        "cost_usd": "0.00032",
        "estimated": False,
    }
    assert body["notices"] == [{"code": "cut", "sentence": "It was cut.", "pages": []}]
    assert body["error"] is None


def test_a_failed_answer_says_why(bob: Caller, ready: Corpus) -> None:
    answer = make_answer(
        make_question(make_conversation(ready, bob.user)),
        status=Answer.Status.FAILED,
        error_code="timeout",
        error_sentence="The host did not answer in time.",
        cost_usd=None,
    )
    body = bob.get(f"/answers/{answer.pk}").json()
    assert body["error"] == {"code": "timeout", "message": "The host did not answer in time."}
    assert body["usage"]["cost_usd"] is None


def test_coverage_lists_what_was_sent_and_what_was_not(bob: Caller, ready: Corpus) -> None:
    answer = make_answered(ready, bob.user)
    answer.not_sent = [{"ordinal": 1, "name": "lease.pdf", "first": 4, "last": 5, "reason": "no text"}]
    answer.save(update_fields=["not_sent"])
    body = bob.get(f"/answers/{answer.pk}/coverage").json()
    assert (body["pages_selected"], body["pages_sent"]) == (5, 3)
    assert body["not_sent"] == answer.not_sent
    (only,) = body["passes"]
    assert (only["number"], only["kind"], only["attempts"], only["status"]) == (1, "one_pass", 1, "done")
    assert (only["tokens_counted"], only["tokens_reported"]) == (1204, 1210)


def test_stop_ends_what_runs_and_leaves_what_ended(bob: Caller, ready: Corpus) -> None:
    conversation = make_conversation(ready, bob.user)
    asked = bob.post(f"/conversations/{conversation.pk}/questions", QUESTION).json()
    path = f"/answers/{asked['answer_id']}"
    stopped = bob.post(f"{path}/stop")
    assert stopped.status_code == 202
    assert stopped.json() == {"id": asked["answer_id"], "status": "stopped"}
    before = bob.get(path).json()
    again = bob.post(f"{path}/stop")
    assert (again.status_code, again.json()) == (200, stopped.json())
    assert bob.get(path).json() == before


def test_a_retry_is_a_new_answer_beside_the_old_one(bob: Caller, ready: Corpus) -> None:
    plan = make_plan("quote-finder", "quotes")
    question = make_question(make_conversation(ready, bob.user))
    failed = make_answer(question, status=Answer.Status.FAILED, plan=plan)
    retried = bob.post(f"/answers/{failed.pk}/retry")
    assert retried.status_code == 202
    assert retried.json()["question_id"] == str(failed.question_id)
    assert retried.json()["answer_id"] != str(failed.pk)
    done = make_answered(ready, bob.user)
    refused = bob.post(f"/answers/{done.pk}/retry")
    assert (refused.status_code, error_code(refused)) == (409, "not_failed")
