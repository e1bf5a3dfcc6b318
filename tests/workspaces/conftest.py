"""Alice owns, Ann administers, Bob is a member, Vera reads, Charlie is outside."""

from collections.abc import Callable

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.workspaces.models import Membership, Role, Workspace
from apps.workspaces.services import add_member, create_workspace


@pytest.fixture
def people(db) -> dict[str, User]:
    names = ("alice", "ann", "bob", "vera", "charlie")
    return {name: User.objects.create_user(f"{name}@example.org", name=name.title()) for name in names}


@pytest.fixture
def workspace(people) -> Workspace:
    workspace = create_workspace(people["alice"], "Leases")
    for name, role in [("ann", Role.ADMIN), ("bob", Role.MEMBER), ("vera", Role.VIEWER)]:
        add_member(people["alice"], workspace, people[name], role)
    return workspace


@pytest.fixture
def client_of(people) -> Callable[[str], Client]:
    def sign_in(name: str) -> Client:
        client = Client()
        client.force_login(people[name])
        return client

    return sign_in


@pytest.fixture
def membership_of(workspace, people) -> Callable[[str], Membership]:
    return lambda name: Membership.objects.get(workspace=workspace, user=people[name])
