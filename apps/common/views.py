"""Pages of no room: leaving for another site, and what is said when something is not to be had."""

from __future__ import annotations

import logging
import secrets

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template import TemplateDoesNotExist, loader
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.common.http import refusal
from apps.common.links import outward_host

logger = logging.getLogger("docanalyst.errors")

LONGEST_ADDRESS = 2_000


@require_safe
def leave(request: HttpRequest) -> HttpResponse:
    """Name the host of `?to=` before an outside link is opened; nothing opens by itself."""
    target = request.GET.get("to", "")[:LONGEST_ADDRESS]
    host = outward_host(target)
    if host is None:
        return refusal(request, 400, "This link names no page elsewhere.", "bad_link")
    return render(request, "leave.html", {"target": target, "host": host})


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Requests that Django itself cannot take: another host, too many fields. No page is drawn from them."""
    sentence = "This request could not be read, or is for another host."
    if request.path.startswith("/api/"):
        return JsonResponse({"error": {"code": "malformed", "message": sentence}}, status=400)
    return HttpResponse(sentence, status=400, content_type="text/plain; charset=utf-8")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _said(request, 403, "403.html", "Your role here does not allow this.", "forbidden")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    # Alike for what does not exist and for what belongs to others.
    return _said(
        request, 404, "404.html", "There is nothing here, or it is not shared with you.", "not_found"
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return refusal(
        request,
        403,
        "This form was open too long, or your browser keeps no cookies for this site. "
        "Go back, reload the page and send it again.",
        "csrf",
    )


@never_cache
def too_many_requests(request: HttpRequest, seconds: int = 60) -> HttpResponse:
    """429 with `Retry-After`; `seconds` from now the next try counts again."""
    minutes = -(-seconds // 60)
    wait = f"{seconds} seconds" if seconds < 90 else f"{minutes} minutes"
    response = refusal(
        request, 429, f"That was tried too often. Wait {wait}, then try again.", "too_many_requests"
    )
    response.headers["Retry-After"] = str(seconds)
    return response


@login_not_required
def server_error(request: HttpRequest) -> HttpResponse:
    """An unexpected error: a reference number for the reader, the trace beside it in the log alone."""
    reference = secrets.token_hex(4)
    logger.error("Reference %s: %s %s", reference, request.method, request.path, exc_info=True)
    sentence = f"Something went wrong on our side. Nothing you had saved was lost. Reference: {reference}"
    if request.path.startswith("/api/"):
        return JsonResponse({"error": {"code": "internal", "message": sentence}}, status=500)
    try:
        # Without the request: whatever fails may be what a page's header would ask the database for.
        return HttpResponse(loader.get_template("500.html").render({"reference": reference}), status=500)
    except (TemplateDoesNotExist, ValueError):
        return HttpResponse(sentence, status=500, content_type="text/plain; charset=utf-8")


def _said(request: HttpRequest, status: int, template: str, sentence: str, code: str) -> HttpResponse:
    if request.path.startswith("/api/") or getattr(request, "htmx", False):
        return refusal(request, status, sentence, code)
    return render(request, template, {"sentence": sentence}, status=status)
