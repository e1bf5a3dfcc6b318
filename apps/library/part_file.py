"""The bytes of one upload while they arrive: a file that one writer at a time appends to.

How much of an upload is here is the length of this file and nothing else, so a killed process loses at most what
it had not yet written. Knows no rows.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import threading
import time
import uuid
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from django.conf import settings

if TYPE_CHECKING:
    from hashlib import _Hash

KEEP_FREE_BYTES = 32 * 1024**2
"""Uploads stop this far before the volume is full, because the database may lie on it too."""
HEAD_BYTES = 2048
READ_BYTES = 1024**2
HASHES_KEPT = 256

# Of unfinished uploads this process received: how many bytes have been hashed, and the hash of them. A process that
# knows nothing of an upload reads the file once more at its end.
_hashes: OrderedDict[Path, tuple[int, _Hash]] = OrderedDict()
_hashes_lock = threading.Lock()


class PartBusy(Exception):
    """Another request writes to this upload at the moment."""


def part_path(upload_id: uuid.UUID) -> Path:
    folder: Path = settings.FILE_UPLOAD_TEMP_DIR
    return folder / f"{upload_id}.part"


def part_size(upload_id: uuid.UUID) -> int:
    """Bytes of an upload that are here; 0 when there is no file."""
    try:
        return part_path(upload_id).stat().st_size
    except FileNotFoundError:
        return 0


def remove_part(upload_id: uuid.UUID) -> None:
    """Delete the bytes of an upload. Idempotent; somebody who still writes writes into nothing."""
    path = part_path(upload_id)
    with _hashes_lock:
        _hashes.pop(path, None)
    path.unlink(missing_ok=True)


class PartFile:
    """Held by one writer, also across processes; made when it is missing.

    Raises PartBusy when another one holds it for longer than wait_seconds. Calls may come from several threads.
    """

    def __init__(self, upload_id: uuid.UUID, *, wait_seconds: float = 0) -> None:
        self.path = part_path(upload_id)
        self._lock = threading.Lock()
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            self._hold(wait_seconds)
            self.offset = os.fstat(self._fd).st_size
        except BaseException:
            os.close(self._fd)
            raise
        with _hashes_lock:
            hashed, digest = _hashes.pop(self.path, (0, hashlib.sha256()))
        self._hash: _Hash | None = digest if hashed == self.offset else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, data: bytes | bytearray) -> None:
        """Write at the end. Raises OSError (ENOSPC) when the volume has no room to spare."""
        with self._lock:
            volume = os.fstatvfs(self._fd)
            if volume.f_bavail * volume.f_frsize < KEEP_FREE_BYTES + len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            view = memoryview(data)
            while view:
                written = os.pwrite(self._fd, view, self.offset)
                if self._hash is not None:
                    self._hash.update(view[:written])
                self.offset += written
                view = view[written:]

    def cut(self, size_bytes: int) -> None:
        """Forget everything behind size_bytes."""
        with self._lock:
            if size_bytes < self.offset:
                os.ftruncate(self._fd, size_bytes)
                self.offset = size_bytes
                self._hash = hashlib.sha256() if size_bytes == 0 else None

    def head(self) -> bytes:
        """The first HEAD_BYTES, or fewer when fewer are here."""
        return os.pread(self._fd, HEAD_BYTES, 0)

    def sha256(self) -> str:
        """Of everything here, hexadecimal; taken while the bytes arrived where this process saw them all."""
        with self._lock:
            if self._hash is None:
                self._hash = hashlib.sha256()
                position = 0
                while piece := os.pread(self._fd, READ_BYTES, position):
                    self._hash.update(piece)
                    position += len(piece)
            return self._hash.hexdigest()

    def is_here(self) -> bool:
        """Whether the file still lies under its name: not moved away, not deleted."""
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(self._fd), self.path.stat())
        return False

    def close(self) -> None:
        """Let go; the hash so far is kept for whoever goes on. Idempotent."""
        with self._lock:
            if self._fd < 0:
                return
            if self._hash is not None and self.offset and self.is_here():
                with _hashes_lock:
                    _hashes[self.path] = (self.offset, self._hash)
                    while len(_hashes) > HASHES_KEPT:
                        _hashes.popitem(last=False)
            os.close(self._fd)
            self._fd = -1

    def _hold(self, wait_seconds: float) -> None:
        ends = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= ends:
                    raise PartBusy from None
                time.sleep(0.05)
            else:
                return
