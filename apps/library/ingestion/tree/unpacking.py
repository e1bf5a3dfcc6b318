"""The caller's side of an archive: which files it holds, where their bytes stand in a spool, what was left out."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from apps.library.ingestion.idle_box import IdleBox
from apps.library.ingestion.limits import Limits
from apps.library.ingestion.sandbox import Sandbox
from apps.library.ingestion.tree.members import TreeLimits

_MOST_OUTPUT = 512 * 1024**2
"""Of the longest list of files: 200,000 with paths of a thousand bytes."""
_WORKING_MEMORY = 3 * 512 * 1024**2

_box = IdleBox(
    "apps.library.ingestion.tree.unpack_jobs",
    "apps.library.ingestion.source.read_jobs",
    "apps.library.ingestion.path_jobs",
)


@dataclass(frozen=True, slots=True)
class TreeOptions:
    """is_clone: tracked files of a commit; no .gitignore applies and no common top folder is dropped.

    include, exclude: globs. restored: paths that are read although they are left out by default.
    """

    is_clone: bool = False
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    restored: Sequence[str] = ()
    limits: TreeLimits = field(default_factory=TreeLimits)


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A file to be read. offset, size: of its bytes in the spool. blob: their SHA-256."""

    path: str
    offset: int
    size: int
    blob: str


@dataclass(frozen=True, slots=True)
class TreeSkip:
    """A file that is left out, or a folder (with a slash) with the number of files that it holds."""

    path: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class TreeProgress:
    """Bytes of the archive."""

    done: int
    total: int


TreeValue: TypeAlias = TreeFile | TreeSkip | TreeProgress


def tree_sandbox() -> AbstractContextManager[Sandbox]:
    """The sandbox that unpacks archives and reads their files; its zygote ends a minute after the last use."""
    return _box.in_use()


def unpack(
    box: Sandbox,
    *,
    fd: int,
    spool_fd: int,
    options: TreeOptions,
    cancelled: threading.Event | None = None,
) -> Generator[TreeValue, None, None]:
    """The files of an archive in its order, their bytes in the spool; gaps between them are allowed.

    fd: of the archive, zip or tar, as its content tells. spool_fd: of an empty file open for reading and writing.
    Raises IngestionError for the archive as a whole, ChildDied, Cancelled; what came before is then worth nothing.
    """
    limits = Limits(
        wall_seconds=1800,
        idle_seconds=60,
        cpu_seconds=600,
        # The archive is mapped, which takes address space and no memory.
        memory_bytes=os.fstat(fd).st_size + _WORKING_MEMORY,
        disk_bytes=options.limits.total_bytes + 1,
        output_bytes=_MOST_OUTPUT,
    )
    args = asdict(options)
    for value in box.run(
        "tree.unpack", fd=fd, args=args, limits=limits, cancelled=cancelled, writable_fd=spool_fd
    ):
        yield _from_json(value)


def _from_json(value: dict[str, Any]) -> TreeValue:
    if "blob" in value:
        return TreeFile(**value)
    return TreeSkip(**value) if "reason" in value else TreeProgress(**value)
