"""Answers whose message or worker was lost. Runs every ten seconds on any living `answers` worker."""

from __future__ import annotations

import logging
import time
import uuid
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.common.queues import queue_on_commit
from apps.conversations.models import Answer
from apps.conversations.outcome import Outcome, end_answer
from apps.conversations.services import end_outside_worker
from apps.conversations.snapshots import fold_events, is_whole, snapshot_of_row
from apps.conversations.stream import Snapshot, append_now, read_now

log = logging.getLogger(__name__)

WAITING_TOO_LONG = timedelta(seconds=60)
MAX_ATTEMPTS = 3
SECOND_LOOK_SECONDS = 3.0
"""A clock that was set, or a machine that slept, makes every claim look old. A worker that lives renews it within
this time (answering.ROW_SECONDS, loop.DATABASE_PAUSES_SECONDS)."""


def reap_answers() -> None:
    now = timezone.now()
    waiting = Answer.objects.filter(
        status=Answer.Status.QUEUED, claim=None, queued_at__lt=now - WAITING_TOO_LONG
    )
    for answer_id in waiting.values_list("pk", flat=True):
        _queue_again(answer_id)
    # A claim from the future was given before the clock was set back.
    too_late = now + timedelta(seconds=2 * settings.ANSWER_CLAIM_SECONDS)
    lost = list(
        Answer.objects.filter(
            Q(claimed_until__lt=now) | Q(claimed_until__gt=too_late), status__in=Answer.RUNNING
        ).values_list("pk", "claimed_until")
    )
    if lost:
        time.sleep(SECOND_LOOK_SECONDS)
    for answer_id, until in lost:
        answer = Answer.objects.select_related("question").filter(pk=answer_id, claimed_until=until).first()
        if answer is not None:
            _settle_lost(answer)


def _queue_again(answer_id: uuid.UUID) -> None:
    from apps.conversations.tasks import answer_question

    with transaction.atomic():
        if Answer.objects.filter(pk=answer_id, status=Answer.Status.QUEUED, claim=None).update(
            queued_at=timezone.now()
        ):
            queue_on_commit(answer_question, answer_id)


def _settle_lost(answer: Answer) -> None:
    """Nothing sent yet: read again. Something sent: ended with what was kept, never silently restarted."""
    claim = answer.claim
    if claim is None:
        return
    nothing_sent = not answer.passes.filter(attempts__gt=0).exists()
    if nothing_sent and answer.attempts < MAX_ATTEMPTS and answer.stop_requested_at is None:
        if answer.write_claimed(
            claim, status=Answer.Status.QUEUED, claim=None, claimed_until=None, queued_at=timezone.now()
        ):
            _queue_again(answer.pk)
        return
    if answer.stop_requested_at is not None:
        outcome = Outcome(Answer.Status.STOPPED)
    else:
        outcome = Outcome(
            Answer.Status.FAILED,
            "worker_died",
            "The worker that wrote this answer died. What had come is kept. Retry to ask again.",
        )
    seen = _seen_by_readers(answer)
    unkept = seen.text[len(answer.text) :]
    if end_answer(answer, claim, outcome, raw=answer.raw + unkept, text=answer.text + unkept):
        log.warning("answer %s settled after its worker was lost", answer.pk)
        _show_last_blocks(answer.pk, seen.blocks)
        end_outside_worker(answer.pk, outcome.status, outcome.code, outcome.sentence)


def _seen_by_readers(answer: Answer) -> Snapshot:
    """Often more than the row has: events go out every 30 ms, the row is written every second."""
    events = read_now(answer.pk)
    seen = fold_events(events)[0]
    return seen if is_whole(events) and seen.text.startswith(answer.text) else Snapshot()


def _show_last_blocks(answer_id: uuid.UUID, seen: list[str]) -> None:
    """Blocks go out less often than text: the last words were not shown in theirs."""
    blocks = snapshot_of_row(Answer.objects.get(pk=answer_id)).blocks
    append_now(
        answer_id,
        [
            ("block", {"index": index, "final": True, "html": html})
            for index, html in enumerate(blocks)
            if html not in seen[index : index + 1]
        ],
    )
