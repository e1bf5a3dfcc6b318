"""The people page: who sees it, who changes roles, who goes."""

import uuid

import pytest

from apps.accounts.services import deactivate
from apps.workspaces.models import AuditEntry, Membership, Role
from apps.workspaces.services import add_member, create_workspace

PEOPLE = "/w/leases/people/"


@pytest.mark.parametrize("name", ["alice", "ann", "bob", "vera"])
def test_everybody_inside_sees_who_is_inside(workspace, client_of, name):
    page = client_of(name).get(PEOPLE)
    assert page.status_code == 200
    for email in ("alice@", "ann@", "bob@", "vera@"):
        assert email in page.content.decode()


def test_outsider_gets_404_alike_for_this_and_an_unknown_workspace(workspace, client_of):
    outside = client_of("charlie")
    existing, unknown = outside.get(PEOPLE), outside.get("/w/nowhere/people/")
    assert existing.status_code == unknown.status_code == 404
    assert strip_tokens(existing) == strip_tokens(unknown)


def strip_tokens(response) -> str:
    import re

    return re.sub(r'X-CSRFToken": "[^"]*"', "", response.content.decode())


@pytest.mark.parametrize(("name", "shows"), [("alice", True), ("ann", True), ("bob", False), ("vera", False)])
def test_only_administrators_are_offered_changes(workspace, client_of, name, shows):
    assert ("/role/" in client_of(name).get(PEOPLE).content.decode()) is shows


def test_admin_changes_a_role_and_it_counts_at_once(workspace, client_of, membership_of):
    bob = client_of("bob")
    assert bob.post("/w/leases/", {"name": "A corpus"}).status_code == 302
    response = client_of("ann").post(f"{PEOPLE}{membership_of('bob').pk}/role/", {"role": "viewer"})
    assert response.status_code == 302
    assert membership_of("bob").role == Role.VIEWER
    assert bob.post("/w/leases/", {"name": "Another"}).status_code == 403
    entry = AuditEntry.objects.get(action="member.role")
    assert entry.details["before"] == "member"
    assert entry.details["after"] == "viewer"
    assert "bob" not in str(entry.details)


@pytest.mark.parametrize(
    ("actor", "target", "role", "status"),
    [
        ("bob", "vera", "member", 403),
        ("vera", "vera", "owner", 403),
        ("charlie", "bob", "viewer", 404),
        ("ann", "bob", "owner", 403),
        ("ann", "alice", "member", 403),
        ("ann", "ann", "owner", 403),
        ("ann", "bob", "emperor", 422),
        ("alice", "alice", "admin", 409),
    ],
)
def test_roles_nobody_may_give_are_refused(workspace, client_of, membership_of, actor, target, role, status):
    before = membership_of(target).role
    response = client_of(actor).post(f"{PEOPLE}{membership_of(target).pk}/role/", {"role": role})
    assert response.status_code == status
    assert membership_of(target).role == before


@pytest.mark.parametrize(
    ("actor", "target", "status"),
    [
        ("ann", "bob", 302),
        ("alice", "ann", 302),
        ("bob", "bob", 302),
        ("vera", "vera", 302),
        ("bob", "vera", 403),
        ("ann", "alice", 403),
        ("charlie", "bob", 404),
        ("alice", "alice", 409),
    ],
)
def test_who_may_remove_whom(workspace, client_of, membership_of, people, actor, target, status):
    response = client_of(actor).post(f"{PEOPLE}{membership_of(target).pk}/remove/")
    assert response.status_code == status
    still_there = Membership.objects.filter(workspace=workspace, user=people[target]).exists()
    assert still_there is (status != 302)


def test_removed_member_loses_every_page_at_once(workspace, client_of, membership_of):
    bob = client_of("bob")
    assert bob.get("/w/leases/").status_code == 200
    client_of("alice").post(f"{PEOPLE}{membership_of('bob').pk}/remove/")
    assert bob.get("/w/leases/").status_code == 404


def test_deactivated_member_loses_every_page_at_once(workspace, client_of, people):
    bob = client_of("bob")
    deactivate(people["alice"], people["bob"])
    assert bob.get("/w/leases/").status_code == 302
    assert bob.get("/w/leases/").url.startswith("/accounts/login/")


def test_last_owner_may_go_once_there_is_another(workspace, client_of, membership_of):
    alice = client_of("alice")
    alice.post(f"{PEOPLE}{membership_of('ann').pk}/role/", {"role": "owner"})
    assert alice.post(f"{PEOPLE}{membership_of('alice').pk}/remove/").status_code == 302
    assert alice.get(PEOPLE).status_code == 404


def test_owner_with_a_closed_account_does_not_count_as_another(workspace, client_of, membership_of, people):
    alice = client_of("alice")
    alice.post(f"{PEOPLE}{membership_of('ann').pk}/role/", {"role": "owner"})
    deactivate(people["alice"], people["ann"])
    assert alice.post(f"{PEOPLE}{membership_of('alice').pk}/remove/").status_code == 409


def test_membership_of_another_workspace_is_not_reached_through_ones_own(workspace, client_of, people):
    other = create_workspace(people["charlie"], "Elsewhere")
    theirs = add_member(people["charlie"], other, people["bob"], Role.MEMBER)
    alice = client_of("alice")
    for action, data in (("role", {"role": "viewer"}), ("remove", {})):
        assert alice.post(f"{PEOPLE}{theirs.pk}/{action}/", data).status_code == 404
        assert alice.post(f"{PEOPLE}{uuid.uuid4()}/{action}/", data).status_code == 404
    theirs.refresh_from_db()
    assert theirs.role == Role.MEMBER


@pytest.mark.parametrize("action", ["role", "remove"])
def test_changes_are_posts(workspace, client_of, membership_of, action):
    address = f"{PEOPLE}{membership_of('bob').pk}/{action}/"
    assert client_of("alice").get(address).status_code == 405
    assert client_of("alice").post(PEOPLE).status_code == 405


def test_queries_do_not_grow_with_members(workspace, client_of, people, django_assert_num_queries):
    from apps.accounts.models import User

    alice = client_of("alice")
    with django_assert_num_queries(7):
        alice.get(PEOPLE)
    for number in range(15):
        user = User.objects.create_user(f"more{number}@example.org")
        add_member(people["alice"], workspace, user, Role.VIEWER)
    with django_assert_num_queries(7):
        alice.get(PEOPLE)
