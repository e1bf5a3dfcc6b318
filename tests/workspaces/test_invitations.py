"""Invitations: single use, expiring, bound to an address, stored as a digest."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User, digest_token
from apps.common.http import Refused
from apps.workspaces import invitations
from apps.workspaces.models import AuditEntry, Invitation, Membership, Role

INVITE = "/w/leases/people/invitations/"
NEW = {"name": "Dora", "password": "four quiet brown owls"}


@pytest.fixture
def invite(workspace, client_of):
    def make(email="dora@example.org", role="member", by="alice") -> str:
        page = client_of(by).post(INVITE, {"email": email, "role": role})
        assert page.status_code == 200, page.status_code
        return re.search(r"/invitation/[\w-]+/", page.content.decode())[0]

    return make


def role_of(email: str) -> str | None:
    return Membership.objects.filter(user__email=email).values_list("role", flat=True).first()


def test_link_is_shown_once_and_only_its_digest_is_kept(workspace, client_of, invite):
    link = invite()
    token = link.split("/")[2]
    assert Invitation.objects.get().digest == digest_token(token)
    page = client_of("alice").get("/w/leases/people/").content.decode()
    assert token not in page
    assert "dora@example.org" in page
    assert "dora" not in str(AuditEntry.objects.get(action="invitation.create").details)


def test_new_person_makes_an_account_and_is_in(workspace, invite):
    link, client = invite(role="viewer"), Client()
    page = client.get(link)
    assert page.status_code == 200
    assert "Leases" in page.content.decode()
    response = client.post(link, NEW | {"email": "eve@example.org", "role": "owner"})
    assert response.url == "/w/leases/"
    assert client.get("/w/leases/").status_code == 200
    assert role_of("dora@example.org") == Role.VIEWER
    assert not User.objects.filter(email="eve@example.org").exists()


def test_known_person_signs_in_and_joins(workspace, invite, client_of):
    link = invite("CHARLIE@example.org", "admin")
    charlie = client_of("charlie")
    assert charlie.get(link).status_code == 200
    assert charlie.post(link).url == "/w/leases/"
    assert role_of("charlie@example.org") == Role.ADMIN


def test_weak_password_is_asked_again(workspace, invite):
    link = invite()
    for weak in ("password123", "dora@example.org"):
        assert Client().post(link, NEW | {"password": weak}).status_code == 422
    assert Client().post(link, NEW).status_code == 302


def test_link_works_once(workspace, invite):
    link = invite()
    assert Client().post(link, NEW).status_code == 302
    assert Client().get(link).status_code == 410
    assert Client().post(link, NEW | {"name": "Eve"}).status_code == 410


def test_link_is_of_no_use_to_another_account(workspace, invite, client_of, people):
    link = invite()
    charlie = client_of("charlie")
    assert "Sign out" in charlie.get(link).content.decode()
    assert charlie.post(link).status_code == 403
    assert role_of("charlie@example.org") is None


def test_account_that_exists_is_never_overtaken(workspace, invite, people):
    link, client = invite("charlie@example.org"), Client()
    assert client.post(link, NEW).status_code == 409
    people["charlie"].refresh_from_db()
    assert not people["charlie"].check_password(NEW["password"])
    assert client.get("/profile/").status_code == 302
    assert role_of("charlie@example.org") is None


def test_ended_links_are_answered_alike(workspace, invite, client_of):
    withdrawn = invite()
    client_of("alice").post(f"{INVITE}{Invitation.objects.get().pk}/revoke/")
    replaced = invite("fay@example.org")
    invite("Fay@example.org")
    old = invite("gus@example.org")
    Invitation.objects.filter(email="gus@example.org").update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )
    pages = [Client().get(link) for link in (withdrawn, replaced, old, "/invitation/never-was/")]
    assert {page.status_code for page in pages} == {410}
    bodies = {re.sub(r'X-CSRFToken": "[^"]*"', "", page.content.decode()) for page in pages}
    assert len(bodies) == 1


def test_withdrawn_between_opening_and_joining_does_not_let_in(workspace, invite, people):
    invite("charlie@example.org")
    invitation = Invitation.objects.get()
    invitations.revoke(people["alice"], invitation)
    with pytest.raises(Refused) as refused:
        invitations.accept(invitation, people["charlie"])
    assert refused.value.status == 410
    assert role_of("charlie@example.org") is None


@pytest.mark.parametrize(
    ("by", "role", "email", "status"),
    [
        ("ann", "owner", "dora@example.org", 422),
        ("ann", "member", "bob@example.org", 409),
        ("ann", "member", "not an address", 422),
        ("bob", "viewer", "dora@example.org", 403),
        ("charlie", "viewer", "dora@example.org", 404),
    ],
)
def test_invitations_nobody_may_make_are_refused(workspace, client_of, by, role, email, status):
    assert client_of(by).post(INVITE, {"email": email, "role": role}).status_code == status
    assert not Invitation.objects.exists()


def test_service_refuses_a_role_above_the_inviters_own(workspace, people):
    from apps.workspaces.access import Right, workspace_for

    seen_by_ann = workspace_for(people["ann"], "leases", Right.ADMINISTER)
    with pytest.raises(Refused):
        invitations.invite(people["ann"], seen_by_ann, "dora@example.org", Role.OWNER)


def test_only_administrators_of_this_workspace_withdraw(workspace, invite, client_of, people):
    from apps.workspaces.services import create_workspace

    invite()
    pk = Invitation.objects.get().pk
    create_workspace(people["charlie"], "Elsewhere")
    assert client_of("bob").post(f"{INVITE}{pk}/revoke/").status_code == 403
    assert client_of("charlie").post(f"{INVITE}{pk}/revoke/").status_code == 404
    assert client_of("charlie").post(f"/w/elsewhere/people/invitations/{pk}/revoke/").status_code == 404
    assert client_of("alice").get(f"{INVITE}{pk}/revoke/").status_code == 405
    assert Invitation.objects.get().revoked_at is None


def test_members_do_not_see_who_is_invited(workspace, invite, client_of):
    invite()
    assert "dora@example.org" not in client_of("bob").get("/w/leases/people/").content.decode()


def test_guessing_is_slowed_down(workspace):
    statuses = [Client().get(f"/invitation/guess-{number}/").status_code for number in range(35)]
    assert statuses[0] == 410
    assert statuses[-1] == 429
