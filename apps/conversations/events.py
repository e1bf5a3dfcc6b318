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
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import redis.exceptions
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import close_old_connections
from django.http import Http404

from apps.accounts.authentication import user_of_cookies, user_of_token
from apps.common.redis import async_redis
from apps.common.sse import EVENT_STREAM, KEEPALIVE, RETRY, event_bytes, to_json
from apps.conversations.access import answer_for
from apps.conversations.hub import Hub, Lagging
from apps.conversations.models import Answer
from apps.conversations.snapshots import fold_events, snapshot_of_row
from apps.conversations.stream import EVENT_VERSION, Snapshot, StreamEvent, id_key

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
NOT_NOW = Refusal(503, "events_unavailable", "Live events are not available now; the answer goes on.")


class AnswerEvents:
    """The ASGI application; one per process."""

    def __init__(self) -> None:
        self._hub: Hub | None = None
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="events")
        self._open_per_user: Counter[uuid.UUID] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send, answer_id: str) -> None:
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
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
            self._hub = Hub(async_redis(max_connections=16))
        return self._hub

    async def _in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _closing, function, *args)

    async def _stream(self, receive: Receive, send: Send, answer: Answer, headers: dict[str, str]) -> None:
        await send(
            {"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS + SECURITY_HEADERS}
        )
        gone = asyncio.create_task(_disconnected(receive))
        sending = asyncio.create_task(self._send_events(send, answer, headers))
        try:
            await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (gone, sending):
                task.cancel()
            results = await asyncio.gather(gone, sending, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, (Lagging, OSError)):
                log.error("event stream of %s failed", answer.pk, exc_info=result)
        with suppress(OSError):
            await send({"type": "http.response.body", "body": b""})

    async def _send_events(self, send: Send, answer: Answer, headers: dict[str, str]) -> None:
        async def write(data: bytes) -> None:
            await send({"type": "http.response.body", "body": data, "more_body": True})

        await write(RETRY)
        async for data in self._events(answer, headers):
            await write(data)

    async def _events(self, answer: Answer, headers: dict[str, str]) -> AsyncIterator[bytes]:
        """What goes to one viewer: the past (replayed or as a snapshot), then the present, then the end."""
        last_id = headers.get("last-event-id", "")
        try:
            mailbox = await self.hub.subscribe(answer.pk)
        except (redis.exceptions.RedisError, OSError):
            # Without Redis the row still tells everything that was kept.
            async for data in self._from_row(answer):
                yield data
            return
        try:
            backlog = await self.hub.backlog(answer.pk, "0-0")
            sent_id, past, has_ended = await self._past(answer, backlog, last_id)
            for data in past:
                yield data
            while not has_ended:
                event = await mailbox.get(settings.STREAM_KEEPALIVE_SECONDS)
                if event is None:
                    if not await self._in_thread(_may_still_read, headers, answer.pk):
                        return
                    ended = await self._in_thread(_ended_row, answer.pk)
                    if ended is not None:
                        # The worker died with its stream, or Redis lost it: the reaper has settled the row.
                        async for data in self._from_row(ended):
                            yield data
                        return
                    yield KEEPALIVE
                elif id_key(event.id) > id_key(sent_id):
                    sent_id = event.id
                    has_ended = event.name == "end"
                    yield event_bytes(event.name, event.data, event.id)
        finally:
            self.hub.unsubscribe(answer.pk, mailbox)

    async def _past(
        self, answer: Answer, backlog: list[StreamEvent], last_id: str
    ) -> tuple[str, list[bytes], bool]:
        """(last id sent, bytes, whether the end is among them)."""
        position = _position(backlog, last_id)
        if position is not None:
            rest = backlog[position + 1 :]
            return (
                backlog[-1].id,
                [event_bytes(event.name, event.data, event.id) for event in rest],
                bool(backlog) and backlog[-1].name == "end",
            )
        if not answer.is_running or not backlog:
            row = await self._in_thread(_row, answer.pk)
            snapshot = await self._in_thread(snapshot_of_row, row)
            if backlog:
                snapshot.last_id = backlog[-1].id
            return snapshot.last_id, _snapshot_bytes(snapshot, row), not row.is_running
        snapshot, end = fold_events(backlog)
        return snapshot.last_id, _snapshot_bytes(snapshot, None, end), end is not None

    async def _from_row(self, answer: Answer) -> AsyncIterator[bytes]:
        row = await self._in_thread(_row, answer.pk)
        for data in _snapshot_bytes(await self._in_thread(snapshot_of_row, row), row):
            yield data


def _position(backlog: list[StreamEvent], last_id: str) -> int | None:
    """Where a reader stopped, or None when it must begin with a snapshot."""
    if not last_id:
        return None
    return next((index for index, event in enumerate(backlog) if event.id == last_id), None)


def _snapshot_bytes(snapshot: Snapshot, row: Answer | None, end: StreamEvent | None = None) -> list[bytes]:
    pieces = [event_bytes("snapshot", snapshot.to_json(), snapshot.last_id)]
    if snapshot.status:
        pieces.append(event_bytes("status", snapshot.status, snapshot.last_id))
    if end is not None:
        pieces.append(event_bytes("end", end.data, end.id))
    elif row is not None and not row.is_running:
        data = {
            "v": EVENT_VERSION,
            "status": row.status,
            "code": row.error_code,
            "sentence": row.error_sentence,
        }
        pieces.append(event_bytes("end", to_json(data), snapshot.last_id))
    return pieces


def _closing(function: Callable[..., Any], *args: Any) -> Any:
    close_old_connections()
    try:
        return function(*args)
    finally:
        close_old_connections()


def _open(headers: dict[str, str], answer_id: str) -> tuple[uuid.UUID, Answer]:
    authorization = headers.get("authorization", "")
    user = user_of_token(authorization) if authorization else user_of_cookies(headers.get("cookie", ""))
    if user is None:
        raise NOT_SIGNED_IN
    try:
        return user.pk, answer_for(user, answer_id)
    except Http404:
        raise NOT_FOUND from None
    except PermissionDenied:
        raise FORBIDDEN from None


def _may_still_read(headers: dict[str, str], answer_id: uuid.UUID) -> bool:
    try:
        _open(headers, str(answer_id))
    except Refusal:
        return False
    return True


def _row(answer_id: uuid.UUID) -> Answer:
    return Answer.objects.select_related("question").get(pk=answer_id)


def _ended_row(answer_id: uuid.UUID) -> Answer | None:
    return Answer.objects.filter(pk=answer_id).exclude(status__in=Answer.RUNNING).first()


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
