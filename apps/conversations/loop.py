"""The event loop of an `answers` worker: one per process, in a thread of its own.

Tasks run in Celery's threads and wait here; all talking to models and Redis happens in this one loop, so fifty
answers cost fifty coroutines (a loop per task took six times as long to the first word). The threads
pool knows no time limits and no termination, so deadlines and shutdown are ours.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, ParamSpec, TypeVar

from celery.signals import worker_shutting_down

from apps.common.database import closing_connections
from apps.common.redis import async_redis
from apps.llm.shared_places import OwnCalls

log = logging.getLogger(__name__)

T = TypeVar("T")
P = ParamSpec("P")

ROW_THREADS = 8
"""Threads in which the loop's coroutines touch the database; each keeps one connection."""
CHECK_THREADS = 4
"""Threads for what may take long: searching all pages for a quote, waiting for a parser child. Apart from the
others, so that claims, Stop and text are never late because somebody's page is slow."""


class AnswerLoop:
    """loop: one with another clock, for tests."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.loop = loop or asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.is_closing = False
        self._rows = ThreadPoolExecutor(ROW_THREADS, thread_name_prefix="rows")
        self._checks = ThreadPoolExecutor(CHECK_THREADS, thread_name_prefix="checks")
        self._redis: Any = None
        self.own_calls = OwnCalls()
        threading.Thread(target=self._run, name="answers-loop", daemon=True).start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    @property
    def redis(self) -> Any:
        """The loop's client; made in the loop at first use."""
        if self._redis is None:
            self._redis = async_redis(retries=0)
        return self._redis

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run in the loop and wait. Called from a task's thread; raises what the coroutine raises."""
        return asyncio.run_coroutine_threadsafe(self._registered(coroutine), self.loop).result()

    async def _registered(self, coroutine: Coroutine[Any, Any, T]) -> T:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            return await coroutine
        finally:
            self._tasks.discard(task)

    async def in_rows_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking work, such as queries, beside the loop."""
        return await self.loop.run_in_executor(
            self._rows, partial(closing_connections, function, *args, **kwargs)
        )

    async def in_checks_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking work that may take seconds beside the loop, without holding up anybody's row."""
        return await self.loop.run_in_executor(
            self._checks, partial(closing_connections, function, *args, **kwargs)
        )

    def cancel_all(self) -> None:
        """End every answer now. Tasks go on waiting until their answers have written their outcome."""
        self.is_closing = True
        self.loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._tasks])


@cache
def answer_loop() -> AnswerLoop:
    """This process's loop, started at first use."""
    return AnswerLoop()


@worker_shutting_down.connect
def _cancel_answers(**_: object) -> None:
    # Without this a worker would wait for its longest answer before it leaves.
    if answer_loop.cache_info().currsize:
        answer_loop().cancel_all()
