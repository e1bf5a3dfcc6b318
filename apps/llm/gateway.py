"""The one way to a model: keys, places, attempts, waits. Whom to ask and what it may cost is decided elsewhere.

The running loop's clock is the only clock here and in the providers, so a loop with a clock of its own (tests)
sees every wait and every deadline.
"""

import asyncio
import os
import random
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing
from itertools import count, zip_longest

from apps.llm.catalogue import Endpoint
from apps.llm.deadlines import deadlines
from apps.llm.errors import LLMError
from apps.llm.places import NO_LIMITS, Places
from apps.llm.providers import PROVIDERS
from apps.llm.types import ChatRequest, Event, RequestSent, Target, TextDelta, Waiting

MOST_ATTEMPTS = 5
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
# A host that names a longer time is not waited for: somebody is watching, and the error names the time.
LONGEST_RETRY_AFTER_SECONDS = 120.0


async def stream_chat(
    request: ChatRequest,
    api_key: str | None = None,
    *,
    account: str = "",
    fallbacks: Sequence[Target] = (),
    places: Places = NO_LIMITS,
) -> AsyncGenerator[Event, None]:
    """One call, as events in the order of `apps.llm.types.Event`.

    Failures that may pass are tried again before the first text, up to 5 attempts with growing waits, each told
    as `Waiting`; then, or when a host fails for a reason of its own, the next of `fallbacks` is asked in the
    same way. After the first text nothing is tried again. No attempt begins once `Deadlines.call` has passed
    since the first. Closing the iterator, or cancelling the task that reads it, closes the provider's
    connection at once and gives the place back. api_key: None reads the variable that the catalogue names.
    Raises LLMError.
    """
    targets = [Target(request, api_key, account), *fallbacks]
    tries = _Tries()
    for target, following in zip_longest(targets, targets[1:]):
        try:
            async with aclosing(_ask(target, tries, places)) as events:
                async for event in events:
                    yield event
            return
        except LLMError as error:
            if following is None or tries.has_text or not error.other_host or tries.is_late():
                raise
            moved = Waiting(0.0, error.sentence, error, following.request.endpoint.id)
        yield moved


class _Tries:
    """What the attempts of one call share."""

    def __init__(self) -> None:
        self.numbers: Iterator[int] = count(1)
        self.has_text = False
        self._latest = 0.0

    def begin(self) -> int:
        """The number of an attempt that starts now."""
        number = next(self.numbers)
        if number == 1:
            self._latest = asyncio.get_running_loop().time() + deadlines().call
        return number

    def is_late(self, after_seconds: float = 0.0) -> bool:
        """Whether an attempt after so many seconds would begin too late."""
        return bool(self._latest) and asyncio.get_running_loop().time() + after_seconds >= self._latest


async def _ask(target: Target, tries: _Tries, places: Places) -> AsyncGenerator[Event, None]:
    """All attempts at one endpoint. Raises the last one's LLMError."""
    request, endpoint = target.request, target.request.endpoint
    key = find_api_key(endpoint) if target.api_key is None else target.api_key
    async with AsyncExitStack() as stack:
        call = None
        for attempt in range(1, MOST_ATTEMPTS + 1):
            try:
                async with places.place(target) as place:
                    async with aclosing(place.wait()) as standings:
                        async for standing in standings:
                            yield standing
                    if call is None:  # not earlier: a prompt that waits its turn takes no room on the disk
                        call = await stack.enter_async_context(
                            PROVIDERS[endpoint.protocol].prepare(request, key)
                        )
                    yield RequestSent(tries.begin(), endpoint.id)
                    async with aclosing(call.send()) as events:
                        async for event in events:
                            tries.has_text = tries.has_text or isinstance(event, TextDelta)
                            yield event
                return
            except LLMError as error:
                if tries.has_text or not error.retryable or attempt == MOST_ATTEMPTS:
                    raise
                seconds = wait_before(attempt, error.retry_after_seconds)
                if seconds is None:
                    raise _too_long_a_wait(error) from None
                if tries.is_late(seconds):
                    raise
                wait = Waiting(seconds, error.sentence, error, endpoint.id)
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
