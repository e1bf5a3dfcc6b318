from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.models import User
from apps.accounts.services import issue_token


class Command(BaseCommand):
    help = "Make an API token for somebody; it is printed alone on the last line and never shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="Command line", help="what the token is for")

    def handle(self, *, email: str, name: str, **options: Any) -> None:
        try:
            user = User.objects.get_by_natural_key(email)
        except User.DoesNotExist:
            raise CommandError(f"There is no account for {email}.") from None
        if not user.is_active:
            raise CommandError(f"The account of {email} is closed.")
        _, readable = issue_token(user, name[:80])
        self.stdout.write(readable)
