"""The ASGI application behind `tests.provider_server`.

A behaviour (one request's, by POST /_/script) or the settings (every request's) may hold:

  answering    text: this and nothing else · pieces: these deltas · alter_quotes, invent_quotes, unknown_markers:
               spoil the quotes or markers of the answer that it finds by itself
  pace         held: until POST /_/release · delay_seconds: before the first delta · tokens_per_second: 0 is at once · comments_every: seconds
               between SSE comments while waiting · split: characters per delta
  trouble      flavour: a key of provider_flavours.FLAVOURS · status, body, headers: such a response · html: a page with status 200
               stall_after: so many deltas, then silence (0: before the first) · cut_after: then a clean end
               without [DONE] · drop_after: then a torn connection · error_after with error: then an error chunk ·
               broken_after: then broken_line (one that is no JSON) · raw_after: then the bytes of raw_hex ·
               giant_line_after: then a line that never ends · flood_after: then comments without pause or end ·
               empties_every: seconds between deltas without text while it stalls ·
               bomb_mb: so many megabytes of nothing, compressed (with status: as the body of that response) ·
               content_type: of the stream
  ending       finish_reason: stop, length, content_filter, null · usage: false for none, or values over the true
               ones · done: false leaves [DONE] out · after_finish: silence or torn, instead of usage and [DONE]
  server       sink: do not read the body's text (for benchmarks) · api_key: refuse others · context_tokens: refuse
               longer prompts as vLLM does · models: the ids served
"""

import asyncio
import gzip
import hashlib
import json
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from tests.provider_flavours import FLAVOURS
from tests.provider_replies import count_prompt, spoil, write_reply

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class _Torn(Exception):
    """Ends the handler in the middle of a response, so that the connection is torn."""


class ProviderApp:
    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="provider-server-"))
        self._settings: dict[str, Any] = {}
        self._script: deque[dict[str, Any]] = deque()
        self._requests: list[dict[str, Any]] = []
        self._release = asyncio.Event()

    def __del__(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path.endswith("/chat/completions"):
            await self._chat(scope, receive, send)
        elif path.endswith("/models"):
            ids = self._settings.get("models", ["test-scout", "test-maverick"])
            status = int(self._settings.get("status", 200)) if self._is_allowed(scope) else 401
            await _respond(
                send, status, {"object": "list", "data": [{"id": one, "object": "model"} for one in ids]}
            )
        else:
            await self._control(path, await _read(receive), send)

    async def _control(self, path: str, body: bytes, send: Send) -> None:
        if path == "/_/script":
            self._script.extend(json.loads(body))
        elif path == "/_/settings":
            self._settings.update(json.loads(body))
        elif path == "/_/release":
            self._release.set()
            self._release = asyncio.Event()
        elif path == "/_/reset":
            self._settings, self._script, self._requests = {}, deque(), []
        elif path.endswith("/body"):
            request = self._requests[int(path.split("/")[-2])]
            await _respond(send, 200, await asyncio.to_thread(Path(request["file"]).read_bytes))
            return
        elif path != "/_/requests":
            await _respond(send, 404, {"error": {"message": "No such path"}})
            return
        await _respond(send, 200, self._requests)

    def _is_allowed(self, scope: MutableMapping[str, Any]) -> bool:
        key = self._settings.get("api_key")
        return not key or dict(scope["headers"]).get(b"authorization") == f"Bearer {key}".encode()

    async def _chat(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        behaviour = {**self._settings, **(self._script.popleft() if self._script else {})}
        request: dict[str, Any] = {
            "id": len(self._requests),
            "path": scope["path"],
            "headers": {name.decode(): value.decode("latin-1") for name, value in scope["headers"]},
            "started_at": time.time(),
            "received_at": None,
            "first_delta_at": None,
            "deltas": 0,
            "disconnected_at": None,
            "finished": False,
        }
        self._requests.append(request)
        file = self._folder / f"{time.monotonic_ns()}"
        if not await _save(receive, file, request):
            return
        watching = asyncio.ensure_future(_watch(receive, request))
        answering = asyncio.ensure_future(self._answer(scope, request, behaviour, send))
        await asyncio.wait((watching, answering), return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            answering.cancel()
        watching.cancel()
        results = await asyncio.gather(answering, watching, return_exceptions=True)
        if isinstance(results[0], Exception):  # a torn connection, or a mistake of ours that must not hang
            raise results[0]

    async def _answer(
        self, scope: MutableMapping[str, Any], request: dict[str, Any], behaviour: dict[str, Any], send: Send
    ) -> None:
        behaviour = {**FLAVOURS.get(behaviour.get("flavour", ""), {}), **behaviour}
        if not self._is_allowed(scope):
            behaviour = FLAVOURS["key_rejected"]
        if behaviour.get("html"):
            await _respond(send, 200, "<html><body>Sign in</body></html>", {"content-type": "text/html"})
        elif "bomb_mb" in behaviour:
            await _bomb(send, behaviour)
        elif "status" in behaviour:
            await _respond(send, behaviour["status"], behaviour.get("body", {}), behaviour.get("headers"))
        else:
            await self._stream(request, behaviour, send)
        request["finished"] = True

    async def _stream(self, request: dict[str, Any], behaviour: dict[str, Any], send: Send) -> None:
        sink = bool(behaviour.get("sink"))
        body = {} if sink else json.loads(await asyncio.to_thread(Path(request["file"]).read_bytes))
        counting = asyncio.ensure_future(asyncio.to_thread(count_prompt, body)) if not sink else None
        window = behaviour.get("context_tokens")
        if counting and window and await counting > window:
            await _respond(send, 400, FLAVOURS["vllm_too_long"]["body"])
            return
        if "pieces" in behaviour:
            pieces = list(behaviour["pieces"])
        else:
            text = behaviour.get("text")
            if text is None:
                text = "Received." if sink else spoil(await asyncio.to_thread(write_reply, body), behaviour)
            size = int(behaviour.get("split", 4))
            pieces = [text[start : start + size] for start in range(0, len(text), size)]
        content_type = str(behaviour.get("content_type", "text/event-stream"))
        await _start(send, 200, {"content-type": content_type, "cache-control": "no-cache"})
        chunks = _Chunks(str(body.get("model", "")), send)
        if behaviour.get("held"):
            request["is_held"] = True
            await self._release.wait()
        await chunks.pause(float(behaviour.get("delay_seconds", 0)), behaviour.get("comments_every"))
        await chunks.choice({"role": "assistant", "content": ""})
        rate = float(behaviour.get("tokens_per_second", 0))
        complete = False
        for index, piece in enumerate([*pieces, None]):
            if await self._ends_early(index, behaviour, chunks):
                break
            if piece is None:
                complete = True
                break
            if index and rate:
                await asyncio.sleep(1 / rate)
            request["first_delta_at"] = request["first_delta_at"] or time.time()
            request["deltas"] += 1
            await chunks.choice({"content": piece})
        if complete:
            await self._finish(request, body, behaviour, pieces, counting, chunks)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _ends_early(self, index: int, behaviour: dict[str, Any], chunks: "_Chunks") -> bool:
        """Whether the deltas end here, other than by being complete."""
        if behaviour.get("stall_after") == index:
            await chunks.pause(3600, behaviour.get("comments_every"), behaviour.get("empties_every"))
        if behaviour.get("drop_after") == index:
            raise _Torn
        if behaviour.get("broken_after") == index:
            await chunks.line(behaviour.get("broken_line", '{"choices": [{"delta"'))
        if behaviour.get("raw_after") == index:
            await chunks.raw(bytes.fromhex(behaviour["raw_hex"]))
        if behaviour.get("giant_line_after") == index:
            await chunks.raw(b"data: ")
            while True:
                await chunks.raw(b"x" * 60_000)
        if behaviour.get("flood_after") == index:
            while True:
                await chunks.raw(b": PROCESSING\n\n" * 4_000)
        if behaviour.get("error_after") == index:
            error = behaviour.get("error", {"code": 502, "message": "Provider returned error"})
            await chunks.line(json.dumps({"error": error}))
            return True
        return bool(behaviour.get("cut_after") == index)

    async def _finish(
        self,
        request: dict[str, Any],
        body: dict[str, Any],
        behaviour: dict[str, Any],
        pieces: list[str],
        counting: "asyncio.Future[int] | None",
        chunks: "_Chunks",
    ) -> None:
        if "finish_reason" not in behaviour or behaviour["finish_reason"] is not None:
            await chunks.choice({}, behaviour.get("finish_reason", "stop"))
        if behaviour.get("after_finish") == "torn":
            raise _Torn
        if behaviour.get("after_finish") == "silence":
            await chunks.pause(3600, None)
        wants_usage = body.get("stream_options", {}).get("include_usage", False) or counting is None
        if wants_usage and behaviour.get("usage", True) is not False:
            prompt = await counting if counting is not None else 0
            output = len(pieces)
            usage = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
            stated = behaviour.get("usage")
            request["usage"] = {**usage, **(stated if isinstance(stated, dict) else {})}
            await chunks.event(choices=[], usage=request["usage"])
        if behaviour.get("done", True):
            await chunks.line("[DONE]")


class _Chunks:
    """The events of one stream."""

    def __init__(self, model: str, send: Send) -> None:
        self._head = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
        }
        self._send = send

    async def choice(self, delta: dict[str, Any], finish_reason: str | None = None) -> None:
        await self.event(choices=[{"index": 0, "delta": delta, "finish_reason": finish_reason}])

    async def event(self, **content: Any) -> None:
        await self.line(json.dumps({**self._head, **content}, ensure_ascii=False))

    async def line(self, data: str) -> None:
        await self.raw(f"data: {data}\n\n".encode())

    async def raw(self, body: bytes) -> None:
        # A server whose caller has left takes everything at once; without a pause nobody would ever notice.
        await asyncio.sleep(0)
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def pause(
        self, seconds: float, comments_every: float | None, empties_every: float | None = None
    ) -> None:
        clock = asyncio.get_running_loop().time
        ends = clock() + seconds
        while (left := ends - clock()) > 0:
            await asyncio.sleep(min(left, comments_every or empties_every or left))
            if comments_every:
                await self.raw(b": PROCESSING\n\n")
            elif empties_every:
                await self.choice({"content": ""})


async def _save(receive: Receive, file: Path, request: dict[str, Any]) -> bool:
    """Write the body to a file as it comes; False when the caller left before its end."""
    digest, size = hashlib.sha256(), 0
    with file.open("wb") as target:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                request["disconnected_at"] = time.time()
                return False
            piece = message.get("body", b"")
            target.write(piece)
            digest.update(piece)
            size += len(piece)
            if not message.get("more_body"):
                break
    request.update(file=str(file), bytes=size, sha256=digest.hexdigest(), received_at=time.time())
    return True


async def _watch(receive: Receive, request: dict[str, Any]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    if not request["finished"]:
        request["disconnected_at"] = time.time()


async def _bomb(send: Send, behaviour: dict[str, Any]) -> None:
    body = gzip.compress(b" " * (behaviour["bomb_mb"] << 20))
    kind = "application/json" if "status" in behaviour else "text/event-stream"
    headers = {"content-type": kind, "content-encoding": "gzip", "content-length": str(len(body))}
    await _start(send, behaviour.get("status", 200), headers)
    await send({"type": "http.response.body", "body": body})


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def _start(send: Send, status: int, headers: dict[str, str]) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


async def _respond(send: Send, status: int, content: object, headers: dict[str, str] | None = None) -> None:
    body = (
        content
        if isinstance(content, bytes)
        else (content if isinstance(content, str) else json.dumps(content)).encode()
    )
    kind = "text/html" if isinstance(content, str) else "application/json"
    await _start(send, status, {"content-type": kind, "content-length": str(len(body)), **(headers or {})})
    await send({"type": "http.response.body", "body": body})
