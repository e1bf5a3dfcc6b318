"""Words of the tus protocol, version 1.0.0 (https://tus.io/protocols/resumable-upload), as headers in and out.

Spoken are its core and the extensions creation, expiration, checksum and termination. Lengths are announced, never
deferred; the checksum of the whole file is the metadata key `sha256`, which is ours.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.http import http_date

from apps.common.http import Refused
from apps.library.models import Upload
from apps.library.resumable import expires_at, received_bytes

if TYPE_CHECKING:
    from hashlib import _Hash

VERSION = "1.0.0"
CONTENT_TYPE = "application/offset+octet-stream"
ALGORITHMS = ("sha256", "sha1")
LONGEST_METADATA = 4096
NUMBER = re.compile(r"[0-9]{1,15}")
DIGEST_BYTES = {"sha256": 32, "sha1": 20}


@dataclass(frozen=True, slots=True)
class Announcement:
    name: str
    size_bytes: int
    sha256: str


@dataclass(slots=True)
class Checksum:
    """Of the bytes of one request, against what its sender says of them."""

    expected: bytes
    hash: _Hash

    def update(self, data: bytes | bytearray) -> None:
        self.hash.update(data)

    @property
    def is_right(self) -> bool:
        return self.hash.digest() == self.expected


def capabilities() -> dict[str, str]:
    """The headers that answer OPTIONS."""
    return {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": "creation,expiration,checksum,termination",
        "Tus-Max-Size": str(settings.MAX_UPLOAD_BYTES),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }


def state_headers(upload: Upload, offset: int | None = None) -> dict[str, str]:
    """How far an upload is, until when it is kept, and which document it became."""
    headers = {
        "Tus-Resumable": VERSION,
        "Upload-Offset": str(received_bytes(upload) if offset is None else offset),
        "Upload-Length": str(upload.size_bytes),
        "Upload-Expires": http_date(expires_at(upload).timestamp()),
        "Cache-Control": "no-store",
    }
    if upload.document_id:
        headers["Content-Location"] = f"/api/v1/documents/{upload.document_id}"
    return headers


def check_version(headers: Mapping[str, str]) -> None:
    if headers.get("Tus-Resumable") != VERSION:
        raise Refused(
            "tus_version", f"Send `Tus-Resumable: {VERSION}`: that is the version spoken here.", status=412
        )


def read_announcement(headers: Mapping[str, str]) -> Announcement:
    """From `Upload-Length` and `Upload-Metadata` (filename, sha256). Raises Refused."""
    length = _number(headers, "Upload-Length")
    metadata = _metadata(headers.get("Upload-Metadata", ""))
    name = metadata.get("filename") or metadata.get("name") or ""
    return Announcement(name, length, metadata.get("sha256", "").lower())


def read_offset(headers: Mapping[str, str]) -> int:
    return _number(headers, "Upload-Offset")


def read_checksum(headers: Mapping[str, str]) -> Checksum | None:
    """From `Upload-Checksum`, when it is sent. Raises Refused."""
    if "Upload-Checksum" not in headers:
        return None
    algorithm, _, encoded = headers["Upload-Checksum"].partition(" ")
    if algorithm not in ALGORITHMS:
        raise Refused("bad_checksum", f"Checksums are taken with {' or '.join(ALGORITHMS)}.")
    expected = _base64(encoded)
    if len(expected) != DIGEST_BYTES[algorithm]:
        raise Refused("bad_checksum", "This checksum has the wrong length; write its bytes in Base64.")
    return Checksum(expected, hashlib.new(algorithm, usedforsecurity=False))


def _number(headers: Mapping[str, str], name: str) -> int:
    given = headers.get(name, "")
    if not NUMBER.fullmatch(given):
        raise Refused("bad_header", f"`{name}` is missing, or no whole number of bytes.")
    return int(given)


def _metadata(header: str) -> dict[str, str]:
    if len(header) > LONGEST_METADATA:
        raise Refused("bad_header", "`Upload-Metadata` is too long.")
    pairs = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        key, _, encoded = pair.partition(" ")
        pairs[key] = _base64(encoded).decode("utf-8", "replace")
    return pairs


def _base64(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("bad_header", "A value in Base64 could not be read.") from error
