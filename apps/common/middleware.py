"""What every response carries, and what no request may do."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from apps.common.http import refusal

GetResponse = Callable[[HttpRequest], HttpResponse]


class SecurityHeadersMiddleware:
    """Headers Django and django-csp do not set themselves; nothing personal is kept by caches."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        # Also on what the middleware below answers by itself, such as redirects.
        response.headers.setdefault("X-Frame-Options", "DENY")
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "private, no-store"
        return response


class RefuseCrossSiteMiddleware:
    """Refuse changing requests that a browser says come from another site.

    CSRF tokens are checked besides; this also covers requests a browser would send with a token it was
    tricked out of. Programs send no Sec-Fetch-Site and pass.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in {"GET", "HEAD", "OPTIONS"} and request.headers.get("Sec-Fetch-Site") in {
            "cross-site",
            "same-site",
        }:
            return refusal(request, 403, "This request came from another site and was refused.")
        return self.get_response(request)
