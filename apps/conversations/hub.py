"""One Redis reader per web process, fanning events out to the viewers of that process.

A single blocking XREAD follows all watched streams. A small stream of the process's own is among them: writing
to it wakes the reader when the set of streams changes. Each viewer has a bounded mailbox; one who reads too
slowly is cut and comes back with its last id.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import dataclass, field
from typing import Any

import redis.exceptions

from apps.common.redis import cancel_until_done
from apps.conversations.stream import StreamEvent, parse_entry, stream_key, up_to_end

log = logging.getLogger(__name__)

MAILBOX_EVENTS = 1_000
BLOCK_MILLISECONDS = 2_000
READ_COUNT = 200
RECONNECT_SECONDS = 0.5
PATIENCE_SECONDS = BLOCK_MILLISECONDS / 1000 + 1
"""With a Redis that hangs; then viewers go on from the row."""


class Lagging(Exception):
    """The viewer's mailbox is full, or Redis went away: close, the browser resumes by its last id."""


class Mailbox:
    """The events of one answer for one viewer, from its subscription on, each once and in order.

    A list and a signal instead of a queue: there may be a thousand of these, each woken several times a second.
    """

    __slots__ = ("_events", "_news", "is_cut")

    def __init__(self) -> None:
        self._events: list[StreamEvent] = []
        self._news = asyncio.Event()
        self.is_cut = False

    def put(self, event: StreamEvent) -> None:
        if len(self._events) >= MAILBOX_EVENTS:
            self.cut()
        elif not self.is_cut:
            self._events.append(event)
            self._news.set()

    def cut(self) -> None:
        self.is_cut = True
        self._events.clear()
        self._news.set()

    async def get(self, timeout_seconds: float) -> list[StreamEvent]:
        """Everything that waits, or nothing when nothing came in time. Raises Lagging once the mailbox was cut."""
        if not self._events and not self.is_cut:
            self._news.clear()
            try:
                async with asyncio.timeout(timeout_seconds):
                    await self._news.wait()
            except TimeoutError:
                return []
        if self.is_cut:
            raise Lagging
        events, self._events = self._events, []
        return events


@dataclass(eq=False)
class _Watch:
    last_id: str
    mailboxes: set[Mailbox] = field(default_factory=set)


class Hub:
    """Create and use inside one running loop."""

    def __init__(self, client: Any) -> None:
        self.redis = client
        self._watches: dict[str, _Watch] = {}
        self._wake_key = f"events:wake:{uuid.uuid4()}"
        self._is_waking = False
        self._task: asyncio.Task[None] | None = None

    @property
    def viewers(self) -> int:
        return sum(len(watch.mailboxes) for watch in self._watches.values())

    async def subscribe(self, answer_id: uuid.UUID) -> Mailbox:
        """Collect from now on; what was before is read by XRANGE. Call unsubscribe in the end."""
        key = stream_key(answer_id)
        mailbox = Mailbox()
        watch = self._watches.get(key)
        if watch is None:
            newest = await self.redis.xrevrange(key, count=1)
            watch = self._watches.setdefault(key, _Watch(newest[0][0].decode() if newest else "0-0"))
        watch.mailboxes.add(mailbox)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow(), name="events-hub")
        try:
            await self._wake()
        except BaseException:
            # The caller has nothing yet to unsubscribe with.
            self.unsubscribe(answer_id, mailbox)
            raise
        return mailbox

    def unsubscribe(self, answer_id: uuid.UUID, mailbox: Mailbox) -> None:
        watch = self._watches.get(stream_key(answer_id))
        if watch:
            watch.mailboxes.discard(mailbox)
            if not watch.mailboxes:
                del self._watches[stream_key(answer_id)]

    async def backlog(self, answer_id: uuid.UUID, after_id: str) -> list[StreamEvent]:
        entries = await self.redis.xrange(stream_key(answer_id), min=f"({after_id}")
        return up_to_end(map(parse_entry, entries))

    async def has_stream(self, answer_id: uuid.UUID) -> bool:
        return bool(await self.redis.exists(stream_key(answer_id)))

    async def close(self) -> None:
        if self._task:
            await cancel_until_done(self._task)
        await self.redis.aclose()

    async def _wake(self) -> None:
        """Have the reader look at its streams anew. One who comes while it is being woken is seen by it too."""
        if self._is_waking:
            return
        self._is_waking = True
        pipe = self.redis.pipeline(transaction=False)
        pipe.xadd(self._wake_key, {"wake": 1}, maxlen=1)
        pipe.expire(self._wake_key, 3600)
        try:
            await pipe.execute()
        except BaseException:
            self._is_waking = False
            raise

    async def _follow(self) -> None:
        woken_id = "0-0"
        while self._watches:
            self._is_waking = False
            keys = {key: watch.last_id for key, watch in self._watches.items()}
            keys[self._wake_key] = woken_id
            try:
                reply = await self.redis.xread(keys, count=READ_COUNT, block=BLOCK_MILLISECONDS)
            except (redis.exceptions.RedisError, OSError) as error:
                log.warning("reading events failed: %s", type(error).__name__)
                self._cut_all()
                await asyncio.sleep(RECONNECT_SECONDS)
                continue
            for raw_key, entries in _pairs(reply):
                key = raw_key.decode()
                if key == self._wake_key:
                    woken_id = entries[-1][0].decode()
                    continue
                watch = self._watches.get(key)
                if watch is None:
                    continue
                for entry in entries:
                    event = parse_entry(entry)
                    watch.last_id = event.id
                    for mailbox in watch.mailboxes:
                        mailbox.put(event)

    def _cut_all(self) -> None:
        # Ids may restart after a lost Redis; viewers come back and begin anew.
        for watch in self._watches.values():
            for mailbox in watch.mailboxes:
                mailbox.cut()
        self._watches.clear()


def _pairs(reply: Any) -> list[tuple[bytes, list[Any]]]:
    """RESP2 gives a list of [key, entries], RESP3 a map of key to [entries]."""
    if not reply:
        return []
    if isinstance(reply, dict):
        return [
            (key, entries[0] if len(entries) == 1 and isinstance(entries[0], list) else entries)
            for key, entries in reply.items()
        ]
    return [(key, entries) for key, entries in reply]
