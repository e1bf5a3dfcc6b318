"""The inner side of the viewers' benchmark: many connections in a process of its own, on uvloop.

    python -m tests.bench.viewers < settings.json     prints JSON

Settings: url, token, redis_url, answers (ids), viewers, seconds. It says `ready` once all are connected and
waits for a line before it begins to measure; `late` when that took too long to go on.

The id of an event is Redis's clock in milliseconds when it was added, so its age on arrival is the time from
event to client. A direct reader of Redis in this same process tells what of it the web process did not cause.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import sys
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import redis.asyncio
import uvloop

from tests.bench.figures import percentile
from tests.bench.wire import call, open_wire, request_bytes

EVENT_ID = re.compile(rb"^id: ([0-9]+)-[0-9]+$", re.MULTILINE)
CONNECT_AT_ONCE = 40
CONNECT_ALL_SECONDS = 75
PROBE_EVERY_SECONDS = 0.05


class Viewer(asyncio.Protocol):
    """One open stream: notes how old each event is when its bytes arrive."""

    def __init__(self, request: bytes, ages: list[float], opened: asyncio.Future[bool]) -> None:
        self.request = request
        self.ages = ages
        self.opened = opened
        self.is_lost = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        now = time.time()
        if not self.opened.done():
            self.opened.set_result(data.startswith(b"HTTP/1.1 200"))
        elif measuring.is_set():
            self.ages.extend(now - int(found) / 1000 for found in EVENT_ID.findall(data))

    def connection_lost(self, error: Exception | None) -> None:
        self.is_lost = True
        if not self.opened.done():
            self.opened.set_result(False)


measuring = asyncio.Event()


async def main(settings: dict[str, Any]) -> dict[str, Any]:
    ages: list[float] = []
    direct_ages: list[float] = []
    pages: list[float] = []
    started_at = time.monotonic()
    try:
        async with asyncio.timeout(CONNECT_ALL_SECONDS):
            viewers = await connect(settings, ages)
    except TimeoutError:
        print("late", flush=True)
        return {}
    connected_seconds = time.monotonic() - started_at
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    measuring.set()
    helpers = [
        asyncio.create_task(read_directly(settings, direct_ages)),
        asyncio.create_task(probe_page(settings, pages)),
    ]
    await asyncio.sleep(settings["seconds"])
    measuring.clear()
    lost = sum(viewer.is_lost for viewer in viewers)
    for helper in helpers:
        helper.cancel()
    await asyncio.gather(*helpers, return_exceptions=True)
    return {
        "connected_seconds": connected_seconds,
        "lost": lost,
        "events": len(ages),
        **summary("event", ages),
        **summary("direct", direct_ages),
        **summary("page", pages),
    }


def summary(name: str, seconds: list[float]) -> dict[str, float]:
    return {
        f"{name}_p50": percentile(seconds, 0.5),
        f"{name}_p95": percentile(seconds, 0.95),
        f"{name}_longest": max(seconds),
    }


async def connect(settings: dict[str, Any], ages: list[float]) -> list[Viewer]:
    """All viewers, spread over the answers; some at a time, as people come. Raises when one is refused."""
    loop = asyncio.get_running_loop()
    parts = urlsplit(settings["url"])
    answers = settings["answers"]
    viewers: list[Viewer] = []
    while len(viewers) < settings["viewers"]:
        group = []
        for _ in range(min(CONNECT_AT_ONCE, settings["viewers"] - len(viewers))):
            path = f"/api/v1/answers/{answers[len(viewers) % len(answers)]}/events"
            request = request_bytes("GET", settings["url"], path, settings["token"])
            viewer = Viewer(request, ages, loop.create_future())
            await loop.create_connection(lambda viewer=viewer: viewer, parts.hostname, parts.port)
            viewers.append(viewer)
            group.append(viewer.opened)
        if not all(await asyncio.gather(*group)):
            raise ConnectionError("a viewer was refused")
    return viewers


async def read_directly(settings: dict[str, Any], ages: list[float]) -> None:
    client = redis.asyncio.Redis.from_url(settings["redis_url"])
    last = {f"answer:{answer}:events": "$" for answer in settings["answers"]}
    for key in last:
        newest = await client.xrevrange(key, count=1)
        last[key] = newest[0][0].decode()
    while True:
        reply = await client.xread(last, block=1000)
        now = time.time()
        for raw_key, entries in reply.items() if isinstance(reply, dict) else reply:
            entries = entries[0] if isinstance(reply, dict) else entries
            last[raw_key.decode()] = entries[-1][0].decode()
            ages.extend(now - int(entry[0].split(b"-")[0]) / 1000 for entry in entries)


async def probe_page(settings: dict[str, Any], seconds: list[float]) -> None:
    """Another request of the same person, through Django's door and with queries."""
    reader, writer = await open_wire(settings["url"])
    request = request_bytes("GET", settings["url"], "/api/v1/workspaces", settings["token"])
    with suppress(asyncio.CancelledError):
        while True:
            started_at = time.perf_counter()
            status, _ = await call(reader, writer, request)
            assert status == 200, status
            seconds.append(time.perf_counter() - started_at)
            await asyncio.sleep(PROBE_EVERY_SECONDS)


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(json.dumps(uvloop.run(main(json.loads(sys.stdin.readline())))), flush=True)
