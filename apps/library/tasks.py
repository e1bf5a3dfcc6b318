"""The worker's side of the library. Tasks take ids; the outcome is on the row; the row is the truth."""

from __future__ import annotations

import logging
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.common.queues import queue_on_commit
from apps.library import reading, storage
from apps.library.models import Revision

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
WAITING_TOO_LONG = timedelta(seconds=60)
UNFINISHED = [Revision.Status.UPLOADED, Revision.Status.READING]
HALF_UPLOAD_AGE = timedelta(hours=24)


@shared_task(
    name="apps.library.tasks.ingest_revision",
    soft_time_limit=settings.LONGEST_TASK_SECONDS,
    time_limit=settings.LONGEST_TASK_SECONDS + 300,
)
def ingest_revision(revision_id: str) -> None:
    """Read one revision to its end state, unless it is gone, ended, or held by another worker."""
    reading.read_revision(revision_id)


@shared_task(name="apps.library.tasks.reap_documents")
def reap_documents() -> None:
    """Queue again what waits too long or whose worker died; give up after three attempts."""
    now = timezone.now()
    lost = Revision.objects.filter(status__in=UNFINISHED, document__deleted_at=None).filter(
        Q(claimed_until__lt=now) | Q(claimed_until=None, queued_at__lt=now - WAITING_TOO_LONG)
    )
    for revision in lost.only("pk", "attempts", "claim"):
        with transaction.atomic():
            # The claim is part of the condition: a worker that took it meanwhile keeps it.
            same = Revision.objects.filter(pk=revision.pk, claim=revision.claim, status__in=UNFINISHED)
            if revision.attempts >= MAX_ATTEMPTS:
                same.update(
                    status=Revision.Status.FAILED,
                    claim=None,
                    claimed_until=None,
                    error_code="worker_died",
                    error_sentence="Reading was interrupted three times and given up. Retry; if it stays, "
                    "the file or this machine's memory is the cause.",
                )
                log.warning("revision %s given up after %d attempts", revision.pk, revision.attempts)
            elif same.update(claim=None, claimed_until=None, queued_at=now):
                queue_on_commit(ingest_revision, revision.pk)


@shared_task(name="apps.library.tasks.sweep_files")
def sweep_files() -> None:
    """Remove stored files without a row, and uploads that never ended."""
    storage.remove_half_uploads(HALF_UPLOAD_AGE)
    stored = list(storage.stored_revisions())
    kept = set(
        Revision.objects.filter(
            pk__in=[revision for _, revision in stored], document__deleted_at=None
        ).values_list("pk", flat=True)
    )
    for workspace_id, revision_id in stored:
        # A file is written before its row: one without a row may belong to an upload of this very moment.
        if revision_id not in kept and storage.is_older(workspace_id, revision_id, timedelta(hours=1)):
            storage.delete_files(workspace_id, revision_id)
