"""The one way to a model: keys, attempts, waits. Whom to ask and what it may cost is decided elsewhere."""

import asyncio
import os
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing

from apps.llm.catalogue import Endpoint
from apps.llm.errors import LLMError
from apps.llm.providers import PROVIDERS
from apps.llm.types import ChatRequest, Event, RequestSent, TextDelta, Waiting

MOST_ATTEMPTS = 5
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
# A host that names a longer time is not waited for: somebody is watching, and the error names the time.
LONGEST_RETRY_AFTER_SECONDS = 120.0


async def stream_chat(request: ChatRequest, api_key: str | None = None) -> AsyncGenerator[Event, None]:
    """One call, as events in the order of `apps.llm.types.Event`.

    Failures that may pass are tried again before the first text, up to 5 attempts with growing waits, each told
    as `Waiting`; after the first text never. Closing the iterator, or cancelling the task that reads it, closes
    the provider's connection at once. api_key: None reads the variable that the catalogue names.
    Raises LLMError.
    """
    endpoint = request.endpoint
    provider = PROVIDERS[endpoint.protocol]
    key = find_api_key(endpoint) if api_key is None else api_key
    has_text = False
    async with provider.prepare(request, key) as call:
        for attempt in range(1, MOST_ATTEMPTS + 1):
            yield RequestSent(attempt, endpoint.id)
            try:
                async with aclosing(call.send()) as events:
                    async for event in events:
                        has_text = has_text or isinstance(event, TextDelta)
                        yield event
                return
            except LLMError as error:
                if has_text or not error.retryable or attempt == MOST_ATTEMPTS:
                    raise
                seconds = wait_before(attempt, error.retry_after_seconds)
                if seconds is None:
                    raise _too_long_a_wait(error) from None
                wait = Waiting(seconds, error.sentence, error.code, error.reached_host)
            yield wait
            await asyncio.sleep(wait.seconds)


def wait_before(attempt: int, retry_after_seconds: float | None) -> float | None:
    """Seconds to wait after a failed attempt (1-based), or None when the host asks for too long a wait.

    min(60, 2ⁿ) ± 10 %, or what the host names plus up to 10 %, so that many callers do not return at once.
    """
    if retry_after_seconds is not None:
        if retry_after_seconds > LONGEST_RETRY_AFTER_SECONDS:
            return None
        return retry_after_seconds * random.uniform(1.0, 1.1)  # noqa: S311 (spreads load, protects nothing)
    wait: float = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** (attempt - 1))
    return wait * random.uniform(0.9, 1.1)  # noqa: S311


def find_api_key(endpoint: Endpoint) -> str:
    """The key from the environment, "" where none is needed. Raises LLMError `no_key`."""
    key = os.environ.get(endpoint.api_key_env, "").strip() if endpoint.api_key_env else ""
    if not key and endpoint.api_key_env and not endpoint.api_key_optional:
        raise LLMError("no_key", reached_host=False)
    return key


def _too_long_a_wait(error: LLMError) -> LLMError:
    minutes = -(-(error.retry_after_seconds or 0) // 60)
    return LLMError(
        error.code,
        sentence=f"{error.sentence} It asks to wait about {minutes:.0f} minutes.",
        reached_host=error.reached_host,
        status=error.status,
        wire_code=error.wire_code,
        retry_after_seconds=error.retry_after_seconds,
    )
