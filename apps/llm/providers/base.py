"""What the gateway asks of a protocol: make a request ready once, send it as often as needed."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from apps.llm.types import ChatRequest, Finished, TextDelta, Usage

CallEvent = TextDelta | Usage | Finished


class Call(Protocol):
    """A request made ready, which may be sent again after an attempt that showed no text."""

    def send(self) -> AsyncGenerator[CallEvent, None]:
        """One attempt: TextDelta…, one Usage, one Finished. Closing the generator closes the connection.

        Raises LLMError, also after some text.
        """
        ...


class Provider(Protocol):
    """One protocol. Leaving the context lets go of whatever making ready took."""

    def prepare(self, request: ChatRequest, api_key: str) -> AbstractAsyncContextManager[Call]: ...
