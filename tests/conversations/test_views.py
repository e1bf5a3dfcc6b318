"""Conversations in the browser: who may read and ask, what asking shows, branches, citations, coverage, export."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.conversations.branches import newest_tip
from apps.conversations.models import Answer, Conversation, Question, Verdict
from apps.library.models import Document, Untick
from apps.library.services import delete_document, set_ticked
from apps.llm.providers.scripted import Script
from apps.workspaces.models import Role
from tests.conversations.conftest import Desk
from tests.factories import (
    add_evidence,
    add_member,
    add_mentions,
    make_answer,
    make_answered,
    make_conversation,
    make_corpus,
    make_question,
    make_user,
    make_workspace,
)

HTMX = {"HX-Request": "true"}


@dataclass
class Room:
    """The desk with vera as a viewer and charlie outside; alice has an answered question."""

    desk: Desk
    people: dict[str, User]
    answer: Answer

    @property
    def conversation(self) -> Conversation:
        return self.answer.question.conversation

    def client(self, name: str) -> Client:
        client = Client()
        client.force_login(self.people[name])
        return client

    def url(self, name: str, *args: Any) -> str:
        on_conversation = {"detail", "ask", "share", "rename", "delete"}
        if name in {"plan", "ask-first"}:
            subject = self.desk.corpus.pk
        else:
            subject = self.conversation.pk if name in on_conversation else self.answer.pk
        return reverse(f"conversations:{name}", args=[self.desk.workspace.slug, subject, *args])

    def share(self) -> None:
        Conversation.objects.filter(pk=self.conversation.pk).update(shared_at=timezone.now())


@pytest.fixture
def room(desk: Desk) -> Room:
    vera, charlie = make_user("vera@example.org"), make_user("charlie@example.org")
    add_member(desk.workspace, vera, Role.VIEWER)
    make_workspace("Elsewhere", owner=charlie)
    people = {"alice": desk.alice, "bob": desk.bob, "vera": vera, "charlie": charlie}
    return Room(desk, people, make_answered(desk.corpus, desk.alice))


def body(response: Any) -> str:
    return response.content.decode()


def plain(response: Any) -> str:
    """What a page says, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", body(response)).split())


# Who may what ------------------------------------------------------------------------------------

READS = ["detail", "answer", "coverage", "coverage-json", "cite", "export"]
WRITES = ["ask", "share", "rename", "delete", "stop", "retry"]


def arguments(name: str) -> list[int]:
    return [1, 2] if name == "cite" else []


@pytest.mark.parametrize("name", READS)
def test_a_private_conversation_is_its_owners_alone(room: Room, name: str) -> None:
    url = room.url(name, *arguments(name))
    assert room.client("alice").get(url, headers=HTMX).status_code == 200
    for other in ("bob", "vera", "charlie"):
        assert room.client(other).get(url, headers=HTMX).status_code == 404, other
    assert Client().get(url).status_code == 302


@pytest.mark.parametrize("name", READS)
def test_a_shared_one_is_read_by_everybody_inside(room: Room, name: str) -> None:
    room.share()
    url = room.url(name, *arguments(name))
    for reader in ("bob", "vera"):
        assert room.client(reader).get(url, headers=HTMX).status_code == 200, reader
    assert room.client("charlie").get(url, headers=HTMX).status_code == 404


@pytest.mark.parametrize("name", WRITES)
def test_a_shared_one_is_changed_by_its_owner_alone(room: Room, name: str) -> None:
    data = {"text": "And then?", "title": "Mine", "is_shared": ""}
    for other in ("bob", "vera", "charlie"):
        assert room.client(other).post(room.url(name), data).status_code == 404, other
    room.share()
    for other in ("bob", "vera"):
        assert room.client(other).post(room.url(name), data).status_code == 403, other
    assert Conversation.objects.get(pk=room.conversation.pk).title == "How can the lease end?"
    assert Question.objects.count() == 1


@pytest.mark.parametrize("name", ["plan", "ask-first"])
def test_asking_needs_the_member_role(room: Room, script: Script, name: str) -> None:
    data = {"text": "How can the lease end?"}
    assert room.client("bob").post(room.url(name), data, headers=HTMX).status_code == 200
    assert room.client("vera").post(room.url(name), data).status_code == 403
    assert room.client("charlie").post(room.url(name), data).status_code == 404


@pytest.mark.parametrize("name", [*WRITES, "plan", "ask-first"])
def test_changes_are_posts(room: Room, name: str) -> None:
    assert room.client("alice").get(room.url(name)).status_code == 405


@pytest.mark.parametrize("name", READS)
def test_readings_are_no_posts(room: Room, name: str) -> None:
    assert room.client("alice").post(room.url(name, *arguments(name))).status_code == 405


@pytest.mark.parametrize("name", ["detail", "answer", "coverage"])
def test_an_address_of_one_workspace_does_not_open_another_ones_rows(room: Room, name: str) -> None:
    other = make_workspace("Other", owner=room.people["alice"])
    url = room.url(name).replace(room.desk.workspace.slug, other.slug)
    assert room.client("alice").get(url).status_code == 404


# Asking ------------------------------------------------------------------------------------------


def test_the_plan_line_names_model_tokens_price_and_reason(room: Room, script: Script) -> None:
    response = room.client("bob").post(room.url("plan"), {"text": "How can the lease end?"}, headers=HTMX)
    words = plain(response)

    assert "Maverick" in words
    assert "1 pass" in words
    assert re.search(r"\d+ tokens", words)
    assert re.search(r"\$0\.\d+–\$0\.\d+", words)
    assert not Question.objects.exclude(pk=room.answer.question_id).exists()


def test_a_plan_needs_no_question_and_follows_the_ticks(room: Room, script: Script) -> None:
    client = room.client("bob")
    assert "1 pass" in plain(client.post(room.url("plan"), {}, headers=HTMX))

    set_ticked(room.people["bob"], room.desk.corpus.entries.get(), False)
    words = plain(client.post(room.url("plan"), {}, headers=HTMX))
    assert "tick a document" in words
    assert "aria-disabled" in body(client.post(room.url("plan"), {}, headers=HTMX))


def test_without_a_model_the_quote_finder_is_named_as_what_it_is(room: Room) -> None:
    page = plain(
        room.client("bob").get(
            reverse("library:corpus", args=[room.desk.workspace.slug, room.desk.corpus.pk])
        )
    )
    assert "Demo: not a language model" in page

    words = plain(room.client("bob").post(room.url("plan"), {"text": "How?"}, headers=HTMX))
    assert "Quote finder" in words
    assert "free" in words


def test_a_model_that_is_unknown_is_refused_in_words(room: Room, script: Script) -> None:
    words = plain(room.client("bob").post(room.url("plan"), {"text": "How?", "model": "scout"}, headers=HTMX))
    assert "No usable endpoint serves scout" in words


def test_the_first_question_starts_a_conversation(room: Room, script: Script) -> None:
    response = room.client("bob").post(room.url("ask-first"), {"text": "When is the rent due?"}, headers=HTMX)
    started = Conversation.objects.get(owner=room.people["bob"])

    assert response.status_code == 200
    assert str(started.pk) in response["HX-Push-Url"]
    page = body(response)
    assert "When is the rent due?" in page
    answer = Answer.objects.get(question__conversation=started)
    assert f'data-src="/api/v1/answers/{answer.pk}/events"' in page
    assert "Stop" in page
    assert started.title in page


def test_a_form_without_javascript_leads_to_the_answer(room: Room, script: Script) -> None:
    response = room.client("bob").post(room.url("ask-first"), {"text": "When is the rent due?"})
    answer = Answer.objects.get(question__asked_by=room.people["bob"])
    assert response.url.endswith(f"?answer={answer.pk}")


def test_a_follow_up_stands_below_its_answer(room: Room, script: Script) -> None:
    data = {"text": "And the keys?", "parent_answer": str(room.answer.pk), "idempotency_key": "one"}
    client = room.client("alice")
    page = body(client.post(room.url("ask"), data, headers=HTMX))
    client.post(room.url("ask"), data, headers=HTMX)

    question = Question.objects.get(text="And the keys?")
    assert question.parent_answer == room.answer
    assert page.count('<article class="turn"') == 2


def test_a_parent_of_another_conversation_is_not_followed(room: Room, script: Script) -> None:
    other = make_answered(room.desk.corpus, room.people["alice"])
    mine = make_answered(room.desk.corpus, room.people["bob"])
    for parent in (other, mine):
        data = {"text": "And the keys?", "parent_answer": str(parent.pk)}
        response = room.client("alice").post(room.url("ask"), data)
        assert response.status_code == 404
    assert not Question.objects.filter(text="And the keys?").exists()


@pytest.mark.parametrize("text", ["", "   ", "x" * 20_001], ids=["none", "blank", "long"])
def test_a_refused_question_leaves_nothing_and_stays_in_its_box(
    room: Room, script: Script, text: str
) -> None:
    client = room.client("bob")
    fragment = client.post(room.url("ask-first"), {"text": text}, headers=HTMX)
    page = client.post(room.url("ask-first"), {"text": text})

    assert (fragment.status_code, fragment["HX-Retarget"]) == (422, "#plan")
    assert page.status_code == 422
    assert text.strip() in body(page)
    assert not Conversation.objects.filter(owner=room.people["bob"]).exists()


def test_what_cannot_be_answered_is_refused_with_its_reason(room: Room, script: Script) -> None:
    set_ticked(room.people["alice"], room.desk.corpus.entries.get(), False)
    response = room.client("alice").post(room.url("ask"), {"text": "How?"})

    assert response.status_code == 409
    assert "tick a document" in plain(response)
    assert Untick.objects.exists()
    assert Question.objects.count() == 1


def test_the_plan_without_javascript_is_the_workbench_with_the_question_in_its_box(
    room: Room, script: Script
) -> None:
    data = {"text": "When <is> the rent due?", "parent_answer": str(room.answer.pk)}
    response = room.client("alice").post(room.url("plan"), data)

    assert "<!doctype" in body(response)
    assert "When &lt;is&gt; the rent due?</textarea>" in body(response)
    assert "1 pass" in plain(response)


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
    assert room.client("alice").post(stop, headers=HTMX).status_code == 204
    assert Answer.objects.get(pk=running.pk).stop_requested_at is not None
    assert room.client("alice").post(stop).status_code == 302


def test_stopping_an_ended_answer_changes_nothing(room: Room) -> None:
    assert room.client("alice").post(room.url("stop"), headers=HTMX).status_code == 204
    assert Answer.objects.get(pk=room.answer.pk).status == Answer.Status.DONE


def test_a_failed_answer_keeps_what_came_and_offers_retry(room: Room, script: Script) -> None:
    Answer.objects.filter(pk=room.answer.pk).update(
        status=Answer.Status.FAILED, error_sentence="The stream was cut."
    )
    client = room.client("alice")
    words = plain(client.get(room.url("detail")))
    assert "The stream was cut. What had come is kept above." in words

    page = body(client.post(room.url("retry"), headers=HTMX))
    assert "<answer-stream" in page
    assert "2 of 2" not in page
    assert Answer.objects.filter(question=room.answer.question).count() == 2


def test_a_finished_answer_is_not_retried(room: Room) -> None:
    assert room.client("alice").post(room.url("retry"), headers=HTMX).status_code == 422
    assert room.client("alice").post(room.url("retry")).status_code == 409


def test_the_turn_of_an_answer_brings_the_button_back(room: Room) -> None:
    page = body(room.client("alice").get(room.url("answer"), headers=HTMX))

    assert page.count('<article class="turn"') == 1
    assert 'id="composer-action"' in page
    assert 'id="ask-button"' in page
    assert room.client("alice").get(room.url("answer")).url.endswith(f"?answer={room.answer.pk}")


# Branches ----------------------------------------------------------------------------------------


def test_another_wording_is_a_branch_beside_the_first(room: Room) -> None:
    follow_up = make_answered(room.desk.corpus, room.people["alice"], "And the keys?", parent=room.answer)
    reworded = make_answer(make_question(room.conversation, "What ends the lease?"), "Notice [[1:2]].")
    client, url = room.client("alice"), room.url("detail")

    newest = plain(client.get(url))
    assert "What ends the lease?" in newest
    assert "2 / 2" in newest
    assert "And the keys?" not in newest.replace("And the keys? shared", "")
    older = plain(client.get(url, {"question": str(room.answer.question_id)}))
    assert "And the keys?" in older
    assert newest_tip(room.conversation, room.answer.question) == follow_up
    assert newest_tip(room.conversation) == reworded


def test_editing_puts_the_question_back_into_its_box(room: Room) -> None:
    follow_up = make_answered(room.desk.corpus, room.people["alice"], "And the keys?", parent=room.answer)
    page = body(room.client("alice").get(room.url("detail"), {"edit": str(follow_up.question_id)}))

    assert "And the keys?</textarea>" in page
    assert f'name="parent_answer" value="{room.answer.pk}"' in page
    assert "Cancel" in page


@pytest.mark.parametrize("key", ["answer", "question", "edit"])
def test_rows_of_other_conversations_pick_no_branch(room: Room, key: str) -> None:
    other = make_answered(room.desk.corpus, room.people["alice"])
    row = other.pk if key == "answer" else other.question_id
    client = room.client("alice")
    for value in (str(row), str(uuid.uuid4()), "nonsense"):
        assert client.get(room.url("detail"), {key: value}).status_code == 404


# The conversation itself -------------------------------------------------------------------------


def test_sharing_and_no_longer_sharing(room: Room) -> None:
    client = room.client("alice")
    page = body(client.post(room.url("share"), {"is_shared": "on"}, headers=HTMX))
    assert 'aria-checked="true"' in page
    assert room.client("vera").get(room.url("detail")).status_code == 200

    client.post(room.url("share"), {})
    assert room.client("vera").get(room.url("detail")).status_code == 404


def test_renaming(room: Room) -> None:
    client = room.client("alice")
    assert "Ending the lease" in body(
        client.post(room.url("rename"), {"title": "Ending the lease"}, headers=HTMX)
    )
    assert client.post(room.url("rename"), {"title": " "}, headers=HTMX).status_code == 422
    assert Conversation.objects.get(pk=room.conversation.pk).title == "Ending the lease"


def test_deleting(room: Room) -> None:
    response = room.client("alice").post(room.url("delete"))
    assert response.status_code == 302
    assert not Answer.objects.exists()
    assert room.client("alice").get(room.url("detail")).status_code == 404


def test_the_list_holds_ones_own_and_shared_ones(room: Room) -> None:
    make_conversation(room.desk.corpus, room.people["bob"], "A secret of bob")
    make_conversation(room.desk.corpus, room.people["bob"], "Open to all", shared_at=timezone.now())
    make_conversation(make_corpus(room.desk.workspace, "Other"), room.people["alice"], "Another corpus")
    words = plain(room.client("alice").get(room.url("detail")))

    assert "Open to all" in words
    assert "A secret of bob" not in words
    assert "Another corpus" not in words


def test_queries_do_not_grow_with_the_turns(room: Room, django_assert_max_num_queries: Any) -> None:
    client, parent = room.client("alice"), room.answer
    for number in range(8):
        parent = make_answered(room.desk.corpus, room.people["alice"], f"Question {number}?", parent=parent)
    # A turn's citations take one query for their printed page labels.
    with django_assert_max_num_queries(40):
        assert client.get(room.url("detail")).status_code == 200


# Citations, coverage, export ---------------------------------------------------------------------


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
    assert "answer: 90 · page: 120" in words


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
    assert "3 of 5 selected pages were sent and counted, 1 are cited" in words
    assert "3 sent, 1 cited, 2 not sent" in words
    assert "still being read" in words
    assert "1204 1210 1024 96" in words
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


def test_the_export_numbers_its_sources(room: Room) -> None:
    Answer.objects.filter(pk=room.answer.pk).update(
        text="Both may [[1:2]]. Rent is due [[1:3]]. Again [[1:2]]. No page [[7:7]]."
    )
    room.answer.refresh_from_db()
    room.answer.mentions.all().delete()
    add_mentions(room.answer)
    response = room.client("alice").get(room.url("export"))
    text = body(response)

    assert response["Content-Type"].startswith("text/markdown")
    assert "how-can-the-lease-end.md" in response["Content-Disposition"]
    assert "Both may [1]. Rent is due [2]. Again [1]. No page [[7:7]]." in text
    assert "1. lease.pdf, p. 2" in text
    assert "“Either party may terminate with 120 days written notice.” (word for word)" in text
    assert "2. lease.pdf, p. 3" in text
