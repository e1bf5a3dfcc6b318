"""Uploads are measured while they arrive: bytes counted, hashed, and cut off at the limit."""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler

LONGEST_NAME_BYTES = 255


class MeasuredUploadHandler(TemporaryFileUploadHandler):
    """Streams to a file on the storage's volume; past the limit bytes are counted and dropped.

    The file gets `sha256` (hex) and `received_bytes`; `is_too_large` when the limit was passed. Nothing is
    raised here: an exception in a handler would leave before the view can say what happened.
    """

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.hash = hashlib.sha256()
        self.received_bytes = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.received_bytes += len(raw_data)
        if self.received_bytes <= settings.MAX_UPLOAD_BYTES:
            self.hash.update(raw_data)
            super().receive_data_chunk(raw_data, start)

    def file_complete(self, file_size: int) -> Any:
        file: Any = super().file_complete(file_size)
        file.sha256 = self.hash.hexdigest()
        file.received_bytes = self.received_bytes
        file.is_too_large = self.received_bytes > settings.MAX_UPLOAD_BYTES
        return file


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
