"""The stream of an archive, decompressed piece by piece under limits. Runs inside a parser child only."""

from __future__ import annotations

import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.tree.members import Damaged, TreeLimits

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Small, because what follows a short stream is copied for each of them.
_STEP_BYTES = 1 << 16
_PIECE_BYTES = 1 << 20


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gunzip:
    """zlib's decoder in the manner of the others."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def needs_input(self) -> bool:
        return not self._decoder.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._decoder.decompress(self._decoder.unconsumed_tail or data, max_length)


def _unxz(limits: TreeLimits) -> _Decoder:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.memory_bytes)


def _unzstd(limits: TreeLimits) -> _Decoder:
    window_log = limits.memory_bytes.bit_length() - 1
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: window_log})


# First bytes, and what decodes the rest; every stream may follow on another.
_DECODERS: tuple[tuple[bytes, Callable[[TreeLimits], _Decoder]], ...] = (
    (b"\x1f\x8b", lambda limits: _Gunzip()),
    (b"\x28\xb5\x2f\xfd", _unzstd),
    (b"\xfd7zXZ\0", _unxz),
)


def is_zip(data: memoryview) -> bool:
    return bytes(data[:4]) in (b"PK\3\4", b"PK\5\6")


def unpacked(data: memoryview, limits: TreeLimits) -> Iterator[tuple[bytes, int]]:
    """Pieces of the tar inside, each with the position in data behind it.

    Raises Damaged, and IngestionError (archive_bomb, tree_too_large, archive_memory) before a limit is passed.
    """
    total = 0
    for piece, position in _pieces(data, limits):
        total += len(piece)
        check_total(total, len(data), limits)
        yield piece, position


def check_total(total: int, packed: int, limits: TreeLimits) -> None:
    """Bytes unpacked so far of an archive of that size. Raises IngestionError."""
    if total > limits.total_bytes:
        raise IngestionError("tree_too_large", limit=f"{limits.total_bytes / 1024**3:g}")
    if total > max(limits.floor_bytes, limits.ratio * packed):
        raise IngestionError("archive_bomb", limit=limits.ratio)


def _pieces(data: memoryview, limits: TreeLimits) -> Iterator[tuple[bytes, int]]:
    head = bytes(data[:8])
    found = next(((magic, make) for magic, make in _DECODERS if head.startswith(magic)), None)
    if found is None:
        for start in range(0, len(data), _PIECE_BYTES):
            yield bytes(data[start : start + _PIECE_BYTES]), min(start + _PIECE_BYTES, len(data))
        return
    magic, make = found
    position = 0
    # What follows the last stream and is none is no part of the archive: padding, or a signature.
    while bytes(data[position : position + len(magic)]) == magic:
        decoder = make(limits)
        while not decoder.eof:
            part = bytes(data[position : position + _STEP_BYTES]) if decoder.needs_input else b""
            position += len(part)
            piece = _decoded(decoder, part, limits)
            if not (part or piece or decoder.eof):
                raise Damaged
            yield piece, position
        position -= len(decoder.unused_data)


def _decoded(decoder: _Decoder, part: bytes, limits: TreeLimits) -> bytes:
    try:
        return decoder.decompress(part, _PIECE_BYTES)
    except (zlib.error, EOFError) as error:
        raise Damaged from error
    except (lzma.LZMAError, zstd.ZstdError) as error:
        if "emory" in str(error):
            raise IngestionError("archive_memory", limit=limits.memory_bytes // 1024**2) from error
        raise Damaged from error
