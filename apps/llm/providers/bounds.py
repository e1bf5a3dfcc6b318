"""How much of a host's reply is taken in. A host may be broken or hostile, and replies are read into memory.

The client's own reader keeps a line until its end and decompresses whatever comes; so bytes are counted below it.
"""

from collections.abc import AsyncIterator

import httpx2

# The longest answer that is asked for has 8,192 tokens, each in an event of at most some hundred bytes.
MOST_REPLY_BYTES = 16 << 20
MOST_LINE_BYTES = 1 << 20
# Two an event, and a comment each second of half an hour is under two thousand.
MOST_LINES = 200_000
# The beginning of a refusal says what is wrong; pages of gateways can be long.
MOST_REFUSAL_BYTES = 1 << 16


class ReplyTooLarge(ValueError):
    """More bytes or lines, or a longer line, than any answer has."""


async def bound_reply(response: httpx2.Response) -> None:
    """A response hook of the client: counts what is read, and decompresses nothing, since we ask for nothing
    compressed and a kilobyte may unfold to a gigabyte."""
    if response.headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
        del response.headers["content-encoding"]
        response.headers["content-type"] = "application/octet-stream"
    if isinstance(response.stream, httpx2.AsyncByteStream):
        has_lines = response.headers.get("content-type", "").lower().startswith("text/event-stream")
        response.stream = _Bounded(
            response.stream, is_refusal=response.status_code >= 300, has_lines=has_lines
        )


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, *, is_refusal: bool, has_lines: bool) -> None:
        self._stream = stream
        self._is_refusal = is_refusal
        self._has_lines = has_lines

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = line = lines = 0
        async for chunk in self._stream:
            size += len(chunk)
            if self._is_refusal and size > MOST_REFUSAL_BYTES:
                return
            last_end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
            line = line + len(chunk) if last_end < 0 else len(chunk) - last_end - 1
            lines += chunk.count(b"\n")
            is_stream_too_large = self._has_lines and (line > MOST_LINE_BYTES or lines > MOST_LINES)
            if size > MOST_REPLY_BYTES or is_stream_too_large:
                raise ReplyTooLarge
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
