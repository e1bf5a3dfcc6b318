"""Members of a tar, read header by header: ustar, pax and GNU. Runs inside a parser child only.

Not the standard library's reader: in the Python versions that we support it takes headers of any size into memory
and goes over them with patterns of quadratic time, and it takes four times as long for each member.
Source: POSIX.1-2017, pax; GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Mapping

from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.tree.members import (
    DEVICE,
    FILE,
    FOLDER,
    HARD_LINK,
    LINK,
    PIPE,
    SPARSE,
    Damaged,
    Member,
    TreeLimits,
)

BLOCK = 512
_EMPTY = bytes(BLOCK)
_NATURES = {
    b"1": HARD_LINK, b"2": LINK, b"3": DEVICE, b"4": DEVICE, b"5": FOLDER, b"6": PIPE, b"S": SPARSE,
    b"D": FOLDER,  # of GNU's incremental archives; its content lists names
}  # fmt: skip
_WITHOUT_CONTENT = frozenset({HARD_LINK, LINK, DEVICE, PIPE})
_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK, _VOLUME, _CONTINUED = b"x", b"g", b"L", b"K", b"V", b"M"
_LONGEST_SHARE = 64
_OLD_ENCODING = "cp1252"
# A child can load no further codec.
codecs.lookup(_OLD_ENCODING)


def tar_members(read: Callable[[int, int], bytes], limits: TreeLimits) -> Iterator[Member]:
    """The members of a tar. read(offset, size) gives fewer bytes only at its end.

    Raises Damaged, also when it ends without its end mark, and IngestionError (archive_headers).
    """
    offset, extended, long_name = 0, dict[bytes, bytes](), ""
    headers_left = limits.header_bytes
    while True:
        header = read(offset, BLOCK)
        if header == _EMPTY:
            return
        kind, size = _checked(header)
        offset += BLOCK
        if kind in (_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK):
            headers_left -= size + BLOCK
            if headers_left < 0 or size > limits.header_bytes // _LONGEST_SHARE:
                raise IngestionError("archive_headers", limit=limits.header_bytes // 1024**2)
            content = read(offset, size)
            if len(content) < size:
                raise Damaged
            offset += _padded(size)
            if kind == _PAX:
                extended = _pax_records(content)
            elif kind == _LONG_NAME:
                long_name = _text(content)
            continue
        path = _text(extended[b"path"]) if b"path" in extended else long_name or _path(header)
        if b"size" in extended:
            size = _decimal(extended[b"size"])
        nature = _nature(kind, path, extended)
        if kind == b"S":
            offset = _behind_sparse_map(read, header, offset)
        if nature in _WITHOUT_CONTENT:
            size = 0
        if kind != _VOLUME:
            yield Member(path, nature, offset, size)
        offset += _padded(size)
        extended, long_name = {}, ""


def _checked(header: bytes) -> tuple[bytes, int]:
    """Type and size; raises Damaged when the header is cut off or its sum is wrong."""
    if len(header) < BLOCK:
        raise Damaged
    total = sum(header[:148]) + 8 * ord(" ") + sum(header[156:])
    # Some old writers summed signed bytes.
    signed = total - 256 * sum(byte > 127 for byte in header) if not header.isascii() else total
    if _number(header[148:156]) not in (total, signed):
        raise Damaged
    return header[156:157], _number(header[124:136])


def _number(field: bytes) -> int:
    """Octal digits, or of large numbers the bytes themselves behind a first bit (GNU)."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    # int() would take signs and underscores too.
    if digits and not digits.isdigit():
        raise Damaged
    try:
        return int(digits, 8) if digits else 0
    except ValueError:
        raise Damaged from None


def _decimal(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 20:
        raise Damaged
    return int(digits)


def _path(header: bytes) -> str:
    name = header[:100].split(b"\0", 1)[0]
    # GNU's own format keeps times where POSIX has a prefix.
    if header[257:263] == b"ustar\0" and header[345]:
        name = header[345:500].split(b"\0", 1)[0] + b"/" + name
    return _decoded(name)


def _text(content: bytes) -> str:
    return _decoded(content[:-1] if content.endswith(b"\0") else content)


def _decoded(name: bytes) -> str:
    """UTF-8, which all write today; names in older encodings stay readable in their ASCII part."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode(_OLD_ENCODING, "replace")


def _nature(kind: bytes, path: str, extended: Mapping[bytes, bytes]) -> str:
    if any(key.startswith(b"GNU.sparse.") for key in extended):
        return SPARSE
    if kind == _CONTINUED:
        raise Damaged  # the rest of a file of another volume
    nature = _NATURES.get(kind, FILE)
    # Archives from before POSIX write folders as files.
    return FOLDER if nature == FILE and path.endswith("/") else nature


def _pax_records(content: bytes) -> dict[bytes, bytes]:
    """Records "length key=value" and a line feed, length counting all of it."""
    records, at = {}, 0
    while at < len(content):
        space = content.find(b" ", at, at + 20)
        if space < 0:
            raise Damaged
        end = at + _decimal(content[at:space])
        key, equals, value = content[space + 1 : end - 1].partition(b"=")
        if end > len(content) or not equals or content[end - 1 : end] != b"\n":
            raise Damaged
        records[key] = value
        at = end
    return records


def _behind_sparse_map(read: Callable[[int, int], bytes], header: bytes, offset: int) -> int:
    more = header[482]
    while more:
        block = read(offset, BLOCK)
        if len(block) < BLOCK:
            raise Damaged
        more, offset = block[504], offset + BLOCK
    return offset


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
