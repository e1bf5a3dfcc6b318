"""What goes to one viewer of an answer: the past, replayed or as a snapshot; then the present; then the end."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import redis.exceptions
from django.conf import settings

from apps.common.sse import KEEPALIVE, event_bytes, to_json
from apps.conversations.hub import Hub, Mailbox
from apps.conversations.models import Answer
from apps.conversations.snapshots import fold_events, is_whole, snapshot_of_row
from apps.conversations.stream import EVENT_VERSION, Snapshot, StreamEvent, id_key, up_to_end

ROW_SECONDS = 1.0
"""How often the row is read where there is no stream; workers write it as often."""

InThread = Callable[..., Awaitable[Any]]
"""Runs blocking work, such as queries, beside the loop."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What a stream needs of an answer; the row itself, with plan and manifest, would stay as long as the stream."""

    pk: uuid.UUID
    is_running: bool


@dataclass(frozen=True, slots=True)
class Following:
    hub: Hub
    in_thread: InThread
    answer: Watched
    may_still_read: Callable[[], Awaitable[bool]]

    async def events(self, last_id: str) -> AsyncGenerator[bytes, None]:
        """Server-sent events up to `end`, or until the viewer may not read any more. Raises Lagging."""
        try:
            mailbox = await self.hub.subscribe(self.answer.pk)
        except (redis.exceptions.RedisError, OSError):
            mailbox = None
        if mailbox is not None:
            try:
                # Once: what comes between this and the subscription is in the mailbox too, and dropped by its id.
                backlog = await self.hub.backlog(self.answer.pk, "0-0")
                if is_whole(backlog) or not self.answer.is_running:
                    following = self._follow_stream(mailbox, backlog, last_id)
                    # A long past would otherwise be kept for as long as the stream.
                    del backlog
                    async for data in following:
                        yield data
                    return
            finally:
                self.hub.unsubscribe(self.answer.pk, mailbox)
        async for data in self._follow_row():
            yield data

    async def _follow_stream(
        self, mailbox: Mailbox, backlog: list[StreamEvent], last_id: str
    ) -> AsyncIterator[bytes]:
        place, past, has_ended = await self._past(backlog, last_id)
        del backlog
        yield past
        asked_at = time.monotonic()
        while not has_ended:
            news = await mailbox.get(settings.STREAM_KEEPALIVE_SECONDS / 2)
            if not news or time.monotonic() - asked_at > settings.STREAM_KEEPALIVE_SECONDS / 2:
                # By the clock: a busy stream is never silent, and rights may end in the middle of it.
                asked_at = time.monotonic()
                if not await self.may_still_read():
                    return
            fresh = up_to_end(event for event in news if event.sort_key > place)
            if fresh:
                place, has_ended = fresh[-1].sort_key, fresh[-1].name == "end"
                yield b"".join(event.wire for event in fresh)
            elif not news:
                if await self._is_lost():
                    async for data in self._follow_row():
                        yield data
                    return
                yield KEEPALIVE

    async def _is_lost(self) -> bool:
        """Whether nothing more will come here: Redis lost the stream, or its worker died and was settled."""
        return await self.in_thread(_has_ended, self.answer.pk) or not await self.hub.has_stream(
            self.answer.pk
        )

    async def _past(self, backlog: list[StreamEvent], last_id: str) -> tuple[tuple[int, int], bytes, bool]:
        """(place of the last event sent, bytes, whether the end is among them)."""
        position = _position(backlog, last_id)
        if position is not None:
            rest = b"".join(event.wire for event in backlog[position + 1 :])
            return backlog[-1].sort_key, rest, backlog[-1].name == "end"
        if self.answer.is_running:
            snapshot, end = fold_events(backlog)
            return id_key(snapshot.last_id), _snapshot_bytes(snapshot, None, end), end is not None
        row = await self.in_thread(_row, self.answer.pk)
        if row is None:
            return (0, 0), b"", True
        snapshot = await self.in_thread(snapshot_of_row, row)
        if backlog:
            snapshot.last_id = backlog[-1].id
        return id_key(snapshot.last_id), _snapshot_bytes(snapshot, row), True

    async def _follow_row(self) -> AsyncIterator[bytes]:
        """Without a whole stream the row still tells everything, a second late and as snapshots."""
        shown: tuple[str, str, str] | None = None
        asked_at = time.monotonic()
        while (row := await self.in_thread(_row, self.answer.pk)) is not None:
            snapshot = await self.in_thread(snapshot_of_row, row)
            state = (row.status, snapshot.text, snapshot.status)
            if state != shown:
                shown = state
                yield _snapshot_bytes(snapshot, row)
            if not row.is_running:
                return
            await asyncio.sleep(ROW_SECONDS)
            if time.monotonic() - asked_at > settings.STREAM_KEEPALIVE_SECONDS / 2:
                asked_at = time.monotonic()
                if not await self.may_still_read():
                    return
                yield KEEPALIVE


def _position(backlog: list[StreamEvent], last_id: str) -> int | None:
    """Where a reader stopped, or None when it must begin with a snapshot."""
    if not last_id:
        return None
    return next((index for index, event in enumerate(backlog) if event.id == last_id), None)


def _snapshot_bytes(snapshot: Snapshot, row: Answer | None, end: StreamEvent | None = None) -> bytes:
    pieces = [event_bytes("snapshot", snapshot.to_json(), snapshot.last_id)]
    if snapshot.status:
        pieces.append(event_bytes("status", snapshot.status, snapshot.last_id))
    if end is not None:
        pieces.append(end.wire)
    elif row is not None and not row.is_running:
        data = {
            "v": EVENT_VERSION,
            "status": row.status,
            "code": row.error_code,
            "sentence": row.error_sentence,
        }
        pieces.append(event_bytes("end", to_json(data), snapshot.last_id))
    return b"".join(pieces)


def _row(answer_id: uuid.UUID) -> Answer | None:
    return Answer.objects.select_related("question").filter(pk=answer_id).first()


def _has_ended(answer_id: uuid.UUID) -> bool:
    return not Answer.objects.filter(pk=answer_id, status__in=Answer.RUNNING).exists()
