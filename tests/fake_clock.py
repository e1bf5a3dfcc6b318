"""An event loop whose clock jumps: when nothing is left to do, it is at once the time of the next timer.

Threads that the loop started are waited for in real time, so nothing runs late; half an hour passes in as long
as its work takes.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import Any


class FakeClockLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now = 1000.0
        self.jobs = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self.now

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        future = super().run_in_executor(executor, func, *args)
        self.jobs += 1
        future.add_done_callback(self._job_done)
        return future

    def _job_done(self, _: object) -> None:
        self.jobs -= 1


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: FakeClockLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        # A job that ends wakes the loop through its socket; the pause only keeps this from spinning.
        events = super().select(0.01 if self._loop.jobs else 0)
        if not events and not self._loop.jobs:
            self._loop.now += timeout
        return events
