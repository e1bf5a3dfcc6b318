"""What a call waits for before it is sent: a place within the limits of its endpoint."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol

from apps.llm.types import InLine, Target


class Place(Protocol):
    def wait(self) -> AsyncGenerator[InLine, None]:
        """Ends once the place is had; until then tells how one stands, first and whenever that changes.

        Raises LLMError `no_place` when it takes too long.
        """
        ...


class Places(Protocol):
    """Places at endpoints. Leaving the context gives the place back, or leaves the line."""

    def place(self, target: Target) -> AbstractAsyncContextManager[Place]: ...


class _Unlimited:
    """For callers that nobody else shares an endpoint with: probes, evaluations, tests."""

    def place(self, target: Target) -> AbstractAsyncContextManager[Place]:
        return nullcontext(self)

    async def wait(self) -> AsyncGenerator[InLine, None]:
        return
        yield


NO_LIMITS: Places = _Unlimited()
