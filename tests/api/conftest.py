"""Callers of the API: alice owns, adam administers, bob is a member, vera a viewer, charlie is outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from apps.accounts.models import ApiToken, User
from apps.library.models import Corpus
from apps.workspaces.models import Role, Workspace
from tests.factories import add_member, make_corpus, make_user, make_workspace

UNKNOWN = "00000000-0000-4000-8000-000000000000"


class Caller:
    """A program with a person's token. Paths are below /api/v1; `json` is sent as a body."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.token = ApiToken.issue(user, "tests")[1]
        self.client = Client(headers={"Authorization": f"Bearer {self.token}"})

    def call(self, method: str, path: str, json: Any = None, **options: Any) -> HttpResponse:
        if json is not None:
            options |= {"data": json, "content_type": "application/json"}
        send = getattr(self.client, method.lower())
        return send(f"/api/v1{path}", **options)

    def get(self, path: str, **options: Any) -> HttpResponse:
        return self.call("get", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> HttpResponse:
        return self.call("post", path, json, **options)

    def patch(self, path: str, json: Any = None) -> HttpResponse:
        return self.call("patch", path, json)

    def delete(self, path: str) -> HttpResponse:
        return self.call("delete", path)

    def upload(self, corpus: Corpus, file: Any) -> HttpResponse:
        return self.client.post(f"/api/v1/corpora/{corpus.pk}/documents", {"file": file})


@pytest.fixture
def alice(db: None) -> Caller:
    return Caller(make_user("alice@example.org"))


@pytest.fixture
def workspace(alice: Caller) -> Workspace:
    return make_workspace("Acme", owner=alice.user)


@pytest.fixture
def join(workspace: Workspace) -> Callable[[str, Role], Caller]:
    def join(name: str, role: Role) -> Caller:
        user = make_user(f"{name}@example.org")
        add_member(workspace, user, role)
        return Caller(user)

    return join


@pytest.fixture
def adam(join: Callable[[str, Role], Caller]) -> Caller:
    return join("adam", Role.ADMIN)


@pytest.fixture
def bob(join: Callable[[str, Role], Caller]) -> Caller:
    return join("bob", Role.MEMBER)


@pytest.fixture
def vera(join: Callable[[str, Role], Caller]) -> Caller:
    return join("vera", Role.VIEWER)


@pytest.fixture
def charlie(db: None) -> Caller:
    return Caller(make_user("charlie@example.org"))


@pytest.fixture
def corpus(workspace: Workspace) -> Corpus:
    return make_corpus(workspace)


def error_code(response: HttpResponse) -> str:
    """The code of a refusal in the API's one shape."""
    body = response.json()
    assert set(body) == {"error"}
    assert {"code", "message"} <= set(body["error"]) <= {"code", "message", "details"}
    assert body["error"]["message"]
    return str(body["error"]["code"])
