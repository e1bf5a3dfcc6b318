"""Whether the process behind a claim still lives: a locked file that the system lets go of when it dies.

A claim on a row ends with its time. Waiting for that is slow, and a process id may be somebody else's by now;
a lock goes at the very moment of `kill -9`. Who does not share the data folder (another machine), or whose file
system has no locks, is judged by the claim's time alone.
"""

from __future__ import annotations

import fcntl
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings


def _folder() -> Path:
    folder: Path = settings.DATA_DIR / "run" / "claims"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def held(claim: uuid.UUID) -> Iterator[None]:
    """Hold a file for a claim as long as the block runs and the process lives."""
    path = _folder() / str(claim)
    # Locked before it has its name: whoever finds it unlocked may take its holder for dead.
    unnamed = path.with_name(f".{claim}")
    with unnamed.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            unnamed.unlink()
        else:
            unnamed.rename(path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def dead_claims() -> list[uuid.UUID]:
    """Claims that were held on this machine by processes that are gone. No query."""
    return [claim for path in _folder().iterdir() if (claim := _claim_of(path)) and _is_let_go(path)]


def forget(claims: Iterable[uuid.UUID]) -> None:
    """Remove what dead processes left."""
    for claim in claims:
        (_folder() / str(claim)).unlink(missing_ok=True)


def _claim_of(path: Path) -> uuid.UUID | None:
    try:
        return uuid.UUID(path.name)
    except ValueError:
        return None


def _is_let_go(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            # Shared: two who look at the same time must not take each other for the holder.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        # Locked by one who lives, or gone since it was listed.
        return False
    return True
