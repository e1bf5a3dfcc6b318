"""The worker's side of the stream: the events of many answers in few round trips, each answer's in order."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
import redis.exceptions

from apps.conversations import stream
from apps.conversations.stream import EventPipe, EventWriter, stream_key


class CountingRedis:
    """Keeps the batches that were sent, each a list of (key, data); refuses them while `is_away`."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[str, str]]] = []
        self.is_away = False

    def pipeline(self, **_: Any) -> Batch:
        return Batch(self)


class Batch:
    def __init__(self, server: CountingRedis) -> None:
        self.server = server
        self.entries: list[tuple[str, str]] = []

    def xadd(self, key: str, fields: dict[str, Any]) -> None:
        self.entries.append((key, fields["data"].decode()))

    def expire(self, key: str, seconds: int) -> None: ...

    async def execute(self) -> None:
        await asyncio.sleep(0.001)
        if self.server.is_away:
            raise redis.exceptions.ConnectionError
        self.server.batches.append(self.entries)


def new_writers(count: int) -> tuple[CountingRedis, list[EventWriter], list[str]]:
    server = CountingRedis()
    pipe, ids = EventPipe(server), [uuid.uuid4() for _ in range(count)]
    return server, [EventWriter(pipe, each) for each in ids], [stream_key(each) for each in ids]


async def test_events_of_many_answers_share_round_trips_and_keep_their_order() -> None:
    server, writers, keys = new_writers(50)

    async def write(writer: EventWriter) -> None:
        for number in range(4):
            await writer.write([("delta", {"number": number})])

    await asyncio.gather(*map(write, writers))

    assert len(server.batches) <= 8
    sent = [entry for batch in server.batches for entry in batch]
    for key in keys:
        assert [data for of, data in sent if of == key] == [f'{{"v":1,"number":{n}}}' for n in range(4)]


async def test_a_lone_event_does_not_wait_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "ROUND_SECONDS", 60.0)
    server, [writer], _ = new_writers(1)

    async with asyncio.timeout(10):
        await writer.write([("delta", {})])

    assert len(server.batches) == 1


async def test_what_cannot_be_encoded_ends_nobody_elses_round() -> None:
    server, [good, bad], [key, _] = new_writers(2)

    told = await asyncio.gather(
        good.write([("delta", {"text": "a"})]),
        bad.write([("delta", {"text": "b"}), ("delta", {"text": "\ud800"})]),
        return_exceptions=True,
    )

    assert told[0] is None
    assert isinstance(told[1], UnicodeEncodeError)
    assert server.batches == [[(key, '{"v":1,"text":"a"}')]]


async def test_a_lost_round_is_lost_for_all_in_it_and_for_nobody_after(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, [first, second, later], keys = new_writers(3)
    server.is_away = True
    await asyncio.gather(first.write([("delta", {})]), second.write([("delta", {})]))
    server.is_away = False

    await later.write([("delta", {})])

    assert server.batches == [[(keys[2], '{"v":1}')]]
    assert caplog.text.count("cannot be written") == 2
