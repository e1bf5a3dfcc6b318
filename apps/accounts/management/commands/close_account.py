from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.models import User
from apps.accounts.services import deactivate, reactivate


class Command(BaseCommand):
    help = "Shut somebody out at once: sessions end, API tokens are revoked. What they brought stays."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--reopen", action="store_true", help="let them in again instead")

    def handle(self, *, email: str, reopen: bool, **options: Any) -> None:
        try:
            user = User.objects.get_by_natural_key(email)
        except User.DoesNotExist:
            raise CommandError(f"There is no account for {email}.") from None
        if reopen:
            reactivate(None, user)
        else:
            deactivate(None, user)
        self.stdout.write(f"The account of {user.email} is {'open' if reopen else 'closed'}.")
