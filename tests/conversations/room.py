"""A workspace with an answered question, seen by everybody who may and may not see it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.conversations.models import Answer, Conversation
from apps.workspaces.models import Role
from tests.conversations.conftest import Desk
from tests.factories import add_member, make_answered, make_user, make_workspace

HTMX = {"HX-Request": "true"}
# Every address that shows something of an answer.
READS = ["detail", "answer", "coverage", "coverage-json", "cite", "export", "copy"]


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


@pytest.fixture(name="room")
def answered_room(desk: Desk) -> Room:
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


def arguments(name: str) -> list[int | str]:
    return {"cite": [1, 2], "export": ["md"]}.get(name, [])
