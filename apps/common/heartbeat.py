"""A worker's sign of life in Redis, one key per queue it serves, which /readyz looks for."""

from __future__ import annotations

import logging
import threading
from typing import Any

import redis.exceptions
from celery.signals import worker_ready, worker_shutting_down

from apps.common.health import HEARTBEAT_SECONDS, heartbeat_key
from apps.common.redis import sync_redis

log = logging.getLogger(__name__)

RENEW_SECONDS = 10
_leaving = threading.Event()


@worker_ready.connect
def _begin(sender: Any, **_: object) -> None:
    queues = list(sender.app.amqp.queues.consume_from)
    threading.Thread(target=_beat, args=(queues,), name="heartbeat", daemon=True).start()


@worker_shutting_down.connect
def _end(**_: object) -> None:
    _leaving.set()


def _beat(queues: list[str]) -> None:
    while True:
        try:
            for queue in queues:
                sync_redis().set(heartbeat_key(queue), "alive", ex=HEARTBEAT_SECONDS)
        except (redis.exceptions.RedisError, OSError):
            log.warning("no sign of life could be given: Redis does not answer")
        if _leaving.wait(RENEW_SECONDS):
            return
