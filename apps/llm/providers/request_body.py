"""A request's JSON, written once to a spooled file and read from it for each attempt.

A prompt of ten million tokens is 46 MB. Held as one string it costs half a gigabyte as soon as it has one emoji
in it, and serialising it stops the event loop for a second and a half; written part by part in a thread it costs
4 MB and 3 ms. Small prompts take the same path and stay in memory.
"""

import asyncio
import base64
import json
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import IO, Any, Self

from apps.llm.types import ChatImage, ChatMessage, ChatRequest

_IN_MEMORY_BYTES = 1 << 20
_SEND_BYTES = 1 << 18
# Escaping holds the interpreter's lock, so long parts are escaped a slice at a time.
_ESCAPE_CHARACTERS = 1 << 18


class RequestBody:
    """The bytes of one request. Use as an asynchronous context; `size_bytes` is known inside."""

    def __init__(self, request: ChatRequest) -> None:
        self._request = request
        self._left = threading.Event()
        self._file: IO[bytes] | None = None
        self.size_bytes = 0

    async def __aenter__(self) -> Self:
        writing = asyncio.ensure_future(asyncio.to_thread(self._write))
        try:
            self._file = await asyncio.shield(writing)
        except asyncio.CancelledError:
            # A thread cannot be cancelled: it notices the flag at its next part and closes its own file.
            self._left.set()
            writing.add_done_callback(_close_result)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The whole body from its start, for one attempt at a time."""
        file = self._file
        assert file is not None, "read inside the context"
        file.seek(0)
        in_memory = self.size_bytes <= _IN_MEMORY_BYTES
        while (
            chunk := file.read(_SEND_BYTES) if in_memory else await asyncio.to_thread(file.read, _SEND_BYTES)
        ):
            yield chunk

    def _write(self) -> IO[bytes]:
        file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 (closed by the context)
        try:
            for piece in _encode(self._request):
                if self._left.is_set():
                    break
                file.write(piece)
            self.size_bytes = file.tell()
        except BaseException:
            file.close()
            raise
        return file


def _close_result(writing: asyncio.Future[IO[bytes]]) -> None:
    if not writing.cancelled() and writing.exception() is None:
        writing.result().close()


def _encode(request: ChatRequest) -> Iterator[bytes]:
    endpoint = request.endpoint
    head: dict[str, Any] = {
        "model": endpoint.model_id,
        "stream": True,
        "max_tokens": request.max_output_tokens,
        "temperature": request.temperature,
    }
    if endpoint.supports_stream_usage:
        head["stream_options"] = {"include_usage": True}
    head.update(endpoint.extra_body)
    yield json.dumps(head, ensure_ascii=False).encode()[:-1] + b', "messages": ['
    last = len(request.messages) - 1
    for index, message in enumerate(request.messages):
        if index:
            yield b", "
        yield from _encode_message(message, request.images if index == last else ())
    yield b"]}"


def _encode_message(message: ChatMessage, images: tuple[ChatImage, ...]) -> Iterator[bytes]:
    yield f'{{"role": "{message.role}", "content": '.encode()
    if images:
        yield b"["
        for image in images:
            yield f'{{"type": "image_url", "image_url": {{"url": "data:{image.media_type};base64,'.encode()
            yield base64.b64encode(image.read())
            yield b'"}}, '
        yield b'{"type": "text", "text": '
    yield b'"'
    for part in message.iter_parts():
        for start in range(0, len(part), _ESCAPE_CHARACTERS):
            text = json.dumps(part[start : start + _ESCAPE_CHARACTERS], ensure_ascii=False)
            yield text[1:-1].encode("utf-8", errors="replace")
    yield b'"}]}' if images else b'"}'
