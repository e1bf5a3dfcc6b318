"""Where django-allauth asks this installation how signing in works."""

from __future__ import annotations

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse

from apps.accounts.models import User
from apps.common.limits import address_digest, client_address, give_back, seconds_until_free
from apps.common.views import too_many_requests

security_log = logging.getLogger("security")

TRIES_PER_ADDRESS = 30
TRIES_PER_ACCOUNT_AND_ADDRESS = 5
TRIES_PER_ACCOUNT = 20
WINDOW_SECONDS = 5 * 60
KNOWN_ADDRESS_SECONDS = 30 * 24 * 3600


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by the first-run link, by invitation or by the operator, never by signing up.

    Wrong passwords are counted for the client's address, for the account from that address, and for the account
    from everywhere. The last one lets an address pass from which the account was signed into before: whoever
    tries passwords from many places slows himself down, not the owner.
    """

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        account, address = _who(request, credentials)
        waits = [
            seconds_until_free(name, subject, limit=limit, window_seconds=WINDOW_SECONDS)
            for name, subject, limit in _limits(account, address)
        ]
        if any(waits):
            security_log.warning("sign_in.slowed address=%s", address_digest(address))
            raise ImmediateHttpResponse(too_many_requests(request, max(waits)))

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        user: AbstractBaseUser | None = super().authenticate(request, **credentials)
        account, address = _who(request, credentials)
        if user is None:
            security_log.warning("sign_in.failed address=%s", address_digest(address))
        else:
            for name, subject, _ in _limits(account, address):
                give_back(name, subject)
        return user

    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        address = client_address(request)
        cache.set(_known_key(user.email.lower(), address), True, timeout=KNOWN_ADDRESS_SECONDS)
        security_log.info("sign_in actor=%s address=%s", user.pk, address_digest(address))

    def get_reset_password_from_key_url(self, key: str) -> str:
        # From our own address, whatever host the request named.
        user_id, _, token = key.partition("-")
        return settings.PUBLIC_URL + reverse(
            "account_reset_password_from_key", kwargs={"uidb36": user_id, "key": token}
        )

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        messages.success(request, "Password saved. You were signed out everywhere else.")
        return reverse("accounts:profile")

    def add_message(self, request: HttpRequest, level: int, *args: Any, **kwargs: Any) -> None:
        """Say nothing about having signed in or out: the page that follows shows it."""


def _who(request: HttpRequest, credentials: dict[str, Any]) -> tuple[str, str]:
    return str(credentials.get("email", "")).strip().lower(), client_address(request)


def _limits(account: str, address: str) -> list[tuple[str, str, int]]:
    """What one try counts for: name, subject, most tries in a window."""
    limits = [
        ("sign-in-address", address, TRIES_PER_ADDRESS),
        ("sign-in-pair", f"{account}|{address}", TRIES_PER_ACCOUNT_AND_ADDRESS),
    ]
    if not cache.get(_known_key(account, address)):
        limits.append(("sign-in-account", account, TRIES_PER_ACCOUNT))
    return limits


def _known_key(account: str, address: str) -> str:
    return f"known-address:{address_digest(f'{account}|{address}')}"
