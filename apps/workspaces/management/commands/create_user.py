from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from apps.accounts.services import AccountError, make_account
from apps.workspaces.access import as_uuid
from apps.workspaces.models import Role, Workspace
from apps.workspaces.services import add_member


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
        parser.add_argument("--workspace", default="", help="address word, id or exact name of a workspace")
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
                add_member(None, find_workspace(workspace), user, Role(role))
        self.stdout.write(f"{user.email} can sign in.")


def find_workspace(word: str) -> Workspace:
    """By id, address word or exact name. Raises CommandError when there is none, or more than one."""
    if identity := as_uuid(word):
        found = Workspace.objects.filter(pk=identity)
    else:
        found = Workspace.objects.filter(slug=word) or Workspace.objects.filter(name=word)
    if len(found) != 1:
        raise CommandError(f"{len(found) or 'No'} workspaces are called {word!r}; give the id of one.")
    return found[0]
