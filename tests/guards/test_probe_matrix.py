"""Every address × everybody × every method × ids of one's own, of others, of nobody, and none at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver

from apps.api.urls import urlpatterns as api_patterns
from tests.guards.routes import METHODS, ROUTES, Call, Route, expected
from tests.guards.world import (
    ACTORS,
    ADMIN,
    ANONYMOUS,
    MALFORMED,
    MEMBER,
    OUTSIDER,
    OWNER,
    PROGRAM,
    STRANGERS,
    UNKNOWN,
    UNKNOWN_ID,
    VIEWER,
    Ids,
    World,
    build_world,
)

PLACEHOLDER = re.compile(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)|<(?:\w+:)?(\w+)>")

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker) -> Iterator[World]:
    """Built once; each test's own transaction lies within this one."""
    with (
        django_db_blocker.unblock(),
        patch("apps.connections.views.probe_host"),
        transaction.atomic(),
    ):
        yield build_world()
        transaction.set_rollback(True)


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for part in resolver.url_patterns:
        path = prefix + str(part.pattern).removeprefix("^").removesuffix("$")
        if isinstance(part, URLPattern):
            yield path
        else:
            yield from patterns(part, path)


def placeholders(pattern: str) -> list[str]:
    return [name or other for name, other in PLACEHOLDER.findall(pattern)]


def is_shared(pattern: str) -> bool:
    """Whether an address names something of a workspace or a person."""
    return any(name.endswith("_id") or name == "workspace_slug" for name in placeholders(pattern)) and (
        "endpoint_id" not in pattern
    )


def address(pattern: str, route: Route, ids: Ids, **changed: str) -> str:
    values = {**ids, **{name: ids[other] for name, other in route.swaps.items()}, **changed}
    return "/" + PLACEHOLDER.sub(lambda match: values[match[1] or match[2]], pattern)


def outcome(response: HttpResponse, call: Call | None) -> str:
    if response.status_code == 302 and "next=" in response.headers["Location"]:
        return "login"
    return "ok" if call and response.status_code in call.status else str(response.status_code)


def plain(response: HttpResponse) -> bytes:
    """A body without what differs from one request to the next."""
    return re.sub(rb"[A-Za-z0-9]{64}", b"", response.content)


def test_every_address_is_in_the_table() -> None:
    assert set(patterns(get_resolver())) == set(ROUTES)
    assert api_patterns


@pytest.mark.parametrize("pattern", ROUTES)
def test_every_method_at_ones_own_address(world: World, pattern: str) -> None:
    route = ROUTES[pattern]
    path = address(pattern, route, world.own)
    wrong = {}
    for method in METHODS:
        call = route.calls.get(method)
        for actor in sorted(ACTORS):
            response = world.knock(actor, method, path, call.make_body() if call else None)
            told = outcome(response, call)
            if told != expected(pattern, route, method, actor):
                wrong[method, actor] = f"{told}, not {expected(pattern, route, method, actor)}"
            wrong |= {(method, actor, name): "missing" for name in missing_headers(response)}
    assert not wrong


def test_every_refusal_has_a_twin_that_succeeds() -> None:
    for pattern, route in ROUTES.items():
        for method, call in route.calls.items():
            assert call.allowed or call.never, f"{method} {pattern} opens for nobody"


@pytest.mark.parametrize("pattern", [pattern for pattern in ROUTES if is_shared(pattern)])
def test_ids_of_others_of_nobody_and_none_at_all(world: World, pattern: str) -> None:
    route = ROUTES[pattern]
    names = [name for name in placeholders(pattern) if name != "endpoint_id"]
    last = names[-1]
    own = address(pattern, route, world.own)
    addresses = {
        "foreign": address(pattern, route, world.foreign),
        "unknown": address(pattern, route, world.own, **{last: UNKNOWN.get(last, UNKNOWN_ID)}),
        "malformed": address(pattern, route, world.own, **{last: MALFORMED.get(last, "not-an-id")}),
    }
    if len(names) > 1 and world.foreign[last] != world.own[last]:
        addresses["foreign within one's own"] = address(
            pattern, route, world.own, **{last: address_id(route, world.foreign, last)}
        )
    wrong = {}
    for method, call in route.calls.items():
        hidden = plain(world.knock(OUTSIDER, method, own, call.make_body()))
        for kind, path in addresses.items():
            for actor in sorted(ACTORS):
                response = world.knock(actor, method, path, call.make_body())
                told = outcome(response, call)
                if told not in tellable(pattern, route, method, actor, kind):
                    wrong[method, actor, kind] = told
                if actor == OUTSIDER and kind != "foreign" and plain(response) != hidden:
                    wrong[method, actor, kind] = "another 404 than for what is there"
    assert not wrong


def address_id(route: Route, ids: Ids, name: str) -> str:
    return ids[route.swaps.get(name, name)]


def tellable(pattern: str, route: Route, method: str, actor: str, kind: str) -> set[str]:
    """What may be told about ids that are not of the actor's workspace."""
    if kind == "foreign" and actor == OUTSIDER:
        # charlie owns the other workspace and everything in it.
        return {"ok"}
    own = expected(pattern, route, method, actor)
    if own in {"login", "401"}:
        # What is no address at all is none for anybody.
        return {own, "404"} if kind == "malformed" else {own}
    # Who lacks the right in their own workspace may hear so before the id is looked at.
    return {"404", "403"} if own == "403" and kind != "foreign" else {"404"}


@pytest.mark.parametrize(
    "pattern", [pattern for pattern in ROUTES if re.search("conversation_id|answer_id", pattern)]
)
def test_a_conversation_that_is_not_shared_is_not_there_for_others(world: World, pattern: str) -> None:
    route = ROUTES[pattern]
    path = address(pattern, route, world.private)
    nothing = address(pattern, route, world.private, conversation_id=UNKNOWN_ID, answer_id=UNKNOWN_ID)
    for method, call in route.calls.items():
        for actor in (MEMBER, PROGRAM):
            if actor in call.allowed:
                assert outcome(world.knock(actor, method, path, call.make_body()), call) == "ok"
        for actor in (VIEWER, ADMIN, OWNER, *STRANGERS):
            hidden = world.knock(actor, method, path, call.make_body())
            assert hidden.status_code == 404, (method, actor)
            assert plain(hidden) == plain(world.knock(actor, method, nothing, call.make_body()))


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (pattern, method)
        for pattern, route in ROUTES.items()
        for method in route.calls
        if method in {"POST", "PUT", "PATCH", "DELETE"} and not route.calls[method].never
    ],
)
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


def missing_headers(response: HttpResponse) -> list[str]:
    required = {
        "Content-Security-Policy": "",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "",
    }
    policy = response.headers.get("Content-Security-Policy", "")
    if not policy.startswith("sandbox") and "script-src 'self'" not in policy.split("; "):
        return ["script-src"]
    return [
        name
        for name, value in required.items()
        if name not in response.headers or value not in response.headers[name]
    ]
