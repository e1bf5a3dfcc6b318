"""Whether this worker was asked to leave, heard by the processes of its pool too.

A pool's process is forked from the worker's main one and told nothing of SIGTERM; it inherits a pipe, which
becomes readable when the main process begins to shut down and stays so for all of them.
"""

from __future__ import annotations

import os
import select

from celery.signals import worker_init, worker_shutting_down

_pipe: tuple[int, int] | None = None


@worker_init.connect
def prepare(**_: object) -> None:
    """Make the pipe, before the pool is forked."""
    global _pipe
    _pipe = os.pipe()


@worker_shutting_down.connect
def tell(**_: object) -> None:
    """Called in a signal handler of the main process: one write, nothing that could wait."""
    if _pipe is not None:
        os.write(_pipe[1], b"\0")


def is_leaving() -> bool:
    """False outside a worker, and where pools are not forked (macOS): there a document is taken up after its worker died."""
    return _pipe is not None and bool(select.select([_pipe[0]], [], [], 0)[0])
