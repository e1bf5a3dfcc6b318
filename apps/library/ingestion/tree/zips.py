"""Members of a zip by its central directory, and their bytes. Runs inside a parser child only.

The standard library reads members; what it does not look at is checked before: how many entries the directory
has, and that no two of them share bytes.
Source: PKWARE APPNOTE 6.3.10; Fifield, A better zip bomb, 2019.
"""

from __future__ import annotations

import codecs
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator

from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.mapped import Mapped
from apps.library.ingestion.tree.members import (
    DEVICE,
    ENCRYPTED,
    FILE,
    FOLDER,
    LINK,
    OTHER_COMPRESSION,
    PIPE,
    SOCKET,
    Damaged,
    Member,
    TreeLimits,
)

_END, _END_64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q")
_LOCATOR_BYTES = 20
_ENTRY_BYTES, _LOCAL_BYTES = 46, 30
_LENGTHS = struct.Struct("<3H")  # of name, extra field and comment of an entry, 28 bytes into it
_LONGEST_COMMENT = 65_535
_COMPRESSIONS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_IS_ENCRYPTED, _IS_UTF8 = 0x1, 0x800
_WINDOWS = frozenset({0, 10, 11})  # systems whose names cannot hold a backslash
_NATURES = {
    stat.S_IFLNK: LINK, stat.S_IFCHR: DEVICE, stat.S_IFBLK: DEVICE, stat.S_IFIFO: PIPE, stat.S_IFSOCK: SOCKET,
}  # fmt: skip
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    struct.error,
    ValueError,
    OverflowError,
    RuntimeError,
)

# A child can load no further codec.
codecs.lookup("cp437")


class ZipArchive:
    """An open zip. Raises Damaged and IngestionError (too_many_entries, archive_overlap)."""

    def __init__(self, data: memoryview, limits: TreeLimits) -> None:
        _count_entries(data, limits)
        try:
            self._zip = zipfile.ZipFile(Mapped(data))
        except _UNREADABLE as error:
            raise Damaged from error
        self._entries = self._zip.infolist()
        self._refuse_overlaps()

    def _refuse_overlaps(self) -> None:
        end = 0
        for entry in sorted(self._entries, key=lambda entry: entry.header_offset):
            if entry.header_offset < 0:
                raise Damaged
            if entry.header_offset < end:
                raise IngestionError("archive_overlap")
            end = entry.header_offset + _LOCAL_BYTES + len(entry.orig_filename) + entry.compress_size

    def members(self) -> Iterator[Member]:
        for number, entry in enumerate(self._entries):
            path = _path(entry)
            yield Member(path, _nature(entry, path), number, entry.file_size)

    def content(self, member: Member) -> bytes:
        """All bytes, with the right sum; never more than the member states. Raises Damaged."""
        try:
            return self._zip.read(self._entries[member.offset])
        except _UNREADABLE as error:
            raise Damaged from error


def _count_entries(data: memoryview, limits: TreeLimits) -> None:
    """Walk the directory without building anything; its stated number of entries may be a lie."""
    tail = bytes(data[-(_END.size + _LONGEST_COMMENT) :])
    found = tail.rfind(b"PK\5\6")
    if found < 0 or found + _END.size > len(tail):
        raise Damaged
    end = len(data) - len(tail) + found
    size = _END.unpack_from(data, end)[5]
    end_64 = end - _LOCATOR_BYTES - _END_64.size
    if end_64 >= 0 and bytes(data[end_64 : end_64 + 4]) == b"PK\6\6":
        end, size = end_64, _END_64.unpack_from(data, end_64)[8]
    at, entries = end - size, 0
    if at < 0:
        raise Damaged
    while at + _ENTRY_BYTES <= end and bytes(data[at : at + 4]) == b"PK\1\2":
        at += _ENTRY_BYTES + sum(_LENGTHS.unpack_from(data, at + 28))
        entries += 1
        if entries > limits.entries:
            raise IngestionError("too_many_entries", limit=f"{limits.entries:,}")


def _path(entry: zipfile.ZipInfo) -> str:
    # Up to a NUL only in `filename`.
    path = entry.orig_filename
    if not entry.flag_bits & _IS_UTF8:
        # Many writers use UTF-8 without saying so; hardly any text in the old code page looks like it.
        try:
            path = path.encode("cp437").decode()
        except UnicodeError:
            path = entry.orig_filename
    return path.replace("\\", "/") if entry.create_system in _WINDOWS else path


def _nature(entry: zipfile.ZipInfo, path: str) -> str:
    special = _NATURES.get(stat.S_IFMT(entry.external_attr >> 16))
    if special:
        return special
    if path.endswith("/"):
        return FOLDER
    if entry.flag_bits & _IS_ENCRYPTED:
        return ENCRYPTED
    return FILE if entry.compress_type in _COMPRESSIONS else OTHER_COMPRESSION
