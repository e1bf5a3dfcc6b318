"""Counts for monitoring, in the text format of Prometheus: for this machine, or for who holds the token."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from redis import RedisError

from apps.common.addresses import is_loopback
from apps.common.health import heartbeat_key, queues
from apps.common.redis import look_redis
from apps.conversations.models import Answer
from apps.library.models import Revision


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """404 without the token, so that the page is not there for strangers."""
    if not may_read(request):
        raise Http404
    return HttpResponse("\n".join(lines()) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


def may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        return constant_time_compare(
            request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"
        )
    # A request that came through a proxy of ours comes from elsewhere, even if its connection does not.
    is_forwarded = bool(request.headers.get("X-Forwarded-For") or request.headers.get("Forwarded"))
    return not is_forwarded and is_loopback(request.META.get("REMOTE_ADDR", ""))


def lines() -> Iterator[str]:
    """Queue lengths, workers alive, documents and answers by state. Two queries, one trip to Redis."""
    yield from _gauge("docanalyst_documents", "Readings of documents by state", "state", _by_status(Revision))
    yield from _gauge("docanalyst_answers", "Answers by state", "state", _by_status(Answer))
    try:
        redis = look_redis()
        lengths = {queue: int(redis.llen(queue)) for queue in queues()}
        alive = {queue: int(redis.exists(heartbeat_key(queue))) for queue in queues()}
    except RedisError:
        yield from _gauge("docanalyst_redis_up", "Whether Redis answers", None, {"": 0})
        return
    yield from _gauge("docanalyst_redis_up", "Whether Redis answers", None, {"": 1})
    yield from _gauge("docanalyst_queue_length", "Tasks that wait", "queue", lengths)
    yield from _gauge("docanalyst_worker_up", "Whether a worker of the queue is alive", "queue", alive)


def _by_status(model: type[Revision] | type[Answer]) -> dict[str, int]:
    counted = dict(model.objects.order_by().values_list("status").annotate(count=Count("pk")))
    return {status: counted.get(status, 0) for status in model.Status.values}


def _gauge(name: str, help_text: str, label: str | None, values: dict[str, int]) -> Iterator[str]:
    yield f"# HELP {name} {help_text}."
    yield f"# TYPE {name} gauge"
    for value, count in values.items():
        yield f'{name}{{{label}="{value}"}} {count}' if label else f"{name} {count}"
