"""`GET /api/v1/answers/<id>/events`: server-sent events outside Django's request handling.

Django keeps a thread for every open request and, after a query in it, a database connection; a plain ASGI
application keeps neither. Access is asked once in a short thread-pool call and again at each keepalive, so
rights that end, end the stream.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404

from apps.accounts.authentication import user_of_headers
from apps.common.database import closing_connections
from apps.common.redis import async_redis, cancel_until_done
from apps.common.sse import EVENT_STREAM, RETRY
from apps.conversations.access import answer_for
from apps.conversations.following import Following, Watched
from apps.conversations.hub import PATIENCE_SECONDS, Hub, Lagging

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SECURITY_HEADERS = [
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
]
KEPT_HEADERS = {b"authorization", b"cookie", b"last-event-id"}
STREAM_HEADERS = [
    (b"content-type", EVENT_STREAM.encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


@dataclass(frozen=True, slots=True)
class Refusal(Exception):
    status: int
    code: str
    sentence: str


NOT_SIGNED_IN = Refusal(401, "not_signed_in", "Sign in, or send a valid API token.")
NOT_FOUND = Refusal(404, "not_found", "There is nothing at this address.")
FORBIDDEN = Refusal(403, "forbidden", "Your role does not allow this.")
TOO_MANY = Refusal(429, "too_many_streams", "You have too many open answers. Close some tabs and try again.")
WRONG_METHOD = Refusal(405, "wrong_method", "This address is for GET.")


class AnswerEvents:
    """The ASGI application; one per process."""

    def __init__(self) -> None:
        self._hub: Hub | None = None
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="events")
        self._open_per_user: Counter[uuid.UUID] = Counter()
        self._asked: dict[tuple[str, str, uuid.UUID], tuple[float, asyncio.Future[Any]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send, answer_id: str) -> None:
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
            if name.lower() in KEPT_HEADERS
        }
        try:
            if scope["method"] != "GET":
                raise WRONG_METHOD
            user_id, answer = await self._in_thread(_open, headers, answer_id)
            if (
                self._open_per_user[user_id] >= settings.STREAMS_PER_MEMBER
                or self._open_per_user.total() >= settings.STREAMS_PER_PROCESS
            ):
                raise TOO_MANY
        except Refusal as refusal:
            await _refuse(send, refusal)
            return
        self._open_per_user[user_id] += 1
        try:
            await self._stream(receive, send, answer, headers)
        finally:
            self._open_per_user[user_id] -= 1
            if not self._open_per_user[user_id]:
                del self._open_per_user[user_id]

    async def close(self) -> None:
        if self._hub:
            await self._hub.close()

    @property
    def hub(self) -> Hub:
        if self._hub is None:
            self._hub = Hub(async_redis(max_connections=16, answer_seconds=PATIENCE_SECONDS, retries=0))
        return self._hub

    async def _in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, closing_connections, function, *args
        )

    async def _stream(self, receive: Receive, send: Send, answer: Watched, headers: dict[str, str]) -> None:
        await send(
            {"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS + SECURITY_HEADERS}
        )
        gone = asyncio.create_task(_disconnected(receive))
        sending = asyncio.create_task(self._send_events(send, answer, headers))
        try:
            await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_until_done(gone, sending)
        results = await asyncio.gather(gone, sending, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, (Lagging, OSError)):
                log.error("event stream of %s failed", answer.pk, exc_info=result)
        with suppress(OSError):
            await send({"type": "http.response.body", "body": b""})

    async def _ask_again(self, headers: dict[str, str], answer_id: uuid.UUID) -> bool:
        """Whether a viewer may still read; tabs of one person on one answer share a question for some seconds.

        Viewers ask every half keepalive and share for as long, so nobody reads on for more than one keepalive.
        """
        now = asyncio.get_running_loop().time()
        who = (headers.get("authorization", ""), headers.get("cookie", ""), answer_id)
        asked = self._asked.get(who)
        if asked is None or now - asked[0] > settings.STREAM_KEEPALIVE_SECONDS / 2:
            if len(self._asked) > 2 * settings.STREAMS_PER_PROCESS:
                self._asked.clear()
            question = asyncio.ensure_future(self._in_thread(_may_still_read, headers, answer_id))
            asked = self._asked[who] = (now, question)
        return bool(await asyncio.shield(asked[1]))

    async def _send_events(self, send: Send, answer: Watched, headers: dict[str, str]) -> None:
        async def may_still_read() -> bool:
            return await self._ask_again(headers, answer.pk)

        await send({"type": "http.response.body", "body": RETRY, "more_body": True})
        following = Following(self.hub, self._in_thread, answer, may_still_read)
        async with aclosing(following.events(headers.get("last-event-id", ""))) as pieces:
            async for data in pieces:
                await send({"type": "http.response.body", "body": data, "more_body": True})


def _open(headers: dict[str, str], answer_id: str) -> tuple[uuid.UUID, Watched]:
    user = user_of_headers(headers.get("authorization", ""), headers.get("cookie", ""))
    if user is None:
        raise NOT_SIGNED_IN
    try:
        answer = answer_for(user, answer_id)
    except Http404:
        raise NOT_FOUND from None
    except PermissionDenied:
        raise FORBIDDEN from None
    return user.pk, Watched(answer.pk, answer.is_running)


def _may_still_read(headers: dict[str, str], answer_id: uuid.UUID) -> bool:
    try:
        _open(headers, str(answer_id))
    except Refusal:
        return False
    return True


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: Send, refusal: Refusal) -> None:
    body = json.dumps({"error": {"code": refusal.code, "message": refusal.sentence}}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if refusal.status == 429:
        headers.append((b"retry-after", b"5"))
    await send(
        {"type": "http.response.start", "status": refusal.status, "headers": headers + SECURITY_HEADERS}
    )
    await send({"type": "http.response.body", "body": body})
