"""Fixtures of people around one workspace: alice owns, bob is a member, charlie is outside, olga runs the installation."""

from __future__ import annotations

import pytest

from apps.accounts.models import User
from apps.workspaces.models import Role, Workspace
from tests.factories import add_member, make_user


def person(name: str, **fields: bool) -> User:
    return make_user(f"{name}@example.org", name=name, **fields)


@pytest.fixture
def alice(db: None) -> User:
    return person("alice")


@pytest.fixture
def bob(db: None) -> User:
    return person("bob")


@pytest.fixture
def charlie(db: None) -> User:
    return person("charlie")


@pytest.fixture
def operator(db: None) -> User:
    return person("olga", is_staff=True)


@pytest.fixture
def workspace(alice: User, bob: User) -> Workspace:
    workspace = Workspace.objects.create(name="Acme", slug="acme")
    add_member(workspace, alice, Role.OWNER)
    add_member(workspace, bob, Role.MEMBER)
    return workspace
