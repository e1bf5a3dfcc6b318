"""Archives made by code: honest ones in every format, and traps."""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Files = Mapping[str, bytes]


def make_zip(files: Files, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return made.getvalue()


def make_tar(files: Files, *, form: int = tarfile.PAX_FORMAT) -> bytes:
    return tar_of([(tarfile.TarInfo(path), content) for path, content in files.items()], form=form)


def tar_of(members: Sequence[tuple[tarfile.TarInfo, bytes]], *, form: int = tarfile.PAX_FORMAT) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


def make_tar_gz(files: Files) -> bytes:
    return gzip.compress(make_tar(files), 1, mtime=0)


def make_tar_xz(files: Files) -> bytes:
    return lzma.compress(make_tar(files), preset=0)


def compress_zstd(content: bytes) -> bytes:
    return zstd.compress(content, 1)


def make_tar_zst(files: Files) -> bytes:
    return compress_zstd(make_tar(files))


EVERY_FORMAT = {
    "zip": make_zip, "tar": make_tar, "tar.gz": make_tar_gz, "tar.xz": make_tar_xz, "tar.zst": make_tar_zst,
}  # fmt: skip


# Members that are no plain files -----------------------------------------------------------------


def tar_special(path: str, kind: bytes, target: str = "") -> bytes:
    info = tarfile.TarInfo(path)
    info.type, info.linkname = kind, target
    return tar_of([(info, b""), (tarfile.TarInfo("plain.txt"), b"plain\n")])


def zip_special(path: str, mode: int, content: bytes = b"") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        info = zipfile.ZipInfo(path)
        info.create_system, info.external_attr = 3, (mode | 0o644) << 16
        archive.writestr(info, content)
        archive.writestr("plain.txt", b"plain\n")
    return made.getvalue()


def zip_symlink(path: str, target: str) -> bytes:
    return zip_special(path, stat.S_IFLNK, target.encode())


def tar_sparse() -> bytes:
    """A file of 1 TiB that takes a block, as GNU tar writes it."""
    header = bytearray(tarfile.TarInfo("holes.bin").tobuf(tarfile.GNU_FORMAT))
    header[156:157] = b"S"
    header[124:136] = b"%011o\0" % 512
    header[386:410] = b"%011o\0%011o\0" % (0, 512)
    header[483:495] = b"\x80" + (1 << 40).to_bytes(11, "big")
    return checked(header) + b"x" * 512 + make_tar({"plain.txt": b"plain\n"})


def checked(header: bytearray) -> bytes:
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def tar_header(path: str, *, size: int = 0, kind: bytes = b"0") -> bytes:
    """A header alone, whatever follows; size may be any number."""
    header = bytearray(tarfile.TarInfo(path).tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\x80" + size.to_bytes(11, "big")
    header[156:157] = kind
    return checked(header)


def tar_pax(records: bytes, path: str = "plain.txt") -> bytes:
    """A file behind a pax header with these bytes."""
    padding = bytes(-len(records) % 512)
    return tar_header("pax", size=len(records), kind=b"x") + records + padding + make_tar({path: b"plain\n"})


# Zips by hand ------------------------------------------------------------------------------------

LOCAL, ENTRY = struct.Struct("<4s5H3L2H"), struct.Struct("<4s6H3L5H2L")
END, END_64, LOCATOR = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")


def zip_entry(name: bytes, content: bytes, offset: int, **other: Any) -> tuple[bytes, bytes]:
    """(local header with the deflated content, entry of the directory); other: crc, size, local_name, flags, extra."""
    packed = zlib.compressobj(9, wbits=-15)
    data = packed.compress(content) + packed.flush()
    crc, size = other.get("crc", zlib.crc32(content)), other.get("size", len(content))
    flags, extra = other.get("flags", 0), other.get("extra", b"")
    local_name = other.get("local_name", name)
    local = LOCAL.pack(b"PK\3\4", 20, flags, 8, 0, 33, crc, len(data), size, len(local_name), 0)
    entry = ENTRY.pack(
        b"PK\1\2", 20, 20, flags, 8, 0, 33, crc, len(data), size, len(name), len(extra), 0, 0, 0, 0, offset
    )
    return local + local_name + data, entry + name + extra


def zip_by_hand(entries: Sequence[tuple[bytes, bytes]], *, count: int | None = None, shift: int = 0) -> bytes:
    """Local parts, directory and end; count and shift (of the directory's stated place) may lie."""
    body = b"".join(local for local, _ in entries)
    directory = b"".join(entry for _, entry in entries)
    number = min(len(entries) if count is None else count, 0xFFFF)
    return body + directory + END.pack(b"PK\5\6", 0, 0, number, number, len(directory), len(body) + shift, 0)


def one_file_zip(**other: Any) -> bytes:
    return zip_by_hand([zip_entry(b"a.txt", b"content\n" * 100, 0, **other)])


def overlapping_zip(files: int = 50) -> bytes:
    """Many entries whose bytes are the same ones."""
    local, entry = zip_entry(b"a.txt", b"a" * 1_000_000, 0)
    named = [entry.replace(b"a.txt", b"%05d" % number) for number in range(files)]
    return zip_by_hand([(local, named[0]), *((b"", other) for other in named[1:])])


def quoting_zip(files: int = 20) -> bytes:
    """Each entry's data quote the next one's header as a stored block, and end with the data of all behind it."""
    content, body, entries = b"a" * 1_000_000, b"", []
    packed = zlib.compressobj(9, wbits=-15)
    data = packed.compress(content) + packed.flush()
    for number in range(files):
        name, crc = b"%05d" % number, zlib.crc32(content)
        local = LOCAL.pack(b"PK\3\4", 20, 0, 8, 0, 33, crc, len(data), len(content), len(name), 0) + name
        body = local + data
        entries.append((name, crc, len(data), len(content), len(body)))
        content = local + content
        data = b"\0" + struct.pack("<2H", len(local), 0xFFFF - len(local)) + body
    directory = b"".join(
        ENTRY.pack(
            b"PK\1\2",
            20,
            20,
            0,
            8,
            0,
            33,
            crc,
            packed_size,
            size,
            len(name),
            0,
            0,
            0,
            0,
            0,
            len(body) - behind,
        )
        + name
        for name, crc, packed_size, size, behind in reversed(entries)
    )
    return body + directory + END.pack(b"PK\5\6", 0, 0, files, files, len(directory), len(body), 0)
