"""The event loop of an `answers` worker: one per process, in a thread of its own.

Tasks run in Celery's threads and wait here; all talking to models and Redis happens in this one loop, so fifty
answers cost fifty coroutines (SPIKES: a loop per task costs six times the time to the first word). The threads
pool knows no time limits and no termination, so deadlines and shutdown are ours.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, ParamSpec, TypeVar

from celery.signals import worker_shutting_down
from django.db import close_old_connections

from apps.common.redis import async_redis

log = logging.getLogger(__name__)

T = TypeVar("T")
P = ParamSpec("P")

ROW_THREADS = 8
"""Threads in which the loop's coroutines touch the database; each keeps one connection."""


class AnswerLoop:
    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.running: set[concurrent.futures.Future[Any]] = set()
        self.is_closing = False
        self._rows = ThreadPoolExecutor(ROW_THREADS, thread_name_prefix="rows")
        self._redis: Any = None
        threading.Thread(target=self._run, name="answers-loop", daemon=True).start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    @property
    def redis(self) -> Any:
        """The loop's client; made in the loop at first use."""
        if self._redis is None:
            self._redis = async_redis()
        return self._redis

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run in the loop and wait. Called from a task's thread; raises what the coroutine raises."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        self.running.add(future)
        try:
            return future.result()
        finally:
            self.running.discard(future)

    async def in_rows_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking work, such as queries, beside the loop."""
        return await self.loop.run_in_executor(self._rows, _closing, partial(function, *args, **kwargs))

    def cancel_all(self) -> None:
        """End every answer now; each writes its own outcome while it is cancelled."""
        self.is_closing = True
        for future in list(self.running):
            future.cancel()


def _closing(function: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return function()
    finally:
        close_old_connections()


@cache
def answer_loop() -> AnswerLoop:
    """This process's loop, started at first use."""
    return AnswerLoop()


@worker_shutting_down.connect
def _cancel_answers(**_: object) -> None:
    # Without this a worker would wait for its longest answer before it leaves.
    if answer_loop.cache_info().currsize:
        answer_loop().cancel_all()
