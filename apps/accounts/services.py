"""Changes to accounts that touch more than one row or the outside."""

from __future__ import annotations

import logging

from django.contrib.auth import login
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from apps.accounts.models import ApiToken, User

security_log = logging.getLogger("security")

SIGN_IN_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


class AccountError(Exception):
    """An account cannot be made or changed so; the message is a sentence for whoever asked."""


def make_account(email: str, password: str, *, name: str = "", is_staff: bool = False) -> User:
    """Make an account with a password that passes the rules. Raises AccountError."""
    email = User.objects.normalize_email(email).strip()
    if User.objects.filter(email__iexact=email).exists():
        raise AccountError(f"There already is an account for {email}.")
    user = User(email=email, name=name, is_staff=is_staff, is_superuser=is_staff)
    try:
        user.clean_fields(exclude=["password"])
        validate_password(password, user)
    except ValidationError as error:
        raise AccountError(" ".join(error.messages)) from error
    user.set_password(password)
    user.save()
    security_log.info("account.create target=%s", user.pk)
    return user


def change_profile(user: User, **fields: str) -> None:
    """Save what a person says about themselves: `name`, `theme`, or both."""
    for field, value in fields.items():
        setattr(user, field, value)
    user.save(update_fields=list(fields))


def deactivate(actor: User | None, user: User) -> None:
    """Shut somebody out: sessions end with their next request, API tokens are revoked. actor: None is the operator."""
    user.is_active = False
    user.save(update_fields=["is_active"])
    revoked = user.api_tokens.all().delete()[0]
    security_log.info("account.deactivate actor=%s target=%s tokens=%s", actor and actor.pk, user.pk, revoked)


def reactivate(actor: User | None, user: User) -> None:
    """Let somebody in again, with the password they had; API tokens stay revoked."""
    user.is_active = True
    user.save(update_fields=["is_active"])
    security_log.info("account.reactivate actor=%s target=%s", actor and actor.pk, user.pk)


def sign_in(request: HttpRequest, user: User) -> None:
    """Sign in somebody who has just proved who they are; the session gets a new key."""
    login(request, user, backend=SIGN_IN_BACKEND)


def issue_token(user: User, name: str) -> tuple[ApiToken, str]:
    """Make an API token; the second value is its only readable copy."""
    token, readable = ApiToken.issue(user, name)
    security_log.info("token.create actor=%s target=%s", user.pk, token.pk)
    return token, readable


def revoke_token(user: User, token: ApiToken) -> None:
    security_log.info("token.revoke actor=%s target=%s", user.pk, token.pk)
    token.delete()
