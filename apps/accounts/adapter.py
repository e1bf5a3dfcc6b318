from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are made by the first-run link, by invitation or by the operator, never by signing up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
