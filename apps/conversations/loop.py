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
from functools import cache, cached_property, partial
from typing import Any, ParamSpec, TypeVar

import uvloop
from celery.signals import worker_shutting_down
from django.db import DatabaseError, InterfaceError

from apps.common.database import closing_connections, is_transient
from apps.common.redis import async_redis
from apps.conversations.keeping import Keeper
from apps.conversations.stream import EventPipe
from apps.llm.shared_places import OwnCalls

log = logging.getLogger(__name__)

T = TypeVar("T")
P = ParamSpec("P")

ROW_THREADS = 8
"""Threads in which the loop's coroutines touch the database; each keeps one connection."""
BEGIN_THREADS = 2
"""Threads in which answers are claimed and loaded. All fifty of a rush at once would only take turns at the
interpreter, and those under way would wait for each of them."""
CHECK_THREADS = 4
"""Threads for what may take long: searching all pages for a quote, waiting for a parser child. Apart from the
others, so that claims, Stop and text are never late because somebody's page is slow."""
FINISH_SECONDS = 12.0
"""How long running answers may go on after SIGTERM. What is left of the part's grace (docanalyst/processes.py) is
for writing the ends of those that did not finish."""
DATABASE_PAUSES_SECONDS = (0.5, 1.0) + 28 * (2.0,)
"""Between attempts at a database that is locked, restarting or full: about as long as a claim lasts."""


class AnswerLoop:
    """loop: one with another clock, for tests."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.loop = loop or uvloop.new_event_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.is_closing = False
        self._rows = ThreadPoolExecutor(ROW_THREADS, thread_name_prefix="rows")
        self._begins = ThreadPoolExecutor(BEGIN_THREADS, thread_name_prefix="begins")
        self._checks = ThreadPoolExecutor(CHECK_THREADS, thread_name_prefix="checks")
        self.own_calls = OwnCalls()
        self.keeper = Keeper(self)
        threading.Thread(target=self._run, name="answers-loop", daemon=True).start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    @cached_property
    def redis(self) -> Any:
        """The loop's client; made in the loop at first use."""
        return async_redis(retries=0)

    @cached_property
    def event_pipe(self) -> EventPipe:
        """What carries the events of all its answers."""
        return EventPipe(self.redis)

    @property
    def running(self) -> int:
        """How many answers are being written."""
        return len(self._tasks)

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
        return await self._in_thread(self._rows, partial(function, *args, **kwargs))

    async def in_begin_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Claim and load an answer beside the loop."""
        return await self._in_thread(self._begins, partial(function, *args, **kwargs))

    async def in_checks_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking work that may take seconds beside the loop, without holding up anybody's row."""
        return await self._in_thread(self._checks, partial(function, *args, **kwargs))

    async def _in_thread(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        """While the database refuses, work is repeated: nothing that is paid for ends because of a lock.

        What answers do with rows may be done twice; an evidence row or an entry on the ledger is unique.
        """
        for pause in DATABASE_PAUSES_SECONDS:
            try:
                return await self.loop.run_in_executor(pool, closing_connections, work)
            except (DatabaseError, InterfaceError) as error:
                if not is_transient(error):
                    raise
                log.warning("the database refuses (%s); again in %g s", type(error).__name__, pause)
            await asyncio.sleep(pause)
        return await self.loop.run_in_executor(pool, closing_connections, work)

    def leave(self, finish_seconds: float = FINISH_SECONDS) -> None:
        """Take no more answers, and end what still runs after so long.

        Celery waits for its threads, and these until their answers have written their outcome.
        """
        self.is_closing = True
        self.loop.call_soon_threadsafe(self.loop.call_later, finish_seconds, self._cancel_all)

    def _cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel()


@cache
def answer_loop() -> AnswerLoop:
    """This process's loop, started at first use."""
    return AnswerLoop()


@worker_shutting_down.connect
def _leave(**_: object) -> None:
    # Without this a worker would wait for its longest answer.
    if answer_loop.cache_info().currsize:
        answer_loop().leave()
