from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from apps.api import views
from apps.api.errors import wrong_method
from apps.api.v1 import api


def as_api_view(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Leave signing in and CSRF to `SignedIn`, answer HEAD as GET, and say in JSON which methods there are."""

    @wraps(view)
    def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        method = request.method
        try:
            # The server drops the body of an answer to HEAD.
            request.method = "GET" if method == "HEAD" else method
            response = view(request, *args, **kwargs)
        finally:
            request.method = method
        return (
            wrong_method(", ".join(sorted(response.headers["Allow"].split(", "))))
            if response.status_code == 405
            else response
        )

    return csrf_exempt(login_not_required(answer))


_patterns, _, _ = api.urls
_api_patterns = [
    URLPattern(pattern.pattern, as_api_view(pattern.callback), pattern.default_args, pattern.name)
    for pattern in _patterns
    if isinstance(pattern, URLPattern) and pattern.callback is not None
]
_pages = [path("docs", views.docs, name="docs"), path("openapi.json", views.openapi, name="openapi")]

urlpatterns = [path("api/v1/", ([*_pages, *_api_patterns], "api", "api"))]
