"""`PATCH /api/v1/uploads/<id>`: the bytes of an upload, straight from the line to its part file.

A plain ASGI application beside Django. Django's handler spools a whole body before a view sees it and drops it when
the line is cut; here every piece is on disk within a second of its arrival, memory holds one piece at a time, and
what came before a cut stays. The door is asked at the beginning and again every few seconds, so rights that end, end
the upload. Files, hashes and rows are threads' work; the loop only waits.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpResponse

from apps.accounts.authentication import user_of_cookies
from apps.accounts.models import User
from apps.api import tus
from apps.api.auth import SignedIn
from apps.api.errors import error_response, not_signed_in
from apps.common.database import closing_connections
from apps.common.http import Refused
from apps.conversations.events import SECURITY_HEADERS
from apps.library.models import Upload
from apps.library.part_file import PartBusy, PartFile
from apps.library.resumable import (
    check_head,
    discard,
    finish,
    is_head_here,
    received_bytes,
    touch,
    upload_for,
)
from apps.library.uploads import refusing_full_disk

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PIECE_BYTES = 512 * 1024
PIECE_SECONDS = 1.0
SILENCE_SECONDS = 20.0
"""A line that gives nothing for so long is taken for dead: its upload is free for whoever goes on with it."""
ASK_AGAIN_SECONDS = 5.0
MOST_DRAINED_BYTES = 32 * 1024**2
LONGEST_DRAIN_SECONDS = 10.0
"""A refusal waits so long for a sender that is still sending: browsers read no answer before they have sent all."""


class NotSignedIn(Exception):
    pass


@dataclass(slots=True)
class Arrival:
    """One PATCH under way: its bytes go behind `start`."""

    user: User
    upload: Upload
    part: PartFile
    start: int
    checksum: tus.Checksum | None
    is_head_checked: bool

    @property
    def is_whole(self) -> bool:
        return self.part.offset == self.upload.size_bytes


class Line:
    """The body of a request, piece by piece. is_cut: it ended before its end; is_silent: it gave nothing for long."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._heard_at = asyncio.get_running_loop().time()
        self.is_over = self.is_cut = self.is_silent = False

    async def read(self) -> bytes:
        """What comes next; nothing when nothing came for a moment, so that what waits can be written."""
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(PIECE_SECONDS):
                message = await self._receive()
        except TimeoutError:
            self.is_silent = clock() - self._heard_at >= SILENCE_SECONDS
            self.is_over = self.is_cut = self.is_silent
            return b""
        self._heard_at = clock()
        self.is_cut = message["type"] == "http.disconnect"
        self.is_over = self.is_cut or not message.get("more_body", False)
        data: bytes = message.get("body", b"")
        return data

    async def drain(self) -> None:
        """Take and forget the rest, as far as that is reasonable."""
        drained = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_DRAIN_SECONDS):
                while not self.is_over and drained < MOST_DRAINED_BYTES:
                    drained += len(await self.read())


class UploadBytes:
    """The ASGI application; one per process."""

    def __init__(self) -> None:
        # Two pools: making documents of large files must not keep the bytes of others waiting.
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="uploads")
        self._finishing = ThreadPoolExecutor(2, thread_name_prefix="uploads-end")

    async def __call__(self, scope: Scope, receive: Receive, send: Send, upload_id: str) -> None:
        line = Line(receive)
        try:
            response = await self._take(scope, line, upload_id)
        except Exception as error:
            response = _refusal(error)
        if not line.is_cut or line.is_silent:
            await _send(send, response, line)

    async def _take(self, scope: Scope, line: Line, upload_id: str) -> HttpResponse:
        arrival: Arrival = await self._in_thread(_open, scope, upload_id)
        try:
            await self._receive(line, arrival)
            if arrival.is_whole:
                await asyncio.get_running_loop().run_in_executor(
                    self._finishing, closing_connections, _end, arrival
                )
            elif line.is_cut:
                raise Refused(
                    "line_silent",
                    "No byte came for a while. What arrived is kept; go on from there.",
                    status=408,
                )
            return HttpResponse(status=204, headers=tus.state_headers(arrival.upload, arrival.part.offset))
        finally:
            # In a thread and never cut short: a write that goes on there while this task is cancelled ends first.
            await asyncio.shield(asyncio.wrap_future(self._threads.submit(arrival.part.close)))

    async def _receive(self, line: Line, arrival: Arrival) -> None:
        """Write the body as it comes. Raises Refused."""
        clock = asyncio.get_running_loop().time
        waiting = bytearray()
        written_at = asked_at = clock()
        while not line.is_over:
            waiting += await line.read()
            now = clock()
            if len(waiting) >= PIECE_BYTES or now - written_at >= PIECE_SECONDS or line.is_over:
                is_door_asked = now - asked_at >= ASK_AGAIN_SECONDS
                await self._in_thread(_write, arrival, waiting, is_door_asked)
                asked_at = now if is_door_asked else asked_at
                waiting, written_at = bytearray(), now
        if arrival.checksum is not None and (line.is_cut or not arrival.checksum.is_right):
            await self._in_thread(arrival.part.cut, arrival.start)
            if not line.is_cut:
                raise Refused(
                    "wrong_checksum", "These bytes do not have the checksum sent with them.", status=460
                )

    async def _in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, closing_connections, function, *args
        )


async def answer_options(send: Send) -> None:
    """What this server speaks. The same for everybody."""
    await _send(send, HttpResponse(status=204, headers=tus.capabilities()))


def _open(scope: Scope, upload_id: str) -> Arrival:
    """Everything that can be known before the first byte. Raises what the door raises, and Refused."""
    request: Any = ASGIRequest(scope, io.BytesIO())
    request.get_host()
    if request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}:
        raise Refused("cross_site", "This request came from another site and was refused.", status=403)
    request.user = user_of_cookies(request.headers.get("Cookie", "")) or AnonymousUser()
    user = SignedIn()(request)
    if user is None:
        raise NotSignedIn
    upload = upload_for(user, upload_id)
    tus.check_version(request.headers)
    if request.headers.get("Content-Type") != tus.CONTENT_TYPE:
        raise Refused("unsupported_media_type", f"Send the bytes as {tus.CONTENT_TYPE}.", status=415)
    start, checksum = tus.read_offset(request.headers), tus.read_checksum(request.headers)
    if upload.document_id:
        raise _wrong_offset(upload.size_bytes)
    part = PartFile(upload.pk)
    try:
        if received_bytes(upload) != part.offset or start != part.offset:
            raise _wrong_offset(part.offset)
        _check_length(request.headers.get("Content-Length", ""), upload)
        return Arrival(user, upload, part, start, checksum, is_head_checked=False)
    except BaseException:
        part.close()
        raise


def _write(arrival: Arrival, data: bytearray, is_door_asked: bool) -> None:
    """Append a piece, and look at the first bytes as soon as they are here. Raises Refused, or as the door does."""
    upload, part = arrival.upload, arrival.part
    if is_door_asked:
        upload_for(arrival.user, upload.pk)
    # Bytes keep an upload alive; asking to send some does not.
    if data and (is_door_asked or part.offset == arrival.start):
        touch(upload)
    if part.offset + len(data) > upload.size_bytes:
        part.cut(arrival.start)
        raise _too_long(upload)
    try:
        with refusing_full_disk():
            part.append(data)
    except Refused:
        discard(upload)
        raise
    if arrival.checksum is not None:
        arrival.checksum.update(data)
    if not arrival.is_head_checked and is_head_here(upload, part):
        arrival.is_head_checked = True
        check_head(upload, part)


def _end(arrival: Arrival) -> None:
    """Make a document of it; the rights are asked for once more, since bytes may have come for hours."""
    arrival.upload = upload_for(arrival.user, arrival.upload.pk)
    finish(arrival.user, arrival.upload, arrival.part)


def _check_length(declared: str, upload: Upload) -> None:
    if declared.isdecimal() and int(declared) > upload.size_bytes - received_bytes(upload):
        raise _too_long(upload)


def _too_long(upload: Upload) -> Refused:
    return Refused(
        "too_long",
        f"More bytes came than the {upload.size_bytes:,} announced, and none of these were kept.",
        status=413,
    )


def _wrong_offset(offset: int) -> Refused:
    return Refused(
        "wrong_offset",
        f"{offset:,} bytes are here; go on from there.",
        status=409,
        details={"offset": offset},
    )


def _refusal(error: Exception) -> HttpResponse:
    if isinstance(error, NotSignedIn):
        return not_signed_in()
    if isinstance(error, Refused):
        return error_response(error.status, error.code, error.sentence, error.details)
    if isinstance(error, Http404):
        return error_response(404, "not_found", "There is nothing at this address.")
    if isinstance(error, PermissionDenied):
        return error_response(403, "forbidden", "Your role does not allow this.")
    if isinstance(error, PartBusy):
        return error_response(
            423, "upload_busy", "Another request is sending bytes of this upload. Try again in a moment."
        )
    if isinstance(error, SuspiciousOperation):
        return error_response(400, "malformed", "The request could not be read.")
    log.error("an upload failed", exc_info=error)
    return error_response(500, "unexpected", "Something went wrong here. What arrived is kept; try again.")


async def _send(send: Send, response: HttpResponse, line: Line | None = None) -> None:
    response.headers.setdefault("Tus-Resumable", tus.VERSION)
    response.headers.setdefault("Cache-Control", "no-store")
    if response.status_code == 204:
        del response["Content-Type"]
    else:
        response.headers["Content-Length"] = str(len(response.content))
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    is_early = line is not None and not line.is_over
    if is_early:
        headers.append((b"connection", b"close"))
    with suppress(OSError):
        await send(
            {
                "type": "http.response.start",
                "status": response.status_code,
                "headers": headers + SECURITY_HEADERS,
            }
        )
        await send({"type": "http.response.body", "body": response.content, "more_body": is_early})
        if line is not None and is_early:
            await line.drain()
            await send({"type": "http.response.body", "body": b""})
