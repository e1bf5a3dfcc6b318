"""The OpenAI chat-completions protocol, as spoken by nearly every host and by vLLM and Ollama."""

import asyncio
import json
import math
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any, TypeGuard
from urllib.parse import urlsplit

import httpx2
import openai
from openai import AsyncOpenAI, AsyncStream, Omit

from apps.common.addresses import is_loopback
from apps.llm.catalogue import Endpoint
from apps.llm.deadlines import deadlines
from apps.llm.errors import LLMError, Phase, WireFault, classify
from apps.llm.providers.base import CallEvent
from apps.llm.providers.bounds import MOST_REFUSAL_BYTES, ReplyTooLarge, bound_reply
from apps.llm.providers.request_body import RequestBody
from apps.llm.tokens import count_tokens
from apps.llm.types import ChatRequest, Finished, FinishReason, TextDelta, Usage

# Text averages 4 characters a token. What exceeds this is no answer of the length that was asked for, and would
# otherwise be kept, billed and rendered.
_MOST_CHARACTERS_PER_TOKEN = 40
# A host that has said why the answer ended has only its usage left to say; the answer does not wait long for it.
_TAIL_SECONDS = 5.0
# Reported counts beyond this many times our own are no counts: vocabularies differ by less than half of it.
_MOST_TIMES_COUNTED = 4

_END: Any = object()

_clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, AsyncOpenAI]] = (
    weakref.WeakKeyDictionary()
)


class OpenAICompatible:
    """Sends a request to `{base_url}/chat/completions` and reads its event stream."""

    @asynccontextmanager
    async def prepare(self, request: ChatRequest, api_key: str) -> AsyncIterator["_OpenAICall"]:
        """The request with its body written. Raises LLMError `body_too_large` without reaching the host."""
        async with RequestBody(request) as body:
            most = request.endpoint.max_body_bytes
            if most and body.size_bytes > most:
                raise LLMError("body_too_large", reached_host=False)
            yield _OpenAICall(request, api_key, body)


class _OpenAICall:
    def __init__(self, request: ChatRequest, api_key: str, body: RequestBody) -> None:
        self._request = request
        self._api_key = api_key
        self._body = body

    async def send(self) -> AsyncGenerator[CallEvent, None]:
        limits = deadlines()
        loop = asyncio.get_running_loop()
        call_ends = loop.time() + limits.call
        token_ends = loop.time() + limits.first_token_for(self._request.input_tokens)
        stream: AsyncStream[object] | None = None
        tail_ends = 0.0
        reading = _Reading(self._request)
        try:
            async with asyncio.timeout_at(min(token_ends, call_ends)):
                stream = await self._open()
            chunks = aiter(stream)
            while True:
                ends = loop.time() + limits.gap if reading.has_text else token_ends
                if reading.is_complete:
                    tail_ends = tail_ends or loop.time() + _TAIL_SECONDS
                    ends = min(ends, tail_ends)
                async with asyncio.timeout_at(min(ends, call_ends)):
                    chunk = await anext(chunks, _END)
                if chunk is _END:
                    break
                try:
                    text = reading.take(chunk)
                except (AttributeError, TypeError, KeyError):
                    raise ValueError("a chunk of another shape") from None
                if text:
                    yield TextDelta(text)
        except TimeoutError:
            if not reading.is_complete:
                if loop.time() >= call_ends:
                    raise LLMError("call_too_long", reached_host=True) from None
                raise LLMError(
                    "stream_stalled" if reading.has_text else "timeout", reached_host=True
                ) from None
        except (openai.APIError, httpx2.HTTPError, ValueError) as error:
            if not reading.is_complete:
                raise error_from_client(error, in_stream=stream is not None) from None
        finally:
            if stream is not None:
                await stream.close()
        finish = reading.finish_reason()
        # An estimate may load the vocabulary, which takes a thread.
        usage = reading.reported_usage()
        yield usage if usage is not None else await asyncio.to_thread(reading.estimated_usage)
        yield Finished(finish)

    async def _open(self) -> AsyncStream[object]:
        """The stream, its chunks as the JSON they are: the client's own types cost more than all else of a delta."""
        # The body has its length: some hosts refuse chunked bodies.
        headers = {
            "Content-Length": str(self._body.size_bytes),
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
        }
        stream = await client_for(self._request.endpoint).post(
            "/chat/completions",
            cast_to=object,
            content=self._body.chunks(),
            options={"headers": {**headers, **authorization(self._api_key)}},
            stream=True,
            stream_cls=AsyncStream[object],
        )
        content_type = stream.response.headers.get("content-type", "").lower()
        if content_type.startswith("text/event-stream"):
            return stream
        try:
            raise await _error_instead_of_stream(stream.response, content_type)
        finally:
            await stream.close()


class _Reading:
    """What has been read of one stream so far."""

    def __init__(self, request: ChatRequest) -> None:
        self._request = request
        self._most_characters = request.max_output_tokens * _MOST_CHARACTERS_PER_TOKEN
        self._pieces: list[str] = []
        self._characters = 0
        self._finish: str | None = None
        self._usage: dict[str, Any] | None = None

    @property
    def has_text(self) -> bool:
        return bool(self._pieces)

    @property
    def is_complete(self) -> bool:
        """Whether the host has said why its text ended; whatever breaks then, the answer is whole."""
        return self.has_text and self._finish not in (None, "error")

    def take(self, chunk: Any) -> str:
        """The text of a chunk, "" if it has none; remembers finish reason and usage. Raises for what is no chunk."""
        if isinstance(usage := chunk.get("usage"), dict):
            self._usage = usage
        choices = chunk.get("choices")
        if not choices:
            return ""
        choice = choices[0]
        if choice.get("finish_reason") is not None:
            self._finish = str(choice["finish_reason"])
        text = (choice.get("delta") or {}).get("content")
        if not isinstance(text, str) or not text:
            return ""
        self._pieces.append(text)
        self._characters += len(text)
        if self._characters > self._most_characters:
            raise LLMError("too_much_output", reached_host=True)
        return text

    def finish_reason(self) -> FinishReason:
        """Why the stream ended. Raises LLMError when it ended without a reason or without text."""
        if self._finish is None:
            raise self._error("stream_cut")
        if self._finish == "error":
            raise self._error("stream_error")
        if not "".join(self._pieces).strip():
            raise self._error("content_filtered" if self._finish == "content_filter" else "empty_answer")
        if self._finish == "content_filter":
            return "content_filter"
        return "length" if self._finish == "length" else "stop"

    def _error(self, code: str) -> LLMError:
        return LLMError(code, reached_host=True, usage=self.reported_usage())

    def reported_usage(self) -> Usage | None:
        """What the host reported; None without it, or when it can be no count."""
        reported, request = self._usage, self._request
        if reported is None:
            return None
        prompt, completion = reported.get("prompt_tokens"), reported.get("completion_tokens")
        if not _is_count(prompt, request.input_tokens) or not _is_count(
            completion, request.max_output_tokens
        ):
            return None
        details = reported.get("prompt_tokens_details")
        cached = details.get("cached_tokens") if isinstance(details, dict) else None
        return Usage(
            input_tokens=prompt,
            cached_tokens=cached if _is_count(cached, prompt) and cached <= prompt else 0,
            output_tokens=completion,
            estimated=False,
            cost_usd=_amount(reported.get("cost")),
        )

    def estimated_usage(self) -> Usage:
        return Usage(self._request.input_tokens, 0, count_tokens("".join(self._pieces)), estimated=True)


async def _error_instead_of_stream(response: httpx2.Response, content_type: str) -> LLMError:
    """What a reply with status 200 is that is no stream of events: an error in JSON, or no API at all."""
    body: object = None
    if content_type.startswith("application/json"):
        text = b""
        async for chunk in response.aiter_bytes():
            text += chunk
            if len(text) > MOST_REFUSAL_BYTES:
                break
        with suppress(ValueError):
            body = json.loads(text)
    if not (isinstance(body, Mapping) and body.get("error")):
        return LLMError("not_an_api", reached_host=True)
    fault = _wire_fault(body, phase="stream", status=0)
    return LLMError(classify(fault), reached_host=True, wire_code=_wire_code(fault))


def client_for(endpoint: Endpoint) -> AsyncOpenAI:
    """The client of an endpoint's address in the running loop; it keeps connections, but no key."""
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    client = clients.get(endpoint.base_url)
    if client is None:
        clients[endpoint.base_url] = client = AsyncOpenAI(
            base_url=endpoint.base_url,
            api_key="set-for-each-request",
            default_headers={"Accept-Encoding": "identity"},
            max_retries=0,  # the gateway retries: it alone knows whether text was shown
            http_client=http_client(endpoint),
        )
        # The client picks these up from variables meant for another host.
        client.organization = client.project = client.admin_api_key = None
    return client


def http_client(endpoint: Endpoint, transport: httpx2.AsyncBaseTransport | None = None) -> httpx2.AsyncClient:
    """What carries bytes to an endpoint. transport: another carrier than the network, for tests."""
    return httpx2.AsyncClient(
        # Silence is measured by our own deadlines, on data; comments would reset this one.
        timeout=httpx2.Timeout(None, connect=deadlines().connect),
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=5),
        # Documents go to the host that was agreed to, and to no other.
        follow_redirects=False,
        event_hooks={"response": [bound_reply]},
        trust_env=not is_loopback(urlsplit(endpoint.base_url).hostname or ""),
        transport=transport,
    )


async def close_clients() -> None:
    """Close what the running loop keeps open, before it ends."""
    for client in _clients.pop(asyncio.get_running_loop(), {}).values():
        await client.close()


def authorization(api_key: str) -> dict[str, str | Omit]:
    """The header that carries the key; without one the client's own header is left out.

    Raises LLMError for a key that no header can carry, such as one pasted with a line end inside.
    """
    if not (api_key.isascii() and api_key.isprintable()):
        raise LLMError("key_rejected", reached_host=False)
    return {"Authorization": f"Bearer {api_key}" if api_key else Omit()}


def error_from_client(error: Exception, *, in_stream: bool) -> LLMError:
    """What the client raised, as an LLMError. in_stream: the host had already answered with 200."""
    if isinstance(error, ReplyTooLarge) or isinstance(error.__cause__, ReplyTooLarge):
        return LLMError("too_much_output", reached_host=True)
    if isinstance(error, openai.APIStatusError):
        fault = _wire_fault(error.body, phase="response", status=error.status_code)
        return LLMError(
            classify(fault),
            reached_host=True,
            status=error.status_code,
            wire_code=_wire_code(fault),
            retry_after_seconds=_retry_after(error.response.headers, error.body),
        )
    if isinstance(error, openai.APIConnectionError | httpx2.HTTPError):
        cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else error
        if isinstance(
            cause,
            httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.UnsupportedProtocol,
        ):
            return LLMError(classify(WireFault("connect")), reached_host=False)
        is_timeout = isinstance(error, openai.APITimeoutError | httpx2.TimeoutException)
        return LLMError(classify(WireFault("timeout" if is_timeout else "transport")), reached_host=True)
    if isinstance(error, openai.APIError):
        fault = _wire_fault(error.body, phase="stream", status=0)
        # The status was 200; the one that the error names is for the log.
        return LLMError(classify(fault), reached_host=True, wire_code=_wire_code(fault))
    # Broken JSON or UTF-8 inside the stream, or instead of it.
    return LLMError("stream_error" if in_stream else "not_an_api", reached_host=True)


def _wire_fault(body: object, *, phase: Phase, status: int) -> WireFault:
    """The error in a body of any flavour: nested or flat, with a numeric or a textual code, or no JSON at all."""
    if isinstance(body, Mapping) and isinstance(body.get("error"), Mapping | str):
        body = body["error"]
    fields: Mapping[str, Any] = body if isinstance(body, Mapping) else {"message": body}
    code = fields.get("code")
    if isinstance(code, int) and not status:
        status = code
    return WireFault(
        phase=phase,
        status=status,
        code=_text(code),
        type=_text(fields.get("type")),
        param=_text(fields.get("param")),
        message=_text(fields.get("message")),
    )


def _wire_code(fault: WireFault) -> str:
    return (fault.code or fault.type or str(fault.status or ""))[:80]


def _retry_after(headers: Mapping[str, str], body: object) -> float | None:
    """Seconds that the host asks to wait, by header (milliseconds, seconds or a date) or in the error's metadata."""
    metadata = body.get("metadata") if isinstance(body, Mapping) else None
    stated = [
        (headers.get("retry-after-ms"), 0.001),
        (headers.get("retry-after"), 1.0),
        (metadata.get("retry_after_seconds") if isinstance(metadata, Mapping) else None, 1.0),
    ]
    for value, unit in stated:
        try:
            seconds = float(value) * unit if value is not None else math.nan
        except (TypeError, ValueError):
            seconds = _seconds_until(value)
        if math.isfinite(seconds):
            return max(0.0, seconds)
    return None


def _seconds_until(value: object) -> float:
    try:
        moment = parsedate_to_datetime(str(value))
    except (ValueError, TypeError):
        return math.nan
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _is_count(value: object, counted: int) -> TypeGuard[int]:
    """Whether a reported number of tokens may be true beside our own count."""
    return type(value) is int and 0 <= value <= _MOST_TIMES_COUNTED * counted + 1000


def _amount(value: object) -> Decimal | None:
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 else None
