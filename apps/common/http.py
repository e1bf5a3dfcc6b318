"""Typed requests and the few answers every room gives alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    from apps.accounts.models import User


class HtmxRequest(HttpRequest):
    """A request behind sign-in: `user` is never anonymous."""

    htmx: HtmxDetails
    user: User


class Refused(Exception):
    """A request that cannot be met, for a reason its sender can do something about.

    code: short, stable, snake_case. sentence: names the cause and the remedy. details: numbers for programs.
    """

    def __init__(
        self, code: str, sentence: str, *, status: int = 400, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.status = status
        self.details = details or {}


def refusal(request: HttpRequest, status: int, sentence: str, code: str = "refused") -> HttpResponse:
    """Say no in the caller's own form: JSON below /api/, a page or a fragment elsewhere."""
    if request.path.startswith("/api/"):
        return JsonResponse({"error": {"code": code, "message": sentence}}, status=status)
    template = "_refusal.html" if getattr(request, "htmx", False) else "refusal.html"
    return render(request, template, {"status": status, "sentence": sentence}, status=status)
