"""What a parser child can be asked to do: a name, a function, and what the zygote loads before it forks.

A job takes the input file as read-only memory and its arguments, and yields JSON-able dictionaries. It runs
in a child without files, network or environment (seccomp.py), so everything it imports must be imported by
the module that registers it, never inside the function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITABLE = 5
"""The descriptor that a job may write a file to, where its caller gave one (Sandbox.run's writable_fd)."""

cache_folder: Path | None = None
"""Where the zygote may keep what it computed, for the next one to load; set before the jobs are imported."""

Job = Callable[[memoryview, dict[str, Any]], Iterator[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class RegisteredJob:
    run: Job
    counts_tokens: bool
    """The vocabulary (96 MB, 0.4 s) is then loaded once in the zygote and shared by all its children."""
    rehearse: Callable[[], None] | None = None
    """Run once in the zygote, with the vocabulary: whatever work every child would do anew at its first page."""


JOBS: dict[str, RegisteredJob] = {}


def job(
    name: str, *, counts_tokens: bool = False, rehearse: Callable[[], None] | None = None
) -> Callable[[Job], Job]:
    """Register a function under the name that Sandbox.run takes."""

    def register(function: Job) -> Job:
        JOBS[name] = RegisteredJob(function, counts_tokens, rehearse)
        return function

    return register
