"""Replies written by a test, for tests in one process; across processes there is tests/provider_server.py."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from apps.llm import providers
from apps.llm.catalogue import Endpoint
from apps.llm.errors import LLMError
from apps.llm.providers.base import CallEvent
from apps.llm.tokens import count_tokens
from apps.llm.types import ChatRequest, Finished, FinishReason, TextDelta, Usage


@dataclass(frozen=True, slots=True)
class Reply:
    """One attempt's outcome: the deltas, then the error if there is one, else usage and finish."""

    deltas: tuple[str, ...] = ()
    error: LLMError | None = None
    finish_reason: FinishReason = "stop"
    usage: Usage | None = None
    pause_seconds: float = 0
    """Between deltas."""


@dataclass(slots=True)
class Script:
    """Replies in the order of attempts, and what was asked. An attempt without a reply is a test's mistake."""

    endpoint: Endpoint
    replies: deque[Reply] = field(default_factory=deque)
    requests: list[ChatRequest] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    api_keys: list[str] = field(default_factory=list)

    def reply(
        self,
        *deltas: str,
        error: LLMError | None = None,
        finish_reason: FinishReason = "stop",
        pause_seconds: float = 0,
    ) -> None:
        self.replies.append(Reply(deltas, error, finish_reason, pause_seconds=pause_seconds))

    @asynccontextmanager
    async def prepare(self, request: ChatRequest, api_key: str) -> AsyncIterator["_ScriptedCall"]:
        self.requests.append(request)
        # In a thread, as for a real request: parts may come from the database.
        self.prompts.append(await asyncio.to_thread(_whole_prompt, request))
        self.api_keys.append(api_key)
        yield _ScriptedCall(self, request)


def _whole_prompt(request: ChatRequest) -> str:
    return "".join(part for message in request.messages for part in message.iter_parts())


@contextmanager
def scripted_provider(*, endpoint_id: str = "scripted", family: str = "scout") -> Iterator[Script]:
    """A provider for endpoints of the protocol "scripted", for the time of the context."""
    endpoint = Endpoint(
        id=endpoint_id,
        provider="scripted",
        protocol="scripted",
        base_url="",
        model_id=endpoint_id,
        family=family,
        context_tokens=327_680,
        max_output_tokens=8192,
    )
    script = Script(endpoint)
    providers.PROVIDERS["scripted"] = script
    try:
        yield script
    finally:
        del providers.PROVIDERS["scripted"]


class _ScriptedCall:
    def __init__(self, script: Script, request: ChatRequest) -> None:
        self._script = script
        self._request = request

    async def send(self) -> AsyncGenerator[CallEvent, None]:
        assert self._script.replies, "The test wrote no reply for this attempt."
        reply = self._script.replies.popleft()
        for index, delta in enumerate(reply.deltas):
            if index:
                await asyncio.sleep(reply.pause_seconds)
            yield TextDelta(delta)
        if reply.error is not None:
            raise reply.error
        output_tokens = count_tokens("".join(reply.deltas))
        yield reply.usage or Usage(self._request.input_tokens, 0, output_tokens, estimated=False)
        yield Finished(reply.finish_reason)
