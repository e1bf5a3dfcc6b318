"""An answer in the browser: its turn, stopping and retrying, citations, coverage."""

from __future__ import annotations

import json
import re

import pytest
from django.urls import reverse
from django.utils import timezone

from apps.conversations.models import Answer, Conversation, Question, ReadingPass, Verdict
from apps.library.models import Document
from apps.library.services import delete_document
from apps.llm.providers.scripted import Script
from tests.conversations.room import (
    HTMX,
    READS,
    Room,
    answered_room,  # noqa: F401 (fixture)
    arguments,
    body,
    plain,
)
from tests.factories import (
    add_evidence,
    make_answer,
    make_plan,
    make_question,
)

# Reading -----------------------------------------------------------------------------------------


def test_an_answer_shows_its_citations_sums_and_foot(room: Room) -> None:
    page = body(room.client("alice").get(room.url("detail")))
    words = plain(room.client("alice").get(room.url("detail")))

    assert f'href="{room.url("cite", 1, 2)}"' in page
    assert 'class="cite cite--exact"' in page
    assert "1 quote, 1 word for word" in words
    assert "Maverick" in words
    assert "1.2 k tokens (1.0 k cached)" in words
    assert "$0.00032 of $0.00032–$0.0068" in words
    assert "3/3 pages" in words
    assert " style=" not in page
    assert "<script>" not in page


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_its_word(room: Room, verdict: Verdict) -> None:
    room.answer.evidence.update(verdict=verdict)
    words = plain(room.client("alice").get(room.url("detail")))
    assert f"1 {verdict.label}" in words


def test_hostile_text_stays_text_everywhere(room: Room) -> None:
    bad = "<img src=x onerror=alert(1)> [[1:2]] <script>alert(1)</script>"
    room.answer.evidence.update(quote=bad, why=bad)
    Answer.objects.filter(pk=room.answer.pk).update(
        text=bad, error_sentence=bad, notices=[{"code": "x", "sentence": bad}]
    )
    Question.objects.update(text=bad)
    Conversation.objects.update(title=bad)
    client = room.client("alice")
    for name in [*READS[:3], "cite"]:
        page = body(client.get(room.url(name, *arguments(name)), follow=True))
        assert "<img src=x" not in page, name
        assert "<script>alert" not in page, name


def test_a_running_answer_is_followed_and_can_be_stopped(room: Room) -> None:
    running = make_answer(
        make_question(room.conversation, "And then?", parent=room.answer),
        status=Answer.Status.READING,
        stage={"stage": "reading", "sentence": "Reading 3 pages", "done": 1, "total": 3},
    )
    page = body(room.client("alice").get(room.url("detail")))

    assert f'data-src="/api/v1/answers/{running.pk}/events"' in page
    assert "Reading 3 pages" in page
    stop = reverse("conversations:stop", args=[room.desk.workspace.slug, running.pk])
    assert stop in page
    assert "Stopping …" in plain(room.client("alice").post(stop, headers=HTMX))
    assert Answer.objects.get(pk=running.pk).stop_requested_at is not None
    assert room.client("alice").post(stop).status_code == 302


def test_stopping_an_ended_answer_changes_nothing(room: Room) -> None:
    assert room.client("alice").post(room.url("stop"), headers=HTMX).status_code == 204
    assert Answer.objects.get(pk=room.answer.pk).status == Answer.Status.DONE


def test_a_plan_that_changed_is_shown_in_the_buttons_place_and_can_be_agreed_to(
    room: Room, script: Script
) -> None:
    Answer.objects.filter(pk=room.answer.pk).update(
        status=Answer.Status.FAILED, plan={**room.answer.plan, "endpoint": "gone", "fallbacks": []}
    )
    client = room.client("alice")
    refused = client.post(room.url("retry"), headers=HTMX)
    assert (refused.status_code, refused.headers["HX-Retarget"]) == (422, "this")
    assert 'name="hosts" value="scripted"' in body(refused)
    assert "Nothing was asked" in plain(refused)
    assert "Ask scripted" in plain(refused)

    asked = client.post(room.url("retry"), {"hosts": ["scripted"]}, headers=HTMX)
    assert asked.status_code == 200
    assert Answer.objects.filter(question=room.answer.question).count() == 2


def test_a_failed_answer_keeps_what_came_and_offers_retry(room: Room, script: Script) -> None:
    Answer.objects.filter(pk=room.answer.pk).update(
        status=Answer.Status.FAILED, error_sentence="The stream was cut.", plan=make_plan("scripted")
    )
    client = room.client("alice")
    words = plain(client.get(room.url("detail")))
    assert "The stream was cut. What had come is kept above." in words

    page = body(client.post(room.url("retry"), headers=HTMX))
    assert "<answer-stream" in page
    assert "2 of 2" not in page
    assert Answer.objects.filter(question=room.answer.question).count() == 2


def cut_answer(room: Room) -> None:
    notice = {"code": "cut", "sentence": "The answer reached its longest length and was cut there."}
    Answer.objects.filter(pk=room.answer.pk).update(notices=[notice], plan=make_plan("scripted"))
    ReadingPass.objects.filter(answer=room.answer).update(endpoint_id="scripted")


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "no JavaScript"])
def test_a_cut_answer_says_what_going_on_costs_and_goes_on(
    room: Room, script: Script, headers: dict[str, str]
) -> None:
    cut_answer(room)
    client = room.client("alice")
    page = body(client.get(room.url("detail")))
    assert f'action="{room.url("continue")}"' in page
    assert re.search(r"Continue <span[^>]*>\$[0-9.]+–\$?[0-9.]+</span>", page)
    assert '<input type="hidden" name="hosts" value="scripted">' in page

    response = client.post(room.url("continue"), {"hosts": ["scripted"]}, headers=headers, follow=True)
    assert response.status_code == 200
    assert "<answer-stream" in body(response)
    assert "120 days" in body(response)
    going_on = Answer.objects.exclude(pk=room.answer.pk).get(question=room.answer.question)
    assert going_on.plan["continues"]["answer"] == str(room.answer.pk)


def test_a_cut_answer_that_went_on_shows_where_instead_of_a_price(room: Room, script: Script) -> None:
    cut_answer(room)
    client = room.client("alice")
    client.post(room.url("continue"))
    whole = Answer.objects.exclude(pk=room.answer.pk).get(question=room.answer.question)
    page = body(client.get(f"{room.url('detail')}?answer={room.answer.pk}"))
    assert f'?answer={whole.pk}">Show the rest' in page
    assert room.url("continue") not in page


def test_who_reads_a_shared_conversation_cannot_go_on_but_sees_the_rest(room: Room, script: Script) -> None:
    cut_answer(room)
    Conversation.objects.update(shared_at=timezone.now())
    bob = room.client("bob")
    assert room.url("continue") not in body(bob.get(room.url("detail")))
    assert bob.post(room.url("continue")).status_code == 403

    room.client("alice").post(room.url("continue"))
    assert "Show the rest" in body(bob.get(f"{room.url('detail')}?answer={room.answer.pk}"))


def test_a_cut_answer_whose_document_was_deleted_does_not_offer_to_go_on(room: Room, script: Script) -> None:
    cut_answer(room)
    delete_document(room.people["alice"], Document.objects.get())
    page = room.client("alice").get(room.url("detail"))
    assert room.url("continue") not in body(page)
    assert "was deleted, and nothing is sent without it" in plain(page)


def test_only_a_cut_answer_offers_to_go_on(room: Room, script: Script) -> None:
    client = room.client("alice")
    assert room.url("continue") not in body(client.get(room.url("detail")))
    assert client.post(room.url("continue")).status_code == 409
    assert client.post(room.url("continue"), headers=HTMX).status_code == 422


def test_another_host_than_the_button_named_is_not_asked(room: Room, script: Script) -> None:
    cut_answer(room)
    refused = room.client("alice").post(room.url("continue"), {"hosts": ["another"]}, headers=HTMX)
    assert refused.status_code == 422
    assert "another host was shown" in plain(refused)


def test_a_cut_answer_whose_host_is_gone_says_so_instead_of_a_button(room: Room, script: Script) -> None:
    cut_answer(room)
    Answer.objects.filter(pk=room.answer.pk).update(plan=make_plan("gone"))
    ReadingPass.objects.filter(answer=room.answer).update(endpoint_id="gone")
    page = room.client("alice").get(room.url("detail"))
    assert room.url("continue") not in body(page)
    assert "It cannot go on now" in plain(page)


def test_a_finished_answer_is_not_retried(room: Room) -> None:
    assert room.client("alice").post(room.url("retry"), headers=HTMX).status_code == 422
    assert room.client("alice").post(room.url("retry")).status_code == 409


def test_the_turn_of_an_answer_brings_the_button_back(room: Room) -> None:
    page = body(room.client("alice").get(room.url("answer"), headers=HTMX))

    assert page.count('<article class="turn"') == 1
    assert 'id="composer-action"' in page
    assert 'id="ask-button"' in page
    assert room.client("alice").get(room.url("answer")).url.endswith(f"?answer={room.answer.pk}")


def test_a_plan_that_comes_before_the_end_is_shown_finds_the_frame_of_the_button(room: Room) -> None:
    plan = body(
        room.client("alice").post(
            reverse("conversations:plan", args=[room.desk.corpus.workspace.slug, room.desk.corpus.pk]),
            {"text": "And when?", "parent_answer": str(room.answer.pk)},
            headers=HTMX,
        )
    )

    assert plan.count("hx-swap-oob") == 1
    assert '<div id="composer-action" class="composer-action" hx-swap-oob="true">' in plan


# Citations, coverage -----------------------------------------------------------------------------


def test_a_citation_opens_its_page_with_the_words_boxed(room: Room) -> None:
    page = body(room.client("alice").get(room.url("cite", 1, 2), headers=HTMX))

    assert page.count('class="quote-box"') == 1
    assert 'data-page="2"' in page
    assert "Either party may terminate with 120 days written notice." in page
    assert "word for word" in page


def test_an_altered_quote_shows_both_words(room: Room) -> None:
    add_evidence(
        room.answer,
        "terminate with 90 days written notice",
        2,
        Verdict.ALTERED,
        differences=[{"kind": "number", "quoted": "90", "printed": "120"}],
    )
    words = plain(room.client("alice").get(room.url("cite", 1, 2), headers=HTMX))
    assert "page: 120 · answer: 90" in words


@pytest.mark.parametrize("place", [(1, 99), (9, 1), (1, 0)])
def test_a_page_that_was_not_sent_is_no_citation(room: Room, place: tuple[int, int]) -> None:
    assert room.client("alice").get(room.url("cite", *place), headers=HTMX).status_code == 404


def test_a_removed_source_is_said_and_its_quotes_stay(room: Room) -> None:
    delete_document(room.people["alice"], Document.objects.get())
    response = room.client("alice").get(room.url("cite", 1, 2), headers=HTMX)

    assert response.status_code == 200
    assert "source removed" in body(response)
    assert "Either party may terminate with 120 days written notice." in body(response)


def test_the_coverage_sheet_accounts_for_every_page(room: Room) -> None:
    Answer.objects.filter(pk=room.answer.pk).update(
        not_sent=[
            {"ordinal": 1, "name": "lease.pdf", "first": 4, "last": 5, "reason": "no text"},
            {"ordinal": 2, "name": "scan.pdf", "first": None, "last": None, "reason": "still being read"},
        ]
    )
    response = room.client("alice").get(room.url("coverage"), headers=HTMX)

    words = plain(response)
    assert "3 of 5 selected pages were sent and counted, 1 cited" in words
    assert "3 sent, 1 cited, 2 not sent" in words
    assert "still being read" in words
    assert "1,204 1,210 1,024 96" in words
    kinds = re.findall(r'<rect class="cell ([a-z-]+)" x="(\d+)" y="0" width="(\d+)"', body(response))
    assert kinds == [
        ("sent", "0", "12"),
        ("cited", "12", "12"),
        ("sent", "24", "12"),
        ("no-text", "36", "24"),
    ]


def test_the_coverage_can_be_taken_along(room: Room) -> None:
    response = room.client("alice").get(room.url("coverage-json"))
    sheet = json.loads(response.content)

    assert response["Content-Disposition"].startswith("attachment")
    assert (sheet["pages_selected"], sheet["pages_sent"]) == (3, 3)
    assert sheet["passes"][0]["tokens_counted"] == 1204
