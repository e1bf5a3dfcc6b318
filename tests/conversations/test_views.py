"""Conversations in the browser: who may read and ask, what asking shows, branches, the conversation itself."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.conversations.branches import newest_tip
from apps.conversations.models import Answer, Conversation, Question
from apps.library.models import Untick
from apps.library.services import set_ticked
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
    make_answer,
    make_answered,
    make_conversation,
    make_corpus,
    make_question,
    make_workspace,
)

# Who may what ------------------------------------------------------------------------------------

WRITES = ["ask", "share", "rename", "delete", "stop", "retry"]


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


def test_a_first_question_sent_twice_is_asked_once(room: Room, script: Script) -> None:
    data = {"text": "When is the rent due?", "idempotency_key": "one"}
    client = room.client("bob")
    first, again = (client.post(room.url("ask-first"), data) for _ in range(2))

    assert first.url == again.url
    assert Question.objects.filter(asked_by=room.people["bob"]).count() == 1
    room.client("alice").post(room.url("ask-first"), data)
    assert Conversation.objects.filter(owner=room.people["alice"]).count() == 3


def test_a_form_whose_key_is_used_for_another_question_says_so(room: Room, script: Script) -> None:
    client = room.client("alice")
    key = {"idempotency_key": "one"}
    client.post(room.url("ask"), {"text": "And the keys?", **key}, headers=HTMX)
    refused = client.post(room.url("ask"), {"text": "And the garden?", **key}, headers=HTMX)

    assert refused.status_code == 422
    assert "Another question was asked with this key" in plain(refused)
    assert not Question.objects.filter(text="And the garden?").exists()


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "no JavaScript"])
def test_a_plan_that_changed_since_it_was_shown_comes_back_before_anybody_is_asked(
    room: Room, script: Script, headers: dict[str, str]
) -> None:
    client = room.client("alice")
    asked = {"text": "And the keys?", "hosts": ["deepinfra-maverick"]}
    refused = client.post(room.url("ask"), asked, headers=headers)

    assert refused.status_code == (422 if headers else 409)
    assert "Nothing was asked: localhost would answer now" in plain(refused)
    assert '<input type="hidden" name="hosts" value="scripted">' in body(refused)
    assert not Question.objects.filter(text="And the keys?").exists()
    client.post(room.url("ask"), {**asked, "hosts": ["scripted"]}, headers=headers)
    assert Question.objects.filter(text="And the keys?").exists()


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
