"""Who a request comes from, by session cookie or by API token, outside Django's middleware too."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie

from apps.accounts.models import TOKEN_PREFIX, ApiToken, User, digest_token


def user_of_token(authorization: str) -> User | None:
    """The active owner of `Bearer <token>`, or None. One query, and a note of use at most once a minute."""
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token.startswith(TOKEN_PREFIX):
        return None
    row = ApiToken.objects.select_related("user").filter(digest=digest_token(token)).first()
    if row is None or not row.user.is_active:
        return None
    row.touch()
    return row.user


def user_of_cookies(cookie_header: str) -> User | None:
    """The active user of a session cookie, or None."""
    # Django's own parser: the standard library's gives up at one odd cookie, such as another local program's.
    session_key = parse_cookie(cookie_header).get(settings.SESSION_COOKIE_NAME)
    if not session_key:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    return user if isinstance(user, User) and user.is_active else None


def user_of_headers(authorization: str, cookie_header: str) -> User | None:
    """By the token when one is sent, else by the session cookie; an empty string is a header that was not sent."""
    return user_of_token(authorization) if authorization else user_of_cookies(cookie_header)
