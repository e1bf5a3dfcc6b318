"""Every address × everybody × every method × ids of one's own, of others, of nobody, and none at all."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.http import HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver

from apps.conversations.events import AnswerEvents
from docanalyst import asgi
from tests.guards.routes import (
    EVENTS,
    METHODS,
    ROUTES,
    VIEWERS,
    Route,
    address,
    expected,
    is_shared,
    outcome,
    placeholders,
)
from tests.guards.world import (
    ACTORS,
    ADMIN,
    ANONYMOUS,
    DEACTIVATED,
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
)

pytestmark = pytest.mark.django_db


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for part in resolver.url_patterns:
        path = prefix + str(part.pattern).removeprefix("^").removesuffix("$")
        if isinstance(part, URLPattern):
            yield path
        else:
            yield from patterns(part, path)


def plain(response: HttpResponse) -> bytes:
    """A body without what differs from one request to the next."""
    return re.sub(rb"[A-Za-z0-9]{64}", b"", response.content)


def test_every_address_is_in_the_table() -> None:
    assert set(patterns(get_resolver())) == set(ROUTES)


@pytest.mark.parametrize("pattern", ROUTES)
def test_every_method_at_ones_own_address(world: World, pattern: str) -> None:
    route = ROUTES[pattern]
    path = address(pattern, route, world.own)
    wrong = {}
    for method in METHODS:
        call = route.calls.get(method)
        # Which methods there are is decided before anybody's rights: four kinds of caller show it.
        for actor in sorted(ACTORS) if call else (ANONYMOUS, OUTSIDER, OWNER, PROGRAM):
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
    if pattern.startswith("api/"):
        # Elsewhere Django's converters let nothing but ids through.
        addresses["malformed with NUL"] = address(pattern, route, world.own, **{last: "%00"})
    wrong = {}
    for method, call in route.calls.items():
        if method == "HEAD":
            # The same view as for GET, which the test above tried with both.
            continue
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
        return {own, "404"} if kind.startswith("malformed") else {own}
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


class InPlace(AnswerEvents):
    """Asks the database in the test's own thread, whose transaction holds the world."""

    async def _in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        return await sync_to_async(function, thread_sensitive=True)(*args)


def watch(world: World, actor: str, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    """One request to the application beside Django: status, headers, body."""
    headers = [
        (name.lower().encode(), value.encode()) for name, value in world.headers.get(actor, {}).items()
    ]
    if actor in world.sessions:
        headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={world.sessions[actor]}".encode()))
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    sent: list[Any] = []

    async def ask() -> None:
        async def receive() -> Any:
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        with patch.object(asgi, "answer_events", InPlace()):
            await asgi.application(scope, receive, send)

    async_to_sync(ask)()
    body = b"".join(message.get("body", b"") for message in sent[1:])
    names = {name.decode().title(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], names, body


def test_the_events_of_an_answer_open_like_the_answer(world: World) -> None:
    own, private, foreign, nobody = (
        "/" + EVENTS.replace("<answer_id>", answer_id)
        for answer_id in (
            world.own["answer_id"],
            world.private["answer_id"],
            world.foreign["answer_id"],
            UNKNOWN_ID,
        )
    )
    readers = {own: VIEWERS | {PROGRAM}, private: {MEMBER, PROGRAM}, foreign: {OUTSIDER}, nobody: set()}
    hidden = watch(world, OUTSIDER, "GET", nobody)
    for path, allowed in readers.items():
        for actor in sorted(ACTORS):
            status, headers, body = watch(world, actor, "GET", path)
            for name in ("Content-Security-Policy", "X-Content-Type-Options", "Cache-Control"):
                assert name in headers
            if actor in allowed:
                assert status == 200
                assert b"event: end" in body
            elif actor in {ANONYMOUS, DEACTIVATED}:
                assert status == 401
            else:
                assert (status, headers, body) == hidden
    assert watch(world, OWNER, "GET", own.replace(world.own["answer_id"], "no-id"))[0] == 404
    for method in METHODS[1:]:
        assert watch(world, OWNER, method, own)[0] == 405


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
