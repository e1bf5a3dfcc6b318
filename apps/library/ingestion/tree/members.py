"""What an archive holds, whatever its format: members with a path as written, a nature and a place of their bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FILE: Final = ""
FOLDER: Final = "folder"
LINK, HARD_LINK, DEVICE, PIPE, SOCKET = "symbolic link", "hard link", "device", "named pipe", "socket"
SPARSE: Final = "sparse file"
ENCRYPTED: Final = "encrypted"
OTHER_COMPRESSION: Final = "packed in a way that is not read"


@dataclass(frozen=True, slots=True)
class Member:
    """One entry, in the order of the archive.

    path: as the archive writes it, decoded, not checked. nature: FILE, FOLDER, or why nothing of it is read.
    offset: where the bytes stand: in an unpacked tar those themselves, in a zip the entry's number.
    size: bytes as unpacked, as the archive states them.
    """

    path: str
    nature: str
    offset: int
    size: int


class Damaged(Exception):
    """The archive contradicts itself or ends too early."""


@dataclass(frozen=True, slots=True)
class TreeLimits:
    """What one archive may cost. Ratio: of what it unpacks to, beyond the first floor_bytes, to its own size."""

    entries: int = 200_000
    total_bytes: int = 4 * 1024**3
    file_bytes: int = 20 * 1024**2
    ratio: int = 200
    floor_bytes: int = 64 * 1024**2
    memory_bytes: int = 128 * 1024**2
    """Of a decoder: xz -9 and zstd --ultra -22 need less."""
    header_bytes: int = 64 * 1024**2
    """All descriptions of files together; a single one may take a sixty-fourth of it."""
