"""People, a workspace, and a catalogue without any key in the environment."""

from __future__ import annotations

import pytest

from apps.accounts.models import User
from apps.llm.catalogue import load_catalogue
from apps.workspaces.models import Membership, Role, Workspace

CANARY = "sk-canary-5f0c1d9e7b"


def person(name: str, **fields: bool) -> User:
    return User.objects.create_user(f"{name}@example.org", "a long password", name=name, **fields)


@pytest.fixture(autouse=True)
def _no_keys_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for endpoint in load_catalogue().values():
        for name in (endpoint.api_key_env, endpoint.base_url_env):
            if name:
                monkeypatch.delenv(name, raising=False)


@pytest.fixture
def alice(db: None) -> User:
    return person("alice")


@pytest.fixture
def bob(db: None) -> User:
    return person("bob")


@pytest.fixture
def operator(db: None) -> User:
    return person("olga", is_staff=True)


@pytest.fixture
def workspace(alice: User, bob: User) -> Workspace:
    workspace = Workspace.objects.create(name="Acme", slug="acme")
    Membership.objects.create(workspace=workspace, user=alice, role=Role.OWNER)
    Membership.objects.create(workspace=workspace, user=bob, role=Role.MEMBER)
    return workspace
