"""An answer's events in Redis: the worker appends, the web process reads.

One Redis stream per answer, `answer:<id>:events`, entries with `name` and `data` (JSON). Ids grow, so a reader
that gives its last id misses nothing and gets nothing twice. The row is the truth; a lost stream costs only the
liveliness.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import redis.exceptions

from apps.common.redis import look_redis, sync_redis
from apps.common.sse import event_bytes, to_json

log = logging.getLogger(__name__)

EVENT_VERSION = 1
KEPT_SECONDS = 24 * 3600
"""After the end. A running answer's stream is renewed with every event."""
ROUND_SECONDS = 0.01
"""From one round trip of a worker's events to the next. Readers see no difference."""


def stream_key(answer_id: uuid.UUID | str) -> str:
    return f"answer:{answer_id}:events"


@dataclass(frozen=True)
class StreamEvent:
    """One event as it lies in Redis. data: JSON text."""

    id: str
    name: str
    data: str

    @cached_property
    def sort_key(self) -> tuple[int, int]:
        return id_key(self.id)

    @cached_property
    def wire(self) -> bytes:
        """What goes to a browser; made once, however many watch."""
        return event_bytes(self.name, self.data, self.id)


def id_key(event_id: str) -> tuple[int, int]:
    """Order of stream ids. Raises ValueError for what is none."""
    milliseconds, _, sequence = event_id.partition("-")
    return int(milliseconds), int(sequence or 0)


def parse_entry(entry: tuple[bytes, dict[bytes, bytes]]) -> StreamEvent:
    event_id, fields = entry
    return StreamEvent(event_id.decode(), fields[b"name"].decode(), fields[b"data"].decode())


def event_fields(name: str, data: dict[str, Any]) -> dict[Any, Any]:
    """As Redis takes it. Raises UnicodeEncodeError for half a character."""
    return {"name": name, "data": to_json({"v": EVENT_VERSION, **data}).encode()}


class EventPipe:
    """Carries the events of all answers of a loop to Redis: those of some milliseconds in one round trip.

    Fifty answers would make a thousand round trips a second. An event that finds nobody before it goes at once.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self._pipe = self._new_pipe()
        self._round: asyncio.Task[None] | None = None
        self._next_at = 0.0

    def _new_pipe(self) -> Any:
        return self.client.pipeline(transaction=False)

    async def append(self, key: str, events: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Return once they are written. Raises what the client raises, to everybody who was in the round."""
        # All are made before one joins the round: what cannot be encoded is lost to its own answer only.
        for fields in [event_fields(name, data) for name, data in events]:
            self._pipe.xadd(key, fields)
        self._pipe.expire(key, KEPT_SECONDS)
        if self._round is None:
            self._round = asyncio.create_task(self._go())
        await asyncio.shield(self._round)

    async def _go(self) -> None:
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + ROUND_SECONDS
        # From here on others gather for the next round, which may leave before this one is back.
        pipe, self._pipe, self._round = self._pipe, self._new_pipe(), None
        await pipe.execute()


class EventWriter:
    """Appends events of one answer from the worker's loop, several at once.

    A Redis that does not answer must not end an answer, and a stream with a hole is worse than none: after the
    first batch that could not be written the stream is given up, viewers go on from the row, and only the row
    is written. The client must not retry by itself, or a batch could stand there twice.
    """

    def __init__(self, pipe: EventPipe, answer_id: uuid.UUID | str) -> None:
        self._pipe = pipe
        self._key = stream_key(answer_id)
        self._is_given_up = False
        self._is_deleted = False

    async def write(self, events: Sequence[tuple[str, dict[str, Any]]]) -> None:
        if not events:
            return
        try:
            if self._is_given_up:
                if not self._is_deleted:
                    await self._pipe.client.delete(self._key)
                    self._is_deleted = True
                return
            await self._pipe.append(self._key, events)
        except (redis.exceptions.RedisError, OSError):
            if not self._is_given_up:
                log.warning("events of %s cannot be written; the row goes on", self._key)
            self._is_given_up = True


def append_now(answer_id: uuid.UUID | str, events: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Append from outside the loop (services, reaper); the caller's work stands also without Redis.

    Asked once: a Redis that hangs takes what was sent when it goes on, and a repetition would stand there twice.
    """
    try:
        pipe = look_redis().pipeline(transaction=False)
        for name, data in events:
            pipe.xadd(stream_key(answer_id), event_fields(name, data))
        pipe.expire(stream_key(answer_id), KEPT_SECONDS)
        pipe.execute()
    except (redis.exceptions.RedisError, OSError):
        log.warning("events of %s cannot be written; the row has them", answer_id)


def read_now(answer_id: uuid.UUID) -> list[StreamEvent]:
    """The events so far, from outside the loop; none while Redis is away."""
    try:
        entries: Any = sync_redis().xrange(stream_key(answer_id))
        return up_to_end(map(parse_entry, entries))
    except (redis.exceptions.RedisError, OSError):
        return []


def up_to_end(events: Iterable[StreamEvent]) -> list[StreamEvent]:
    """Events up to `end` and with it: what stands behind was written by a worker that had lost its claim."""
    found: list[StreamEvent] = []
    for event in events:
        found.append(event)
        if event.name == "end":
            break
    return found


def delete_streams(answer_ids: Iterable[uuid.UUID]) -> None:
    keys = [stream_key(answer_id) for answer_id in answer_ids]
    if keys:
        try:
            sync_redis().delete(*keys)
        except (redis.exceptions.RedisError, OSError):
            log.warning("%d streams could not be deleted; they expire by themselves", len(keys))


@dataclass
class Snapshot:
    """What a reader who comes late must see: the fold of all events up to `last_id`."""

    text: str = ""
    blocks: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    status: str = ""
    """The latest `status` event's data as JSON, or empty."""
    last_id: str = "0-0"

    def to_json(self) -> str:
        return to_json(
            {"v": EVENT_VERSION, "text": self.text, "blocks": self.blocks, "evidence": self.evidence}
        )
