"""Resumable uploads by raw sockets: whole, in pieces, and cut wherever a test wants it."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.live.client import ApiClient

PATCH_TYPE = "application/offset+octet-stream"
BLOCK_BYTES = 64 * 1024


@dataclass
class Reply:
    """One answer. headers: names in lower case."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def offset(self) -> int:
        return int(self.headers["upload-offset"])

    @property
    def error_code(self) -> str:
        return str(json.loads(self.body)["error"]["code"])


class Tus:
    """Speaks the protocol as one member, each request on a connection of its own."""

    def __init__(self, api: ApiClient) -> None:
        self.host = urlsplit(api.url).netloc
        self.token = api.token

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        with self.connect() as line:
            line.sendall(self.head(method, path, len(body), headers) + body)
            return read_reply(line, is_head=method == "HEAD")

    def announce(self, corpus_id: str, name: str, size: int, sha256: str = "") -> Reply:
        metadata = {"filename": name, **({"sha256": sha256} if sha256 else {})}
        return self.call(
            "POST",
            f"/api/v1/corpora/{corpus_id}/uploads",
            Upload_Length=str(size),
            Upload_Metadata=encode_metadata(metadata),
        )

    def begin(self, corpus_id: str, name: str, content: bytes, *, with_checksum: bool = False) -> str:
        """The path of a new upload for this content."""
        digest = hashlib.sha256(content).hexdigest() if with_checksum else ""
        reply = self.announce(corpus_id, name, len(content), digest)
        assert reply.status == 201, (reply.status, reply.body)
        return reply.headers["location"]

    def offset(self, path: str) -> int:
        reply = self.call("HEAD", path)
        assert reply.status == 200, (reply.status, reply.body)
        return reply.offset

    def patch(self, path: str, offset: int, body: bytes, **headers: str) -> Reply:
        return self.call(
            "PATCH", path, body, **{"Content_Type": PATCH_TYPE, "Upload_Offset": str(offset), **headers}
        )

    def begin_patch(self, path: str, offset: int, length: int) -> socket.socket:
        """A connection on which a PATCH of `length` bytes was begun and none of them sent."""
        line = self.connect()
        line.sendall(
            self.head("PATCH", path, length, {"Content_Type": PATCH_TYPE, "Upload_Offset": str(offset)})
        )
        return line

    def send_and_cut(self, path: str, offset: int, length: int, blocks: Iterable[bytes]) -> None:
        """Begin a PATCH of `length` bytes, send these blocks, and tear the line without a farewell."""
        line = self.begin_patch(path, offset, length)
        for block in blocks:
            line.sendall(block)
        # Nothing is left to linger: the other side sees a reset.
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        line.close()

    def connect(self) -> socket.socket:
        host, port = self.host.rsplit(":", 1)
        return socket.create_connection((host, int(port)), timeout=60)

    def head(self, method: str, path: str, length: int, headers: Mapping[str, str]) -> bytes:
        fields: dict[str, Any] = {
            "Host": self.host,
            "Authorization": f"Bearer {self.token}",
            "Tus-Resumable": "1.0.0",
            "Content-Length": str(length),
        }
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
        return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode()


def encode_metadata(values: Mapping[str, str]) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


def read_reply(line: socket.socket, *, is_head: bool = False) -> Reply:
    """The answer on a connection, as far as its length says; status 0 when there is none."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = line.recv(BLOCK_BYTES)
        if not more:
            return Reply(0)
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
    length = 0 if is_head else int(headers.get("content-length", "0"))
    while len(body) < length:
        more = line.recv(BLOCK_BYTES)
        if not more:
            break
        body += more
    return Reply(int(first.split()[1]), headers, body)


def paced(blocks: Iterable[bytes], bytes_per_second: float) -> Iterable[bytes]:
    """The same blocks, no faster than that."""
    started, sent = time.monotonic(), 0
    for block in blocks:
        yield block
        sent += len(block)
        ahead = sent / bytes_per_second - (time.monotonic() - started)
        if ahead > 0:
            time.sleep(ahead)


def blocks_of(content: bytes) -> Iterable[bytes]:
    view = memoryview(content)
    for start in range(0, len(content), BLOCK_BYTES):
        yield bytes(view[start : start + BLOCK_BYTES])
