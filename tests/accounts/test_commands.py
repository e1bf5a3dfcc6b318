"""manage.py create_token, create_user and createsuperuser."""

import io

import pytest
from django.core.management import CommandError, call_command

from apps.accounts.models import ApiToken, User, digest_token
from apps.accounts.services import issue_token
from apps.workspaces.models import Membership, Role
from apps.workspaces.services import create_workspace
from tests.accounts.conftest import PASSWORD


@pytest.fixture
def standard_input(monkeypatch):
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_create_token_prints_it_alone_on_the_last_line(alice):
    out = io.StringIO()
    call_command("create_token", "ALICE@example.org", "--name", "Import", stdout=out)
    last = out.getvalue().rstrip("\n").splitlines()[-1]
    assert ApiToken.objects.get().digest == digest_token(last)


def test_create_token_refuses_unknown_and_closed_accounts(alice):
    with pytest.raises(CommandError, match="no account"):
        call_command("create_token", "nobody@example.org")
    User.objects.update(is_active=False)
    with pytest.raises(CommandError, match="closed"):
        call_command("create_token", "alice@example.org")


def test_create_user_makes_an_ordinary_account_in_a_workspace(alice, standard_input):
    workspace = create_workspace(alice, "Leases")
    standard_input(PASSWORD + "\n")
    call_command(
        "create_user", "bob@example.org", "--password-stdin", "--workspace", "Leases", "--role", "viewer",
        stdout=io.StringIO(),
    )  # fmt: skip
    bob = User.objects.get(email="bob@example.org")
    assert bob.check_password(PASSWORD)
    assert not bob.is_staff
    assert Membership.objects.get(user=bob, workspace=workspace).role == Role.VIEWER


@pytest.mark.parametrize("word", ["slug", "id"])
def test_create_user_finds_a_workspace_by_its_word_or_id(alice, standard_input, word):
    workspace = create_workspace(alice, "Leases")
    standard_input(PASSWORD)
    name = workspace.slug if word == "slug" else str(workspace.pk)
    call_command(
        "create_user", "bob@example.org", "--password-stdin", "--workspace", name, stdout=io.StringIO()
    )
    assert Membership.objects.get(user__email="bob@example.org").role == Role.MEMBER


@pytest.mark.parametrize(
    ("email", "password", "workspace"),
    [
        ("bob@example.org", "password123", ""),
        ("bob", PASSWORD, ""),
        ("ALICE@example.org", PASSWORD, ""),
        ("bob@example.org", PASSWORD, "Nowhere"),
        ("bob@example.org", "", ""),
    ],
    ids=["weak password", "no address", "taken address", "no such workspace", "no password"],
)
def test_create_user_refuses_and_leaves_nothing(alice, standard_input, email, password, workspace):
    standard_input(password)
    with pytest.raises(CommandError):
        call_command("create_user", email, "--password-stdin", "--workspace", workspace)
    assert User.objects.count() == 1


def test_createsuperuser_without_a_terminal_makes_an_instance_administrator(db, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_EMAIL", "root@example.org")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", "--noinput", stdout=io.StringIO())
    user = User.objects.get()
    assert user.is_staff
    assert user.check_password(PASSWORD)


def test_an_owner_begins_the_workspace_they_name(db, standard_input):
    standard_input(PASSWORD)
    call_command(
        "create_user", "owner@example.org", "--password-stdin", "--workspace", "Tenancy", "--role", "owner",
        stdout=io.StringIO(),
    )  # fmt: skip
    assert Membership.objects.get(user__email="owner@example.org").workspace.name == "Tenancy"


def test_close_account_shuts_out_at_once_and_reopen_lets_in_again(alice, signed_in):
    issue_token(alice, "Import")
    assert signed_in.get("/profile/").status_code == 200
    call_command("close_account", "Alice@example.org", stdout=io.StringIO())
    assert signed_in.get("/profile/").status_code == 302
    assert not ApiToken.objects.exists()
    call_command("close_account", "alice@example.org", "--reopen", stdout=io.StringIO())
    alice.refresh_from_db()
    assert alice.is_active
    with pytest.raises(CommandError, match="no account"):
        call_command("close_account", "nobody@example.org")
