"""Requests that no honest client sends: each is refused in words, and none is a 500."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.guards.routes import ROUTES, address, outcome
from tests.guards.world import ANONYMOUS, MEMBER, PROGRAM, World

pytestmark = pytest.mark.django_db

UNSAFE = [
    (pattern, method)
    for pattern, route in ROUTES.items()
    for method, call in route.calls.items()
    if method in {"POST", "PUT", "PATCH", "DELETE"} and not call.never
]

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"

MALFORMED_JSON = {
    "cut": b'{"name": "a',
    "no object": b"[1, 2]",
    "nothing": b"",
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "infinite": b'{"name": Infinity, "text": Infinity, "title": Infinity}',
    "deep": b'{"name": ' + b"[" * 20_000,
}

WRONG_VALUES: dict[str, Any] = {
    "NUL": "a\x00b",
    "lone surrogate": "\ud800",
    "huge number": 10**400,
    "negative": -1,
    "list": ["a"],
    "object": {"a": {"b": []}},
    "null": None,
    "boolean": True,
    "long": "x" * 100_000,
    "empty": "",
}

MALFORMED_FORMS = {
    "NUL": (FORM, b"{field}=a%00b"),
    "not UTF-8": (FORM, b"{field}=%ff%fe"),
    "surrogate": (FORM, b"{field}=%ed%a0%80"),
    "long": (FORM, b"{field}=" + b"x" * 100_000),
    "huge number": (FORM, b"{field}=" + b"9" * 5_000),
    "not a number": (FORM, b"{field}=NaN"),
    "many fields": (FORM, b"&".join(b"{field}%d=1" % number for number in range(1_500))),
    "too large": (FORM, b"{field}=" + b"x" * 3_000_000),
    "multipart without an end": (
        MULTIPART,
        b'--b\r\nContent-Disposition: form-data; name="{field}"\r\n\r\nx',
    ),
    "multipart without boundary": ("multipart/form-data", b"--b"),
    "hostile file": (
        MULTIPART,
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="../\x00\xff.pdf"\r\n\r\n%PDF-\r\n--b--\r\n',
    ),
    "file for a field": (
        MULTIPART,
        b'--b\r\nContent-Disposition: form-data; name="{field}"; filename="a"\r\n\r\nx\r\n--b--\r\n',
    ),
    "base64 that is none": (
        MULTIPART,
        b'--b\r\nContent-Disposition: form-data; name="{field}"; filename="a.pdf"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n\xff!\r\n--b--\r\n",
    ),
    "another charset": (f"{FORM}; charset=utf-16", b"{field}=a"),
    "another type": ("text/plain", b"{field}=a"),
}


@pytest.mark.parametrize(("pattern", "method"), UNSAFE)
def test_a_browser_without_csrf_token_changes_nothing(world: World, pattern: str, method: str) -> None:
    route = ROUTES[pattern]
    call = route.calls[method]
    actor = min(call.allowed - {PROGRAM}) if route.needs_sign_in else ANONYMOUS
    path = address(pattern, route, world.own)
    response = world.knock(actor, method, path, call.make_body(), check_csrf=True)
    assert response.status_code == 403
    if PROGRAM in call.allowed and pattern.startswith("api/"):
        response = world.knock(PROGRAM, method, path, call.make_body(), check_csrf=True)
        assert outcome(response, call) == "ok"


@pytest.mark.parametrize(("pattern", "method"), [pair for pair in UNSAFE if pair[0].startswith("api/v1/")])
def test_malformed_json_is_refused_in_the_apis_own_shape(world: World, pattern: str, method: str) -> None:
    call = ROUTES[pattern].calls[method]
    path = address(pattern, ROUTES[pattern], world.own)
    actor = PROGRAM if PROGRAM in call.allowed else min(call.allowed)
    body = call.make_body() or {}
    sent: dict[str, tuple[str, bytes]] = {
        name: (JSON, content) for name, content in MALFORMED_JSON.items()
    } | {
        f"{field} {name}": (JSON, as_json({**body, field: value}))
        for field in body
        if field != "file"
        for name, value in WRONG_VALUES.items()
    }
    for name, (content_type, content) in sent.items():
        response = world.knock(actor, method, path, content, content_type=content_type)
        if body:
            # A plan needs no text, a conversation no title.
            is_fine = name.endswith((" empty", " null", "nothing")) and response.status_code < 300
            assert is_fine or 400 <= response.status_code < 500, (name, response.status_code)
        assert response.status_code < 500, name
        if response.status_code >= 400:
            assert set(response.json()["error"]) <= {"code", "message", "details"}, name


def as_json(value: Mapping[str, Any]) -> bytes:
    # Python's own writer lets lone surrogates through as escapes, as hostile clients would write them.
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("pattern", "method"),
    [pair for pair in UNSAFE if not pair[0].startswith("api/v1/") and pair[1] == "POST"],
)
def test_malformed_forms_are_never_an_error_of_ours(world: World, pattern: str, method: str) -> None:
    call = ROUTES[pattern].calls[method]
    path = address(pattern, ROUTES[pattern], world.own)
    actor = (
        ANONYMOUS if ANONYMOUS in call.allowed else MEMBER if MEMBER in call.allowed else min(call.allowed)
    )
    for field in call.make_body() or {"next": ""}:
        for name, (content_type, content) in MALFORMED_FORMS.items():
            response = world.knock(
                actor,
                method,
                path,
                content.replace(b"{field}", field.encode()),
                content_type=content_type,
            )
            assert response.status_code < 500, (field, name, response.status_code)


QUERIES = {
    "": ["next"],
    "leave/": ["to"],
    "accounts/login/": ["next"],
    "usage/": ["from", "to", "group_by", "grouped"],
    "usage.csv": ["from", "to", "group_by", "grouped"],
    "w/<slug:workspace_slug>/usage/": ["from", "to", "group_by", "grouped"],
    "w/<slug:workspace_slug>/corpora/<uuid:corpus_id>/": ["pane", "all", "answer"],
    "w/<slug:workspace_slug>/corpora/<uuid:corpus_id>/documents/": ["row", "all"],
    "w/<slug:workspace_slug>/documents/<uuid:document_id>/pages/<int:number>/": [
        "page",
        "revision",
        "zoom",
        "tab",
    ],
    "w/<slug:workspace_slug>/documents/<uuid:document_id>/pages/<int:number>/picture/": ["dpi", "revision"],
    "w/<slug:workspace_slug>/conversations/<uuid:conversation_id>/": [
        "answer",
        "question",
        "edit",
        "pane",
        "all",
    ],
    "w/<slug:workspace_slug>/answers/<uuid:answer_id>/cite/<int:ordinal>/<int:number>/": ["zoom", "tab"],
    "api/v1/workspaces": ["limit", "cursor"],
    "api/v1/corpora/<corpus_id>/documents": ["limit", "cursor"],
    "api/v1/usage": ["from", "to", "group_by", "workspace", "limit", "cursor"],
}


@pytest.mark.parametrize("pattern", QUERIES)
def test_malformed_queries_are_never_an_error_of_ours(world: World, pattern: str) -> None:
    call = ROUTES[pattern].calls["GET"]
    path = address(pattern, ROUTES[pattern], world.own)
    for word in QUERIES[pattern]:
        for value in (
            "%00",
            "%ff",
            "%ed%a0%80",
            "9" * 400,
            "-1",
            "x" * 3_000,
            "[]",
            "2026-13-45",
            "%E2%80%AE",
        ):
            response = world.knock(min(call.allowed), "GET", f"{path}?{word}={value}")
            assert response.status_code < 500, (word, value)


@pytest.mark.parametrize(
    "pattern", [pattern for pattern in ROUTES if "<int:" in pattern and "GET" in ROUTES[pattern].calls]
)
def test_numbers_of_any_length_are_numbers_of_nothing(world: World, pattern: str) -> None:
    route = ROUTES[pattern]
    for name in ("number", "ordinal"):
        for value in ("0", str(2**31), str(2**63), "9" * 400, "9" * 5_000, "\u0661"):
            path = address(pattern, route, world.own, **{name: value})
            response = world.knock(MEMBER, "GET", path)
            assert response.status_code in {200, 404}, (name, value)
            if f":{name}>" in pattern:
                assert response.status_code == 404, (name, value)
