"""Places within an endpoint's limits, counted in Redis for all workers together.

A host counts calls at once, and requests and tokens of a minute, by account; so do we, for each endpoint and
account. A place is a lease that its worker renews: one that died gives back within 45 s. Whoever finds no place
stands in line: workspaces take turns, and within one its questions go in order, so that a hundred questions of
one workspace keep another's single one waiting for a single place.

While Redis is away each process counts its own calls at once, and nobody counts minutes or turns: the limit may
be exceeded as many times as there are processes, and the host's own refusals, which are retried, hold it then.
"""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import redis.exceptions

from apps.common.redis import cancel_until_done
from apps.llm.catalogue import is_quote_finder
from apps.llm.errors import LLMError
from apps.llm.places import NO_LIMITS, Place
from apps.llm.types import InLine, Target

log = logging.getLogger(__name__)

LONGEST_TURN_SECONDS = 15 * 60.0
"""Longer nobody waits for a place; with the longest call it stays below the broker's patience with a task."""
FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.1, 1.0
_REDIS_ERRORS = (redis.exceptions.RedisError, OSError)

# Joins the line, takes the place when it is this one's turn, else tells how many come before. Redis's own clock
# is the one clock of all workers. Places left by the dead, and the dead in line, are removed at every look.
_TAKE = """
local held, line, alive, turns, sequence, minute = unpack(KEYS)
local me, workspace = ARGV[1], ARGV[2]
local tokens, concurrency, rpm, tpm = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local lease_ms, alive_ms, minute_ms = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

redis.call('ZREMRANGEBYSCORE', held, '-inf', now)
redis.call('ZREMRANGEBYSCORE', minute, '-inf', now - minute_ms)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', alive, '-inf', now)) do
  redis.call('ZREM', alive, gone)
  redis.call('ZREM', line, gone)
end
if not redis.call('ZSCORE', line, me) then
  redis.call('ZADD', line, redis.call('INCR', sequence), me)
end
redis.call('ZADD', alive, now + alive_ms, me)

-- Of each workspace: how many wait, and where its first one stands in line.
local waiting, first, before_me = {}, {}, 0
for position, one in ipairs(redis.call('ZRANGE', line, 0, -1)) do
  local owner = string.match(one, '^[^|]*')
  if one == me then before_me = waiting[owner] or 0 end
  waiting[owner] = (waiting[owner] or 0) + 1
  first[owner] = first[owner] or position
end
-- The workspace whose last turn lies furthest back comes first in each round; I go in my own (before_me + 1)th.
local my_turn = tonumber(redis.call('HGET', turns, workspace) or 0)
local ahead = before_me
for owner, count in pairs(waiting) do
  if owner ~= workspace then
    local turn = tonumber(redis.call('HGET', turns, owner) or 0)
    local is_earlier = turn < my_turn or (turn == my_turn and first[owner] < first[workspace])
    ahead = ahead + math.min(count, before_me + (is_earlier and 1 or 0))
  end
end

local reason = ''
if redis.call('ZCARD', held) + ahead >= concurrency then
  reason = 'place'
elseif rpm > 0 and redis.call('ZCARD', minute) + ahead >= rpm then
  reason = 'requests'
elseif tpm > 0 then
  local sent = 0
  for _, one in ipairs(redis.call('ZRANGE', minute, 0, -1)) do
    sent = sent + tonumber(string.match(one, '|(%d+)$'))
  end
  -- What those before me will send is not known here, so they go first.
  if ahead > 0 or (sent > 0 and sent + tokens > tpm) then reason = 'tokens' end
end
if reason == '' then
  redis.call('ZREM', line, me)
  redis.call('ZREM', alive, me)
  redis.call('ZADD', held, now + lease_ms, me)
  redis.call('HSET', turns, workspace, redis.call('INCR', sequence))
  if rpm > 0 or tpm > 0 then redis.call('ZADD', minute, now, me .. '|' .. tokens) end
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, 3600000) end
return {reason, ahead}
"""

_RENEW = """
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[2]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], 3600000)
"""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds. lease: a place not renewed for this long is free. alive: as long one in line may stay silent."""

    lease: float = 45.0
    renew: float = 15.0
    alive: float = 10.0
    minute: float = 60.0


@dataclass(slots=True)
class OwnCalls:
    """What this process itself has under way and waiting, by endpoint and account; for when Redis is away."""

    held: dict[str, set[str]] = field(default_factory=dict)
    line: dict[str, list[str]] = field(default_factory=dict)


class SharedPlaces:
    """The places as one workspace's calls see them."""

    def __init__(self, client: Any, workspace: str, own: OwnCalls, times: Times | None = None) -> None:
        self._client = client
        self._workspace = workspace
        self._own = own
        self._times = times or Times()

    def place(self, target: Target) -> AbstractAsyncContextManager[Place]:
        if is_quote_finder(target.request.endpoint):
            return NO_LIMITS.place(target)
        return _SharedPlace(self._client, self._workspace, self._own, self._times, target)


class _SharedPlace:
    def __init__(self, client: Any, workspace: str, own: OwnCalls, times: Times, target: Target) -> None:
        endpoint = target.request.endpoint
        self._client = client
        self._own = own
        self._times = times
        self._endpoint = endpoint
        self._workspace = workspace
        self._tokens = _tokens_of_minute(target)
        self._name = f"places:{endpoint.id}:{target.account}"
        self._keys = [
            f"{self._name}:{part}" for part in ("held", "line", "alive", "turns", "sequence", "minute")
        ]
        self._me = f"{workspace}|{uuid.uuid4().hex}"
        self._held = own.held.setdefault(self._name, set())
        self._line = own.line.setdefault(self._name, [])
        self._renewing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.discard(self._me)
        if self._me in self._line:
            self._line.remove(self._me)
        if self._renewing is not None:
            # A renewal that outlived this would put the place back.
            await cancel_until_done(self._renewing)
        try:
            pipe = self._client.pipeline(transaction=False)
            for key in self._keys[:3]:
                pipe.zrem(key, self._me)
            await pipe.execute()
        except _REDIS_ERRORS:
            log.warning("a place at %s could not be given back; its lease runs out", self._endpoint.id)

    async def wait(self) -> AsyncGenerator[InLine, None]:
        """Ends once the place is had; raises LLMError `no_place` after a quarter of an hour."""
        clock = asyncio.get_running_loop().time
        ends = clock() + LONGEST_TURN_SECONDS
        pause, told = FIRST_LOOK_SECONDS, None
        self._line.append(self._me)
        while (standing := await self._look()) is not None:
            if standing != told:
                told = standing
                yield standing
            if clock() >= ends:
                raise LLMError("no_place", reached_host=False)
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 (spreads load)
            pause = min(LONGEST_LOOK_SECONDS, pause * 1.5)
        self._line.remove(self._me)
        self._held.add(self._me)
        self._renewing = asyncio.create_task(self._renew())

    async def _look(self) -> InLine | None:
        """How one stands; None once the place is taken."""
        endpoint, times = self._endpoint, self._times
        try:
            reason, ahead = await self._client.register_script(_TAKE)(
                self._keys,
                [
                    self._me,
                    self._workspace,
                    self._tokens,
                    endpoint.concurrency,
                    endpoint.requests_per_minute,
                    endpoint.tokens_per_minute,
                    *(round(seconds * 1000) for seconds in (times.lease, times.alive, times.minute)),
                ],
            )
        except _REDIS_ERRORS:
            return self._look_here()
        return InLine(endpoint.id, int(ahead), reason.decode()) if reason else None

    def _look_here(self) -> InLine | None:
        """By this process's own calls alone."""
        ahead = self._line.index(self._me)
        has_place = len(self._held) + ahead < self._endpoint.concurrency
        return None if has_place else InLine(self._endpoint.id, ahead)

    async def _renew(self) -> None:
        """Also puts a place back that a restarted Redis has forgotten, or that was taken without it."""
        while True:
            await asyncio.sleep(self._times.renew)
            try:
                await self._client.register_script(_RENEW)(
                    self._keys[:1], [self._me, round(self._times.lease * 1000)]
                )
            except _REDIS_ERRORS:
                log.warning("a place at %s could not be renewed", self._endpoint.id)


def _tokens_of_minute(target: Target) -> int:
    """What a call takes of its endpoint's tokens a minute."""
    request, endpoint = target.request, target.request.endpoint
    answer = request.max_output_tokens if endpoint.output_counts_against_rate else 0
    return request.input_tokens + answer
