from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from apps.accounts.models import User
from apps.accounts.services import AccountError, make_account
from apps.workspaces.access import as_uuid
from apps.workspaces.models import Role, Workspace
from apps.workspaces.services import add_member, create_workspace


class Command(BaseCommand):
    help = "Make an ordinary account, and let it into a workspace if one is named."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument(
            "--password-stdin",
            action="store_true",
            required=True,
            help="read the password from standard input, where no process list shows it",
        )
        parser.add_argument("--name", default="", help="how others see this person")
        parser.add_argument(
            "--workspace",
            default="",
            help="address word, id or exact name of a workspace; for an owner, one of that name is made if missing",
        )
        parser.add_argument("--role", default=Role.MEMBER.value, choices=Role.values)

    def handle(self, *, email: str, name: str, workspace: str, role: str, **options: Any) -> None:
        password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
        if not password:
            raise CommandError("Write the password to standard input.")
        with transaction.atomic():
            try:
                user = make_account(email, password, name=name)
            except AccountError as error:
                raise CommandError(str(error)) from error
            if workspace:
                join_workspace(user, workspace, Role(role))
        self.stdout.write(f"{user.email} can sign in.")


def join_workspace(user: User, word: str, role: Role) -> None:
    """Let somebody in; an owner of a workspace that does not exist yet begins it."""
    found = matching_workspaces(word)
    if role == Role.OWNER and not found and as_uuid(word) is None:
        create_workspace(user, word)
        return
    if len(found) != 1:
        raise CommandError(
            f"{len(found) or 'No'} workspaces are called {word!r}; give the id of one, or make it with --role owner."
        )
    add_member(None, found[0], user, role)


def matching_workspaces(word: str) -> list[Workspace]:
    """By id, else by address word, else by exact name."""
    if identity := as_uuid(word):
        return list(Workspace.objects.filter(pk=identity))
    return list(Workspace.objects.filter(slug=word) or Workspace.objects.filter(name=word))
