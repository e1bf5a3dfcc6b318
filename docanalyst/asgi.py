"""The web process: Django, and the events of running answers beside it."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "docanalyst.settings")
django_application: Any = get_asgi_application()

from django.conf import settings  # noqa: E402  (needs the application registry)

from apps.accounts.authentication import user_of_headers  # noqa: E402
from apps.api.upload_bytes import UploadBytes, answer_options  # noqa: E402
from apps.common.database import closing_connections  # noqa: E402
from apps.common.errnos import FULL_DISK  # noqa: E402
from apps.conversations.events import AnswerEvents  # noqa: E402
from docanalyst.celery import app as celery_app  # noqa: E402
from docanalyst.request_threads import RequestThreads  # noqa: E402

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

EVENTS_PATH = re.compile(r"/api/v1/answers/([0-9A-Za-z-]{1,64})/events")
RESUMABLE_PATH = re.compile(r"/api/v1/(?:uploads/([0-9A-Za-z-]{1,64})|corpora/[0-9A-Za-z-]{1,64}/uploads)")
UPLOAD_PATH = re.compile(r"(?:/w/[^/]+|/api/v1)/corpora/[0-9A-Za-z-]{1,64}/documents/?")
# Django spools a whole body to the data volume before it knows whose request it is.
PUBLISH_SECONDS = 2
MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_UPLOAD_BODY_BYTES = 5 * settings.MAX_UPLOAD_BYTES + 1024 * 1024
"""Of a whole upload, several files in one form; a single file has its own limit."""

# A message is a hint that a reaper repeats: nobody waits for a broker that hangs as long as a worker's reading may.
celery_app.conf.broker_transport_options = {
    **celery_app.conf.broker_transport_options,
    "socket_timeout": PUBLISH_SECONDS,
}

answer_events = AnswerEvents()
upload_bytes = UploadBytes()
request_threads = RequestThreads()


class BodyTooLarge(Exception):
    pass


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    if scope["type"] != "http":
        return
    # A proxy may map `X_Forwarded_For` to the same name as the real header; nobody needs underscores.
    scope["headers"] = [(name, value) for name, value in scope["headers"] if b"_" not in name]
    events = EVENTS_PATH.fullmatch(scope["path"])
    if events:
        await answer_events(scope, receive, send, events[1])
        return
    resumable = RESUMABLE_PATH.fullmatch(scope["path"])
    if resumable and scope["method"] == "OPTIONS":
        await answer_options(send)
        return
    if resumable and resumable[1] and scope["method"] == "PATCH":
        await upload_bytes(scope, receive, send, resumable[1])
        return
    is_upload = scope["method"] == "POST" and UPLOAD_PATH.fullmatch(scope["path"]) is not None
    limit_bytes = MAX_UPLOAD_BODY_BYTES if is_upload and await _is_from_a_person(scope) else MAX_BODY_BYTES
    try:
        async with request_threads.borrowed():
            await django_application(scope, _counted(receive, limit_bytes), send)
    except BodyTooLarge:
        if is_upload and limit_bytes == MAX_BODY_BYTES:
            await _refuse(send, 401, "Sign in, then bring the file again.")
            return
        await _refuse(
            send, 413, "This request is larger than this installation accepts. Upload fewer files at once."
        )
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        log.error("a request was refused: the volume of uploads is full")
        await _refuse(
            send, 507, "This installation has no room left on its disk. Nothing was kept; tell the operator."
        )


async def _is_from_a_person(scope: Scope) -> bool:
    """Whether a body that may be large comes from somebody who is known; a small one is not asked about."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    declared = headers.get(b"content-length", "")
    if declared.isdecimal() and len(declared) <= len(str(MAX_BODY_BYTES)) and int(declared) <= MAX_BODY_BYTES:
        return False
    person = await asyncio.to_thread(
        closing_connections,
        user_of_headers,
        headers.get(b"authorization", ""),
        headers.get(b"cookie", ""),
    )
    return person is not None


def _counted(receive: Receive, limit_bytes: int) -> Receive:
    """Count what really arrives; Content-Length is only a claim."""
    received = 0

    async def counting() -> MutableMapping[str, Any]:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit_bytes:
            raise BodyTooLarge
        return message

    return counting


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = sentence.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", b"default-src 'none'"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await answer_events.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
