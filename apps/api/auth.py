"""Who calls the API: the owner of a bearer token, or the person signed in to this browser."""

from __future__ import annotations

from django.http import HttpRequest
from ninja.security import HttpBearer
from ninja.utils import check_csrf

from apps.accounts.authentication import user_of_token
from apps.accounts.models import User
from apps.common.http import Refused


class ApiRequest(HttpRequest):
    """A request that passed `SignedIn`: `user` is never anonymous."""

    user: User


class SignedIn(HttpBearer):
    """A token when one is sent, and then nothing else; otherwise the session, with CSRF on unsafe methods.

    A program that sends a dead token must hear so, even in a browser whose session would do.
    """

    openapi_description = "A token from your profile, or from `manage.py create_token EMAIL`."

    def __call__(self, request: HttpRequest) -> User | None:
        authorization = request.headers.get("Authorization")
        if authorization is not None:
            user = self.authenticate(request, authorization)
        else:
            user = _user_of_session(request)
        if user is not None:
            request.user = user
        return user

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        """token: the whole header, `Bearer <token>`."""
        return user_of_token(token)


def _user_of_session(request: HttpRequest) -> User | None:
    user = request.user
    if not isinstance(user, User):
        # The session's user is a lazy proxy; isinstance looks through it.
        return None
    if check_csrf(request) is not None:
        raise Refused(
            "csrf",
            "A browser's session needs the CSRF token in X-CSRFToken; programs send an API token instead.",
            status=403,
        )
    return user
