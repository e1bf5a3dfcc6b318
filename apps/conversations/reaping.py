"""Answers whose message or worker was lost. Runs every ten seconds on any living `answers` worker."""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.common.queues import queue_on_commit
from apps.conversations.models import Answer
from apps.conversations.outcome import Outcome, end_answer
from apps.conversations.services import end_outside_worker

log = logging.getLogger(__name__)

WAITING_TOO_LONG = timedelta(seconds=60)
MAX_ATTEMPTS = 3


def reap_answers() -> None:
    now = timezone.now()
    waiting = Answer.objects.filter(
        status=Answer.Status.QUEUED, claim=None, queued_at__lt=now - WAITING_TOO_LONG
    )
    for answer_id in waiting.values_list("pk", flat=True):
        _queue_again(answer_id)
    lost = Answer.objects.filter(Q(status__in=Answer.RUNNING), claimed_until__lt=now)
    for answer in lost.select_related("question"):
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
    if end_answer(answer, claim, outcome):
        log.warning("answer %s settled after its worker was lost", answer.pk)
        end_outside_worker(answer.pk, outcome.status, outcome.code, outcome.sentence)
