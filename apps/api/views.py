"""The API's description: for people as a page, for programs as OpenAPI."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.api.auth import SignedIn
from apps.api.errors import not_signed_in, wrong_method
from apps.api.reference import reference_of
from apps.api.v1 import openapi_schema
from apps.common.http import HtmxRequest


@require_safe
def docs(request: HtmxRequest) -> HttpResponse:
    """Drawn from the schema on the server: it needs no script and loads nothing from elsewhere."""
    return render(request, "api/docs.html", {"reference": reference_of(openapi_schema())})


@login_not_required
def openapi(request: HttpRequest) -> HttpResponse:
    if request.method not in {"GET", "HEAD"}:
        return wrong_method("GET, HEAD")
    if SignedIn()(request) is None:
        return not_signed_in()
    return JsonResponse(openapi_schema(), json_dumps_params={"indent": 2})
