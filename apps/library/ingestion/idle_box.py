"""A sandbox whose zygote holds much, started at first use and ended when nobody needed it for a minute."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from apps.library.ingestion.sandbox import Sandbox

IDLE_SECONDS = 60.0


class IdleBox:
    """job_modules: what its zygote imports."""

    def __init__(self, *job_modules: str) -> None:
        self.sandbox = Sandbox(job_modules=job_modules)
        self._lock = threading.Lock()
        self._users = 0
        self._timer: threading.Timer | None = None
        atexit.register(self.sandbox.close)

    @contextmanager
    def in_use(self) -> Iterator[Sandbox]:
        with self._lock:
            self._users += 1
            if self._timer is not None:
                self._timer.cancel()
        try:
            yield self.sandbox
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._timer = threading.Timer(IDLE_SECONDS, self._close_when_idle)
                    self._timer.daemon = True
                    self._timer.start()

    def _close_when_idle(self) -> None:
        with self._lock:
            if self._users == 0:
                self.sandbox.close()
