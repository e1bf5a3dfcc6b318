"""Uploads are measured while they arrive: bytes counted, hashed, and cut off at the limit."""

from __future__ import annotations

import hashlib
import logging
import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler

from apps.common.errnos import FULL_DISK
from apps.common.http import Refused

log = logging.getLogger(__name__)

LONGEST_NAME_BYTES = 255


class MeasuredUploadHandler(TemporaryFileUploadHandler):
    """Streams to a file on the storage's volume; past the limit bytes are counted and dropped.

    The file gets `sha256` (hex) and `received_bytes`; `is_too_large` when the limit was passed, `is_disk_full` when
    the volume was. Nothing is raised here: an exception in a handler would leave before the view can say what
    happened.
    """

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.hash = hashlib.sha256()
        self.received_bytes = 0
        self.is_disk_full = False

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.received_bytes += len(raw_data)
        if self.received_bytes > settings.MAX_UPLOAD_BYTES or self.is_disk_full:
            return
        self.hash.update(raw_data)
        try:
            super().receive_data_chunk(raw_data, start)
        except OSError as error:
            if error.errno not in FULL_DISK:
                raise
            self._give_up_for_want_of_room()

    def file_complete(self, file_size: int) -> Any:
        try:
            file: Any = super().file_complete(file_size)
        except OSError as error:
            # The last bytes leave Python's buffer only now.
            if error.errno not in FULL_DISK:
                raise
            self._give_up_for_want_of_room()
            file = self.file
            file.size = file_size
        file.sha256 = self.hash.hexdigest()
        file.received_bytes = self.received_bytes
        file.is_too_large = self.received_bytes > settings.MAX_UPLOAD_BYTES
        file.is_disk_full = self.is_disk_full
        return file

    def _give_up_for_want_of_room(self) -> None:
        self.is_disk_full = True
        # Below Python's buffer, whose bytes have nowhere to go until the others are gone.
        os.ftruncate(self.file.fileno(), 0)


def disk_full() -> Refused:
    log.error("an upload was refused: the volume of %s is full", settings.FILE_UPLOAD_TEMP_DIR)
    return Refused(
        "disk_full",
        "This installation has no room left on its disk, and nothing of the file was kept. "
        "Tell the operator, then bring the file again.",
        status=507,
    )


@contextmanager
def refusing_full_disk() -> Iterator[None]:
    """Turn the system's word for a full disk into a refusal. Raises Refused (disk_full)."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        raise disk_full() from error


def sha256_of(file: UploadedFile[Any]) -> str:
    """The digest taken while the file arrived, or taken now for a file that came another way."""
    known = getattr(file, "sha256", None)
    if isinstance(known, str):
        return known
    digest = hashlib.sha256()
    file.seek(0)
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def display_name(given: str) -> str:
    """A name fit to be shown: last part of a path, NFC, no control or bidi characters, at most 255 bytes.

    It is never used as a path. An empty one becomes “Untitled”.
    """
    name = PureWindowsPath(PurePosixPath(given).name).name
    name = unicodedata.normalize("NFC", name)
    name = "".join(sign for sign in name if unicodedata.category(sign) not in {"Cc", "Cf", "Cs", "Co", "Cn"})
    name = " ".join(name.split())
    encoded = name.encode()
    if len(encoded) > LONGEST_NAME_BYTES:
        stem, dot, extension = name.rpartition(".")
        tail = (dot + extension).encode() if dot and len(extension) <= 10 else b""
        head = (stem if tail else name).encode()[: LONGEST_NAME_BYTES - len(tail) - 3]
        name = head.decode(errors="ignore") + "…" + tail.decode()
    return name or "Untitled"
