"""The first account of an installation, made through a link that only its operator sees."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction
from django.utils.crypto import constant_time_compare

from apps.accounts.models import User
from apps.accounts.signals import first_run_completed
from docanalyst.secrets import read_secret


@dataclass(frozen=True, kw_only=True)
class FirstAccount:
    """What the form of the first run asks for."""

    name: str
    email: str
    password: str
    workspace_name: str


def is_first_run(token: str) -> bool:
    """Whether this token opens the first run: the right one, while nobody has an account. One query."""
    expected = read_secret("first_run_token", settings.DATA_DIR)
    return constant_time_compare(token, expected) and not User.objects.exists()


def complete_first_run(account: FirstAccount) -> User | None:
    """Make the instance administrator and, by signal, their first workspace.

    None when somebody else was first: the table is locked while it is looked at, so that two people with the
    same link do not both become administrators.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {User._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")
        if User.objects.exists():
            return None
        user = User.objects.create_superuser(account.email, account.password, name=account.name)
        first_run_completed.send(User, user=user, workspace_name=account.workspace_name)
    return user
