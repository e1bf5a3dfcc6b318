"""Connections to Redis, with limits on waiting: redis-py's own defaults wait and retry for too long."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

CONNECT_SECONDS = 2
ANSWER_SECONDS = 5
LOOK_SECONDS = 2


@cache
def sync_redis(*, answer_seconds: float = ANSWER_SECONDS, retries: int = 1) -> redis.Redis:
    """The process's client for short commands; fails within seconds while the server is down.

    One for each pair of limits, kept.
    """
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=answer_seconds,
        retry=Retry(NoBackoff(), retries),
    )


def look_redis() -> redis.Redis:
    """The client of those who only look whether the server is there: they wait less, and ask once."""
    return sync_redis(answer_seconds=LOOK_SECONDS, retries=0)


def async_redis(
    max_connections: int = 8, *, answer_seconds: float = ANSWER_SECONDS, retries: int = 1
) -> redis.asyncio.Redis:
    """A client for the running loop; beyond its connections commands wait their turn instead of failing.

    retries: 0 where a command must not be sent twice, or where somebody waits who can do without.
    """
    pool: Any = redis.asyncio.BlockingConnectionPool.from_url(
        settings.REDIS_URL,
        max_connections=max_connections,
        timeout=10,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=answer_seconds,
        retry=AsyncRetry(NoBackoff(), retries),
    )
    return redis.asyncio.Redis(connection_pool=pool)


async def cancel_until_done(*tasks: asyncio.Task[Any]) -> None:
    """End tasks that talk to Redis, and wait for them.

    redis-py 8.1 loses a cancellation that meets it between two of its steps (about one in twelve in a loop of
    400), and the task would go on; so it is repeated until it took.
    """
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=0.2)
