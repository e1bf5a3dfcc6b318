"""Every refusal in one shape: {"error": {"code", "message"}}, with `details` where numbers help."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from apps.common.http import Refused
from apps.common.views import page_not_found, permission_denied


def error_response(
    status: int, code: str, message: str, details: dict[str, Any] | None = None
) -> JsonResponse:
    error: dict[str, Any] = {"code": code, "message": message}
    if details:
        error["details"] = details
    return JsonResponse({"error": error}, status=status)


def register_error_handlers(api: NinjaAPI) -> None:
    api.add_exception_handler(Refused, _refused)
    api.add_exception_handler(Http404, _not_found)
    api.add_exception_handler(PermissionDenied, _forbidden)
    api.add_exception_handler(AuthenticationError, _not_signed_in)
    api.add_exception_handler(HttpError, _http_error)
    api.add_exception_handler(ValidationError, _invalid)
    api.add_exception_handler(RequestDataTooBig, _too_big)
    for malformed in (SuspiciousOperation, MultiPartParserError, UnreadablePostError):
        api.add_exception_handler(malformed, _malformed)
    # Django answers what nobody expected (handler500), whatever DEBUG says: never a trace in a response.
    api.add_exception_handler(Exception, _unexpected)


def wrong_method(allowed: str) -> HttpResponse:
    response = error_response(405, "wrong_method", f"This address knows only {allowed}.")
    response.headers["Allow"] = allowed
    return response


def not_signed_in() -> HttpResponse:
    response = error_response(
        401, "not_signed_in", "Sign in, or send `Authorization: Bearer` with a valid API token."
    )
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _refused(request: HttpRequest, refused: Any) -> HttpResponse:
    response = error_response(refused.status, refused.code, refused.sentence, refused.details)
    if refused.status == 429:
        response.headers["Retry-After"] = "5"
    return response


def _not_found(request: HttpRequest, error: Any) -> HttpResponse:
    return page_not_found(request, error)


def _forbidden(request: HttpRequest, error: Any) -> HttpResponse:
    return permission_denied(request, error)


def _not_signed_in(request: HttpRequest, error: Any) -> HttpResponse:
    return not_signed_in()


def _http_error(request: HttpRequest, error: Any) -> HttpResponse:
    # What the parser refused arrives wrapped; its own words say more.
    if isinstance(error.__cause__, Refused):
        return _refused(request, error.__cause__)
    return error_response(error.status_code, "refused", str(error))


def _invalid(request: HttpRequest, error: Any) -> HttpResponse:
    fields = [
        {"field": ".".join(_path(problem["loc"])), "message": str(problem["msg"])} for problem in error.errors
    ]
    message = "; ".join(f"{each['field']}: {each['message']}" for each in fields[:5])
    return error_response(422, "invalid_request", message[:1000], {"fields": fields[:20]})


def _path(place: tuple[Any, ...]) -> list[str]:
    # The second part is the name of the parameter in our code, which no caller knows.
    words = [str(part)[:80] for part in place]
    return words[2:] if words[0] == "body" and len(words) > 2 else words[1:] or words


def _too_big(request: HttpRequest, error: Any) -> HttpResponse:
    return error_response(413, "body_too_large", "The body is larger than two megabytes of JSON.")


def _malformed(request: HttpRequest, error: Any) -> HttpResponse:
    return error_response(400, "malformed", "The request could not be read. Check how it is encoded.")


def _unexpected(request: HttpRequest, error: Any) -> HttpResponse:
    raise error
