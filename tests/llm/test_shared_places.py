"""Places within an endpoint's limits, shared by workers through a real Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
import redis.asyncio
from redis import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from apps.common.redis import async_redis
from apps.llm import shared_places
from apps.llm.catalogue import Endpoint
from apps.llm.errors import LLMError
from apps.llm.shared_places import OwnCalls, SharedPlaces, Times
from apps.llm.types import ChatRequest, InLine, Target

pytestmark = pytest.mark.services

QUICK = Times(lease=0.6, renew=0.2, alive=0.6, minute=1.0)


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_places, "FIRST_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(shared_places, "LONGEST_LOOK_SECONDS", 0.02)


@pytest.fixture
async def client(redis_client: Redis) -> AsyncIterator[redis.asyncio.Redis]:
    made = async_redis(retries=0)
    yield made
    await made.aclose()


def target(*, input_tokens: int = 100, account: str = "", **limits: Any) -> Target:
    endpoint = Endpoint(
        id="busy",
        provider="custom",
        base_url="http://busy.test/v1",
        model_id="m",
        family="scout",
        context_tokens=100_000,
        max_output_tokens=1_000,
        **{"concurrency": 1, **limits},
    )
    return Target(ChatRequest(endpoint, (), input_tokens, 100), account=account)


class Worker:
    """A process with calls of its own, for as many workspaces as it likes; keeps who got a place, in order."""

    def __init__(self, client: Any, times: Times = QUICK) -> None:
        self.client, self.times = client, times
        self.own = OwnCalls()
        self.order: list[str] = []
        self.inside = self.most_inside = 0
        self.starts: list[float] = []
        self.told: list[InLine] = []
        self.may_leave = asyncio.Event()
        self.may_leave.set()

    async def call(self, workspace: str, to: Target, seconds: float = 0.01) -> None:
        places = SharedPlaces(self.client, workspace, self.own, self.times)
        async with places.place(to) as place:
            async for standing in place.wait():
                self.told.append(standing)
            self.order.append(workspace)
            self.starts.append(time.monotonic())
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
            await asyncio.sleep(seconds)
            await self.may_leave.wait()
            self.inside -= 1


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (what is awaited has no event)
            await asyncio.sleep(0.01)


async def test_no_more_calls_run_at_once_than_the_endpoint_takes(client: Any) -> None:
    workers = [Worker(client), Worker(client)]
    inside = most = 0

    async def call(worker: Worker, workspace: str) -> None:
        nonlocal inside, most
        places = SharedPlaces(client, workspace, worker.own, QUICK)
        async with places.place(target(concurrency=3)) as place:
            async for _ in place.wait():
                pass
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.01)
            inside -= 1

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for number in range(60):
            group.create_task(call(workers[number % 2], f"w{number % 5}"))
    assert most == 3


async def test_workspaces_take_turns_and_each_keeps_its_own_order(client: Any) -> None:
    worker = Worker(client)
    worker.may_leave.clear()
    holder = asyncio.create_task(worker.call("holder", target()))
    await until(lambda: worker.order == ["holder"])
    calls = [holder]
    for place, workspace in enumerate([*["many"] * 12, *["few"] * 2, "one"], start=1):
        calls.append(asyncio.create_task(worker.call(workspace, target(), 0.03)))
        await until(lambda place=place: len(worker.told) >= place)
    worker.may_leave.set()
    async with asyncio.timeout(20):
        await asyncio.gather(*calls)
    assert worker.order[1:6] == ["many", "few", "one", "many", "few"]
    assert worker.order[6:] == ["many"] * 10


async def test_whoever_waits_is_told_how_many_come_before(client: Any) -> None:
    worker, second, third = Worker(client), Worker(client), Worker(client)
    worker.may_leave.clear()
    second.may_leave.clear()
    calls = [asyncio.create_task(worker.call("a", target()))]
    await until(lambda: bool(worker.order))
    for one in (second, third):
        calls.append(asyncio.create_task(one.call("a", target())))
        await until(lambda one=one: bool(one.told))
    assert second.told == [InLine("busy", 0, "place")]
    assert third.told == [InLine("busy", 1, "place")]
    worker.may_leave.set()
    await until(lambda: third.told[-1] == InLine("busy", 0, "place"))
    second.may_leave.set()
    async with asyncio.timeout(10):
        await asyncio.gather(*calls)


async def test_a_dead_worker_s_place_is_free_again_when_its_lease_ends(client: Any) -> None:
    dead = SharedPlaces(client, "a", OwnCalls(), Times(lease=0.6, renew=60, alive=0.6)).place(target())
    place = await dead.__aenter__()
    assert [standing async for standing in place.wait()] == []
    worker, began = Worker(client), time.monotonic()
    async with asyncio.timeout(10):
        await worker.call("b", target())
    assert 0.4 < time.monotonic() - began < 5
    assert Times().lease < 60


async def test_a_living_worker_keeps_its_place_for_as_long_as_it_needs(client: Any) -> None:
    long, other = Worker(client), Worker(client)
    calls = [asyncio.create_task(long.call("a", target(), 1.5))]
    await until(lambda: bool(long.order))
    calls.append(asyncio.create_task(other.call("b", target())))
    async with asyncio.timeout(10):
        await asyncio.gather(*calls)
    assert other.starts[0] - long.starts[0] >= 1.5


async def test_one_who_died_in_line_holds_nobody_up(client: Any) -> None:
    worker = Worker(client)
    holder = asyncio.create_task(worker.call("a", target(), 0.2))
    await until(lambda: bool(worker.order))
    places = SharedPlaces(client, "gone", OwnCalls(), QUICK)
    place = await places.place(target()).__aenter__()
    assert await anext(place.wait()) == InLine("busy", 0, "place")  # and never looks again
    async with asyncio.timeout(10):
        await worker.call("b", target())
        await holder
    assert worker.order == ["a", "b"]


async def test_stopping_leaves_the_line_at_once(client: Any) -> None:
    worker = Worker(client)
    holder = asyncio.create_task(worker.call("a", target(), 0.4))
    await until(lambda: bool(worker.order))
    stopped = asyncio.create_task(worker.call("b", target()))
    await until(lambda: bool(worker.told))
    stopped.cancel()
    with suppress(asyncio.CancelledError):
        await stopped
    assert await client.zcard("places:busy::line") == 0
    await holder
    assert await client.zcard("places:busy::held") == 0


@pytest.mark.parametrize(
    ("limits", "input_tokens", "most", "reason"),
    [
        ({"requests_per_minute": 4}, 100, 4, "requests"),
        ({"tokens_per_minute": 1_000}, 300, 3, "tokens"),
        ({"tokens_per_minute": 1_000, "output_counts_against_rate": True}, 400, 2, "tokens"),
    ],
)
async def test_no_minute_takes_more_than_its_limit(
    client: Any, limits: dict[str, Any], input_tokens: int, most: int, reason: str
) -> None:
    worker = Worker(client)
    to = target(input_tokens=input_tokens, concurrency=50, **limits)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for number in range(3 * most):
            group.create_task(worker.call(f"w{number % 3}", to, 0.0))
    starts = sorted(worker.starts)
    # The clock of Redis and ours meet within some milliseconds of a look.
    assert all(
        later - first >= QUICK.minute - 0.1 for first, later in zip(starts, starts[most:], strict=False)
    )
    assert {standing.reason for standing in worker.told} == {reason}


async def test_a_request_larger_than_a_minute_goes_alone_instead_of_never(client: Any) -> None:
    worker = Worker(client)
    async with asyncio.timeout(5):
        await worker.call("a", target(input_tokens=9_000, tokens_per_minute=1_000))
    assert worker.order == ["a"]


async def test_another_account_at_the_host_has_places_of_its_own(client: Any) -> None:
    worker = Worker(client)
    holder = asyncio.create_task(worker.call("a", target(), 0.5))
    await until(lambda: bool(worker.order))
    await worker.call("b", target(account="b"))
    assert not holder.done()
    await holder


async def test_without_redis_a_process_keeps_to_the_limit_by_itself() -> None:
    worker = Worker(redis.asyncio.Redis(host="127.0.0.1", port=9, retry=Retry(NoBackoff(), 0)))
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for number in range(12):
            group.create_task(worker.call(f"w{number}", target(concurrency=2), 0.1))
    assert worker.most_inside == 2
    assert len(worker.order) == 12


async def test_a_place_that_redis_forgot_is_put_back(client: Any) -> None:
    worker = Worker(client)
    holder = asyncio.create_task(worker.call("a", target(), 0.8))
    await until(lambda: bool(worker.order))
    await client.flushall()
    await asyncio.sleep(0.4)
    assert await client.zcard("places:busy::held") == 1
    await holder


async def test_nobody_waits_for_ever(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_places, "LONGEST_TURN_SECONDS", 0.1)
    worker = Worker(client)
    holder = asyncio.create_task(worker.call("a", target(), 0.5))
    await until(lambda: bool(worker.order))
    with pytest.raises(LLMError) as refused:
        await worker.call("b", target())
    assert (refused.value.code, refused.value.reached_host) == ("no_place", False)
    await holder


async def test_a_look_costs_little(client: Any) -> None:
    worker = Worker(client)
    took = []
    for _ in range(100):
        began = time.perf_counter()
        await worker.call("a", target(concurrency=20, requests_per_minute=100_000), 0)
        took.append(time.perf_counter() - began)
    assert all(later >= earlier for earlier, later in pairwise(worker.starts))
    assert sorted(took)[50] < 0.05
