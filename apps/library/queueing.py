"""Whose turn it is. A message only says that something waits; what a worker takes is decided here, by the rows.

Workspaces take turns: first the one for which the fewest are being read, then the one whose last turn is longest
ago, then, inside it, whoever waits longest. So one document of a quiet workspace overtakes the hundreds of a busy
one, whatever stands in the broker's queue before it.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from celery import current_app
from django.db import transaction
from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from redis.exceptions import RedisError

from apps.common.redis import look_redis
from apps.library import holds, leaving
from apps.library.models import Revision
from apps.workspaces.models import Workspace

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
"""Attempts in a row that stored no page."""
UNFINISHED = [Revision.Status.UPLOADED, Revision.Status.READING]
_HINT_GRACE = timedelta(seconds=5)
"""A revision that waits for less than this has its message on the way."""
_MOST_HINTS = 100
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Queue(StrEnum):
    """A kind of work that revisions wait for."""

    TEXT = "text"
    FIGURES = "figures"
    """Of readings that are ready; looked for only when no text waits."""
    RECOGNITION = "recognition"

    @property
    def broker_queue(self) -> str:
        """Where the messages stand. Those of text and figures stand together: workers of one do the other."""
        return "ocr" if self == Queue.RECOGNITION else "ingest"

    @property
    def task(self) -> str:
        """The name of the task that works on what waits here."""
        return {
            Queue.TEXT: "apps.library.tasks.ingest_revision",
            Queue.FIGURES: "apps.library.tasks.keep_figures",
            Queue.RECOGNITION: "apps.library.tasks.recognise_revision",
        }[self]


def queue_of(revision: Revision) -> Queue:
    """What a revision waits or is worked on for, as its row was when it was loaded."""
    if revision.status == Revision.Status.READY:
        return Queue.FIGURES
    return Queue.TEXT if revision.base_id is None else Queue.RECOGNITION


def take_turn(queue: Queue, work: Callable[[str], bool]) -> bool:
    """Let work have the revision whose turn it is; gives whether there was one.

    work: gets an id, gives whether it could claim it; when another worker was faster, the next one is chosen.
    What processes that died here held is let go of first: a message that comes again was often theirs.
    """
    if leaving.is_leaving():
        return False
    if holds.dead_claims():
        settle_lost()
    while (revision_id := next_waiting(queue)) is not None:
        if work(str(revision_id)):
            return True
    return False


def next_waiting(queue: Queue) -> uuid.UUID | None:
    """The revision that should be taken next, or None. Four queries at most, however many wait."""
    waiting = _waiting(queue)
    workspaces = list(waiting.order_by().values("workspace_id").annotate(since=Min("queued_at")))
    if not workspaces:
        return None
    chosen = workspaces[0]["workspace_id"]
    if len(workspaces) > 1:
        busy = _busy(queue)
        last = _last_turns(queue, [one["workspace_id"] for one in workspaces])
        chosen = min(
            workspaces,
            key=lambda one: (
                busy.get(one["workspace_id"], 0),
                last[one["workspace_id"]] or _LONG_AGO,
                one["since"],
            ),
        )["workspace_id"]
    return (
        waiting.filter(workspace_id=chosen).order_by("queued_at", "pk").values_list("pk", flat=True).first()
    )


def others_wait(revision: Revision) -> bool:
    """Whether another workspace waits in this revision's queue and has nobody reading for it. One query."""
    queue = queue_of(revision)
    return (
        _waiting_for_a_moment(queue)
        .exclude(workspace_id=revision.workspace_id)
        .exclude(workspace_id__in=_running(queue).values("workspace_id"))
        .exists()
    )


def text_waits() -> bool:
    """Whether a document of any workspace waits to be read. One query."""
    return _waiting_for_a_moment(Queue.TEXT).exists()


def send_hint(queue: Queue, count: int = 1) -> None:
    """Tell workers that something waits, once the rows say so; a broker that is down is passed over.

    The id that the task takes is that of the longest waiting; which one is read is decided on arrival.
    """

    def publish() -> None:
        for revision_id in _waiting(queue).order_by("queued_at").values_list("pk", flat=True)[:count]:
            current_app.send_task(queue.task, args=[str(revision_id)])

    transaction.on_commit(publish, robust=True)


def settle_lost() -> None:
    """Let go of what dead workers held, give up what was lost three times, repeat hints that went missing."""
    dead = holds.dead_claims()
    now = timezone.now()
    is_lost = Q(claimed_until__lt=now) | Q(claim__in=dead)
    for revision in _running(Queue.FIGURES).filter(is_lost).only("pk", "attempts", "claim"):
        # However often: a document that is ready does not fail, and the turn after the last gives its figures up.
        Revision.objects.filter(pk=revision.pk, claim=revision.claim).update(
            claim=None, claimed_until=None, **place_after(revision.attempts)
        )
    lost = Revision.objects.filter(is_lost, status__in=UNFINISHED, document__deleted_at=None)
    for revision in lost.only("pk", "attempts", "claim"):
        # The claim is part of the condition: a worker that took it meanwhile keeps it.
        same = Revision.objects.filter(pk=revision.pk, claim=revision.claim, status__in=UNFINISHED)
        if revision.attempts < MAX_ATTEMPTS:
            same.update(claim=None, claimed_until=None, **place_after(revision.attempts))
            continue
        same.update(
            status=Revision.Status.FAILED,
            stage="",
            claim=None,
            claimed_until=None,
            error_code="worker_died",
            error_sentence="Reading was interrupted three times and given up. Retry; if it stays, "
            "the file or this machine's memory is the cause.",
        )
        log.warning("revision %s given up after %d attempts", revision.pk, revision.attempts)
    holds.forget(dead)


def place_after(attempts: int) -> dict[str, datetime]:
    """What a lost attempt changes of a revision's place: after the first it goes on where it was, then behind others.

    Whatever kills workers just now may be over by then, and if the file does it, others were read before.
    """
    return {"queued_at": timezone.now()} if attempts > 1 else {}


def repeat_lost_hints() -> None:
    """As many messages as revisions wait, no more: a broker that was flushed gets them again."""
    messages: dict[str, int] = {}
    for queue in Queue:
        waiting = _waiting(queue).filter(queued_at__lt=timezone.now() - _HINT_GRACE).count()
        wanted = min(waiting, _MOST_HINTS)
        if not wanted:
            continue
        there = messages[queue.broker_queue] if queue.broker_queue in messages else _messages(queue)
        # What one kind of work needs of them is not there for the other.
        messages[queue.broker_queue] = max(0, there - wanted)
        if wanted > there:
            send_hint(queue, wanted - there)


def _messages(queue: Queue) -> int:
    try:
        return int(look_redis().llen(queue.broker_queue))
    except RedisError:
        # Nobody can be told anything now.
        return _MOST_HINTS


def _of(queue: Queue) -> QuerySet[Revision]:
    if queue == Queue.FIGURES:
        return Revision.objects.filter(
            status=Revision.Status.READY, base=None, figures_at=None, document__deleted_at=None
        )
    return Revision.objects.filter(
        status__in=UNFINISHED, document__deleted_at=None, base__isnull=queue == Queue.TEXT
    )


def _waiting(queue: Queue) -> QuerySet[Revision]:
    # A claim that ran out still stands until settle_lost has counted its attempt.
    return _of(queue).filter(claim=None)


def _waiting_for_a_moment(queue: Queue) -> QuerySet[Revision]:
    """Without those that came just now: a worker that is free takes them."""
    return _waiting(queue).filter(queued_at__lt=timezone.now() - timedelta(seconds=1))


def _running(queue: Queue) -> QuerySet[Revision]:
    return _of(queue).filter(claim__isnull=False)


def _busy(queue: Queue) -> dict[uuid.UUID, int]:
    """How many are being read, by workspace."""
    return dict(_running(queue).order_by().values_list("workspace_id").annotate(count=Count("pk")))


def _last_turns(queue: Queue, workspaces: list[uuid.UUID]) -> dict[uuid.UUID, datetime | None]:
    """When a workspace was last served, by its id; None for never."""
    turns = Revision.objects.filter(
        workspace_id=OuterRef("pk"), base__isnull=queue != Queue.RECOGNITION, taken_at__isnull=False
    ).order_by("-taken_at")
    return dict(
        Workspace.objects.filter(pk__in=workspaces)
        .annotate(last=Subquery(turns.values("taken_at")[:1]))
        .values_list("pk", "last")
    )
