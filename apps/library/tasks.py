"""The worker's side of the library. Tasks take ids; the outcome is on the row; the row is the truth."""

from __future__ import annotations

import uuid
from datetime import timedelta
from itertools import islice

from celery import shared_task
from django.conf import settings

from apps.library import figure_search, queueing, reading, readings, recognition, resumable, storage
from apps.library.models import Revision

HALF_UPLOAD_AGE = timedelta(hours=24)


_LIMITS = {
    "soft_time_limit": settings.LONGEST_TASK_SECONDS,
    "time_limit": settings.LONGEST_TASK_SECONDS + 300,
}


@shared_task(name="apps.library.tasks.ingest_revision", **_LIMITS)
def ingest_revision(revision_id: str) -> None:
    """Read the revision whose turn it is, which need not be this one: the id says that something waits."""
    _text_then_figures()


@shared_task(name="apps.library.tasks.keep_figures", **_LIMITS)
def keep_figures(revision_id: str) -> None:
    """Look for the figures of the ready revision whose turn it is, unless text waits anywhere."""
    _text_then_figures()


def _text_then_figures() -> None:
    if not queueing.take_turn(queueing.Queue.TEXT, reading.read_revision):
        queueing.take_turn(queueing.Queue.FIGURES, figure_search.keep_figures)


@shared_task(name="apps.library.tasks.recognise_revision")
def recognise_revision(revision_id: str) -> None:
    """Recognise text of the revision whose turn it is. Threads know no time limits: a turn ends by itself."""
    queueing.take_turn(queueing.Queue.RECOGNITION, recognition.recognise_revision)


@shared_task(name="apps.library.tasks.reap_documents")
def reap_documents() -> None:
    """Free what dead workers held, give up after three attempts, send again what the broker lost."""
    queueing.settle_lost()
    readings.end_unwanted()
    queueing.repeat_lost_hints()


@shared_task(name="apps.library.tasks.sweep_files")
def sweep_files() -> None:
    """Remove stored files without a row, and uploads that never ended."""
    resumable.remove_expired()
    storage.remove_half_uploads(HALF_UPLOAD_AGE)
    stored = storage.stored_revisions()
    while batch := list(islice(stored, 500)):
        kept = _folders_in_use(batch)
        for workspace_id, revision_id in batch:
            # A file is written before its row: one without a row may belong to an upload of this very moment.
            if revision_id not in kept and storage.is_older(workspace_id, revision_id, timedelta(hours=1)):
                storage.delete_files(workspace_id, revision_id)


def _folders_in_use(folders: list[tuple[uuid.UUID, uuid.UUID]]) -> set[uuid.UUID]:
    """Those of them that some document needs: as its own, or because its bytes were first read as another revision."""
    living = Revision.objects.filter(document__deleted_at=None)
    names = {storage.original_name(*folder): folder[1] for folder in folders}
    own = living.filter(pk__in=list(names.values())).values_list("pk", flat=True)
    shared = living.filter(storage_name__in=list(names)).values_list("storage_name", flat=True)
    return {*own, *(names[name] for name in shared)}
