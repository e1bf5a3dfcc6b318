import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import pytest

from apps.llm import gateway
from apps.llm.gateway import stream_chat, wait_before
from apps.llm.types import Event, TextDelta, Waiting
from tests.llm.conftest import KEY, MakeRequest, collect
from tests.provider_server import ProviderServer


async def test_a_wait_named_by_the_host_is_kept(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    provider_server.script({"status": 429, "headers": {"retry-after-ms": "300"}})
    events, error = await collect(make_request())
    assert error is None
    (wait,) = [event for event in events if isinstance(event, Waiting)]
    assert 0.3 <= wait.seconds <= 0.33
    first, second = provider_server.requests()
    assert second["started_at"] - first["started_at"] >= 0.3


async def test_too_long_a_wait_named_by_the_host_ends_the_call_with_the_time(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    provider_server.settings(status=429, headers={"retry-after": "900"})
    _, error = await collect(make_request())
    assert error is not None
    assert "15 minutes" in error.sentence
    assert error.retry_after_seconds == 900
    assert len(provider_server.requests()) == 1


def test_waits_double_up_to_a_minute_and_vary_by_a_tenth() -> None:
    for attempt, seconds in [(1, 1), (2, 2), (3, 4), (4, 8), (9, 60)]:
        for _ in range(50):
            wait = wait_before(attempt, None)
            assert wait is not None
            assert 0.9 * seconds <= wait <= 1.1 * seconds
    assert wait_before(1, 121) is None


@pytest.mark.parametrize(
    ("limits", "behaviour", "code"),
    [
        ({"first_token": 0.6, "first_token_seconds_per_100k": 1}, {"stall_after": 0}, "timeout"),
        ({"first_token": 0.6}, {"delay_seconds": 5, "comments_every": 0.05}, "timeout"),
        ({"gap": 0.6}, {"stall_after": 1}, "stream_stalled"),
        ({"gap": 0.6}, {"stall_after": 1, "comments_every": 0.05}, "stream_stalled"),
        (
            {"call": 0.3, "gap": 5},
            {"text": "word " * 200, "split": 5, "tokens_per_second": 20},
            "call_too_long",
        ),
    ],
)
async def test_a_silent_host_is_left_in_time_whatever_comments_it_sends(
    provider_server: ProviderServer,
    make_request: MakeRequest,
    monkeypatch: pytest.MonkeyPatch,
    set_deadlines: Callable[..., None],
    limits: dict[str, float],
    behaviour: dict[str, Any],
    code: str,
) -> None:
    monkeypatch.setattr(gateway, "MOST_ATTEMPTS", 1)
    set_deadlines(**limits)
    provider_server.settings(**behaviour)
    async with asyncio.timeout(3):
        _, error = await collect(make_request())
    assert error is not None
    assert (error.code, error.reached_host) == (code, True)
    assert provider_server.wait_for(lambda request: request["disconnected_at"])


async def test_a_long_prompt_gives_the_host_longer(
    provider_server: ProviderServer, make_request: MakeRequest, set_deadlines: Callable[..., None]
) -> None:
    set_deadlines(first_token=0.2)
    provider_server.settings(delay_seconds=0.6)
    _, error = await collect(make_request(input_tokens=100_000))
    assert error is None


@pytest.mark.parametrize("moment", ["before the first text", "in the middle"])
async def test_closing_the_iterator_closes_the_provider_s_connection(
    provider_server: ProviderServer, make_request: MakeRequest, moment: str
) -> None:
    provider_server.settings(text="word " * 1000, split=5, tokens_per_second=50)
    async with aclosing(stream_chat(make_request(), KEY)) as events:
        async for event in events:
            if moment == "before the first text" or isinstance(event, TextDelta):
                break
    if moment == "in the middle":
        provider_server.wait_for(lambda request: request["disconnected_at"], seconds=1)
    else:
        assert provider_server.requests() == []


async def test_cancelling_the_task_closes_the_provider_s_connection(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    provider_server.settings(stall_after=0)
    task = asyncio.create_task(collect(make_request()))
    await asyncio.to_thread(provider_server.wait_for, lambda request: request["received_at"])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(provider_server.wait_for, lambda request: request["disconnected_at"], seconds=1)


async def test_cancelling_while_waiting_ends_the_wait(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    provider_server.settings(status=429, headers={"retry-after": "60"})

    async def until_waiting(events: AsyncIterator[Event]) -> None:
        async for event in events:
            if isinstance(event, Waiting):
                return

    async with asyncio.timeout(3), aclosing(stream_chat(make_request(), KEY)) as events:
        await until_waiting(events)


async def test_deltas_arrive_as_the_host_writes_them(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    provider_server.settings(pieces=["a", "b", "c", "d"], tokens_per_second=10)
    loop = asyncio.get_running_loop()
    times = [loop.time() async for event in stream_chat(make_request(), KEY) if isinstance(event, TextDelta)]
    assert len(times) == 4
    assert all(later - earlier > 0.05 for earlier, later in pairwise(times))


@pytest.mark.parametrize(("attempt", "retry_after"), [(1, None), (3, None), (9, None), (1, 7.0), (4, 120.0)])
def test_waits_spread_evenly_over_their_tenth(attempt: int, retry_after: float | None) -> None:
    low, high = (0.9, 1.1) if retry_after is None else (1.0, 1.1)
    stated = retry_after or min(60.0, 2.0 ** (attempt - 1))
    shares = []
    for seed in range(2_000):
        random.seed(seed)
        wait = wait_before(attempt, retry_after)
        assert wait is not None
        shares.append((wait / stated - low) / (high - low))
    assert all(0 <= share <= 1 for share in shares)
    # Of an even spread each tenth holds a tenth: 200 ± 13, so that nobody returns with everybody else.
    tenths = Counter(min(9, int(share * 10)) for share in shares)
    assert all(140 < tenths[index] < 260 for index in range(10))
