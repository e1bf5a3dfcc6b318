"""A lean HTTP client on asyncio streams, so that the measuring side takes little of the machine."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any
from urllib.parse import urlsplit

LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)\r\n")
DATA = re.compile(rb"data: (.*)\n")


class Refused(Exception):
    """Another status than was hoped for."""


async def open_wire(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    return await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 20)


def request_bytes(
    method: str, url: str, path: str, token: str = "", body: bytes = b"", headers: str = ""
) -> bytes:
    """A request on a connection that stays open. headers: further lines, each with its CRLF."""
    lines = f"{method} {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n"
    if token:
        lines += f"Authorization: Bearer {token}\r\n"
    if body:
        lines += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{lines}{headers}\r\n".encode() + body


async def read_head(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and the head's bytes."""
    head = await reader.readuntil(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), head


async def read_body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """A body that has its length, as all of ours but streams have."""
    length = LENGTH.search(head)
    return await reader.readexactly(int(length[1])) if length else b""


async def call(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bytes]:
    """One request on an open connection; gives status and body."""
    writer.write(request)
    status, head = await read_head(reader)
    return status, await read_body(reader, head)


async def ask(url: str, token: str, conversation: str, text: str) -> tuple[float, str]:
    """Ask and follow until the first text. Gives seconds from the question's POST, and the answer's id.

    Two connections, opened before the clock starts, as a browser with the page open has them.
    """
    path = f"/api/v1/conversations/{conversation}/questions"
    post = request_bytes("POST", url, path, token, json.dumps({"text": text, "parent_answer": None}).encode())
    asking, following = await open_wire(url), await open_wire(url)
    try:
        started_at = time.perf_counter()
        status, body = await call(*asking, post)
        if status != 202:
            raise Refused(f"{status}: {body.decode(errors='replace')[:300]}")
        answer: dict[str, Any] = json.loads(body)
        following[1].write(request_bytes("GET", url, f"/api/v1/answers/{answer['answer_id']}/events", token))
        await first_text(following[0])
        return time.perf_counter() - started_at, str(answer["answer_id"])
    finally:
        asking[1].close()
        following[1].close()


async def first_text(reader: asyncio.StreamReader) -> None:
    """Return at the first `delta`, or at a snapshot that already has text."""
    name = b""
    while line := await reader.readline():
        if line.startswith(b"event: "):
            name = line[7:].strip()
        elif name == b"end" and line.startswith(b"data: "):
            raise Refused(f"the answer ended without text: {line.decode(errors='replace')[:300]}")
        elif name == b"delta" or (
            name == b"snapshot" and (found := DATA.fullmatch(line)) and json.loads(found[1])["text"]
        ):
            return
    raise Refused("the stream ended without text")


async def ask_endpoint(address: str, body: bytes) -> float:
    """The same bytes straight to the endpoint: seconds until its first text, which are its own delay."""
    reader, writer = await open_wire(address)
    try:
        started_at = time.perf_counter()
        writer.write(request_bytes("POST", address, "/v1/chat/completions", body=body))
        while line := await reader.readline():
            if line.startswith(b"data: {") and b'"content": ""' not in line:
                return time.perf_counter() - started_at
        raise Refused("the endpoint sent no text")
    finally:
        writer.close()
