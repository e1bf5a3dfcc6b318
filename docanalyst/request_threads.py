"""Threads for Django's requests in the web process, each with a database connection that outlives its request.

Django gives every request a thread of its own and drops both, thread and connection, with it: a quarter of what
a short request costs. Here a request borrows a thread that nobody uses, or gets a new one, as before.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from asgiref.sync import ThreadSensitiveContext
from django.db import connections

MOST_IDLE = 16
"""More than this many threads, with a connection each, are not kept after a rush."""


class RequestThreads:
    """Used in one loop. However many requests there are, none waits for another's thread."""

    def __init__(self) -> None:
        self._idle: list[ThreadPoolExecutor] = []

    @asynccontextmanager
    async def borrowed(self) -> AsyncIterator[None]:
        """All synchronous work of the block runs in one thread, which nobody else has meanwhile."""
        thread = self._idle.pop() if self._idle else ThreadPoolExecutor(1, "request")
        try:
            async with ThreadSensitiveContext(executor=thread):
                yield
        finally:
            # Given back by itself: a view whose reader has left is still at work.
            thread.submit(self._give_back, thread)

    def _give_back(self, thread: ThreadPoolExecutor) -> None:
        if len(self._idle) < MOST_IDLE:
            self._idle.append(thread)
        else:
            connections.close_all()
            thread.shutdown(wait=False)
