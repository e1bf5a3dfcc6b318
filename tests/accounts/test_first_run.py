"""The one-time link that makes the first administrator."""

import pytest
from django.conf import settings
from django.test import Client

from apps.accounts.models import User
from apps.workspaces.models import Membership, Role
from apps.workspaces.signals import first_workspace_created
from docanalyst.secrets import read_secret
from tests.accounts.conftest import PASSWORD

ANSWERS = {
    "name": "Alice",
    "email": "alice@example.org",
    "password": PASSWORD,
    "workspace_name": "Leases",
}


@pytest.fixture
def link() -> str:
    return f"/first-run/{read_secret('first_run_token', settings.DATA_DIR)}/"


def test_link_makes_the_administrator_with_a_workspace_and_signs_in(db, link):
    client = Client()
    assert client.get(link).status_code == 200
    seen = []

    def see(sender, workspace, owner, **_):
        seen.append((workspace.name, owner.email))

    first_workspace_created.connect(see)
    try:
        response = client.post(link, ANSWERS)
    finally:
        first_workspace_created.disconnect(see)
    assert response.status_code == 302
    user = User.objects.get()
    assert user.is_staff
    assert user.is_superuser
    assert user.check_password(PASSWORD)
    membership = Membership.objects.get()
    assert membership.role == Role.OWNER
    assert seen == [("Leases", "alice@example.org")]
    assert client.get("/profile/").status_code == 200


def test_link_is_gone_once_anybody_has_an_account(alice, link):
    assert Client().get(link).status_code == 404
    assert Client().post(link, ANSWERS).status_code == 404
    assert User.objects.count() == 1


def test_wrong_token_is_answered_as_a_page_that_does_not_exist(db):
    assert Client().get("/first-run/not-the-token/").status_code == 404
    assert Client().post("/first-run/not-the-token/", ANSWERS).status_code == 404
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [("password", "password123"), ("password", "alice@example.org"), ("email", "alice"), ("name", "")],
)
def test_bad_answers_are_asked_again(db, link, field, value):
    response = Client().post(link, ANSWERS | {field: value})
    assert response.status_code == 422
    assert not User.objects.exists()


def test_guessing_tokens_is_slowed_down(db, link):
    client = Client()
    statuses = [client.get(f"/first-run/guess-{number}/").status_code for number in range(25)]
    assert statuses[0] == 404
    assert statuses[-1] == 429


def test_role_and_rights_are_never_bound_from_the_form(db, link):
    Client().post(link, ANSWERS | {"is_active": "", "id": "1", "is_superuser": ""})
    assert User.objects.get().is_superuser
