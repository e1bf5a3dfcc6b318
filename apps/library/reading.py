"""One revision from stored bytes to pages, in ranges, under a claim that any write checks."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Count, Q, Sum
from django.utils import timezone

from apps.library import storage
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.pipeline import PipelineOptions, RangeRead, read_document
from apps.library.ingestion.readers.base import DocumentInfo, PageText
from apps.library.ingestion.sandbox import ChildDied, ChildFailed
from apps.library.models import Page, Revision
from apps.llm.tokens import marker_tokens
from apps.workspaces.access import lookup_id

log = logging.getLogger(__name__)


class ClaimLost(Exception):
    """The document was deleted, or the reaper gave its reading to another worker."""


def read_revision(revision_id: str) -> None:
    """Claim and read; pages that an earlier attempt stored are kept. Ends in ready, failed or needs_password."""
    revision = (
        Revision.objects.select_related("document")
        .filter(pk=lookup_id(revision_id), document__deleted_at=None)
        .first()
    )
    if revision is None:
        return
    claim = revision.claim_for_reading(settings.INGEST_CLAIM_SECONDS)
    if claim is None:
        return
    try:
        with _renewed(revision, claim):
            _read(revision, claim)
    except ClaimLost:
        log.info("revision %s: claim lost, stopped", revision.pk)
    except IngestionError as error:
        _end_without_pages(revision, claim, error.code, error.sentence)
    except (ChildDied, ChildFailed) as error:
        _end_without_pages(revision, claim, getattr(error, "code", "limit_reached"), error.sentence)
    except SoftTimeLimitExceeded:
        _end_without_pages(
            revision,
            claim,
            "took_too_long",
            f"Reading took longer than {settings.LONGEST_TASK_SECONDS // 60} minutes and was stopped. "
            "Split the file and bring the parts.",
        )
    except FileNotFoundError:
        _end_without_pages(
            revision,
            claim,
            "file_missing",
            "The stored file is gone. Delete this document and bring it again.",
        )
    except Exception:
        log.exception("revision %s failed", revision.pk)
        _end_without_pages(
            revision,
            claim,
            "reader_failed",
            "The file could not be read because of an unexpected error. Retry; if it stays, report the file.",
        )


@contextmanager
def _renewed(revision: Revision, claim: uuid.UUID) -> Iterator[None]:
    """Renew the claim while a range takes long: a page that hangs may cost several children their whole time."""
    is_over = threading.Event()

    def renew() -> None:
        while not is_over.wait(settings.INGEST_CLAIM_SECONDS / 3):
            try:
                revision.write_claimed(claim, claimed_until=_claim_end())
            except DatabaseError:
                log.warning("the claim on revision %s could not be renewed now", revision.pk)
            finally:
                connection.close()

    thread = threading.Thread(target=renew, name="claim", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _claim_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.INGEST_CLAIM_SECONDS)


def _read(revision: Revision, claim: uuid.UUID) -> None:
    stored = set(Page.objects.filter(revision=revision).values_list("number", flat=True))
    _write(revision, claim, stage="Opening", done=len(stored))
    with storage.open_original(revision) as file:
        for found in read_document(file, PipelineOptions(skip=stored)):
            if isinstance(found, DocumentInfo):
                _store_info(revision, claim, found)
            else:
                _store_range(revision, claim, found)
    _finish(revision, claim)


def _write(revision: Revision, claim: uuid.UUID, **fields: object) -> None:
    """Write under the claim and renew it."""
    if not revision.write_claimed(claim, claimed_until=_claim_end(), **fields):
        raise ClaimLost


def _store_info(revision: Revision, claim: uuid.UUID, info: DocumentInfo) -> None:
    _write(
        revision,
        claim,
        stage="Reading pages",
        total=info.pages,
        page_count=info.pages,
        facts={
            "title": info.title,
            "author": info.author,
            "encrypted": info.encrypted,
            "outline": [[entry.level, entry.title, entry.number] for entry in info.outline],
            "attachments": list(info.attachments),
        },
    )


def _store_range(revision: Revision, claim: uuid.UUID, found: RangeRead) -> None:
    """One transaction a range: the pages and the progress that mentions them appear together."""
    with transaction.atomic():
        Page.objects.bulk_create(
            [_page_row(revision, page) for page in found.pages], batch_size=500, ignore_conflicts=True
        )
        done = Page.objects.filter(revision=revision).count()
        _write(revision, claim, done=done)


def _page_row(revision: Revision, page: PageText) -> Page:
    return Page(
        workspace_id=revision.workspace_id,
        revision=revision,
        number=page.number,
        label=page.label,
        text=page.text,
        tokens=page.tokens,
        source=page.source,
        state=page.state,
        reason=page.reason,
        width=page.width,
        height=page.height,
        flags=list(page.flags),
    )


def _finish(revision: Revision, claim: uuid.UUID) -> None:
    pages = Page.objects.filter(revision=revision)
    sums = pages.aggregate(
        pages=Count("pk"), tokens=Sum("tokens"), not_read=Count("pk", filter=~Q(state=Page.State.READ))
    )
    if sums["pages"] == 0:
        raise IngestionError("no_pages")
    if sums["pages"] == sums["not_read"] and not pages.exclude(state=Page.State.UNREADABLE).exists():
        raise IngestionError("no_readable_page", reason=pages.values_list("reason", flat=True)[0])
    read_numbers = pages.filter(state=Page.State.READ, tokens__gt=0).values_list("number", flat=True)
    # token_count holds what does not depend on the corpus: an ordinal of one to three digits.
    markers = sum(marker_tokens(1, number) for number in read_numbers.iterator())
    _write(
        revision,
        claim,
        status=Revision.Status.READY,
        stage="",
        done=sums["pages"],
        page_count=sums["pages"],
        token_count=(sums["tokens"] or 0) + markers,
        pages_not_read=sums["not_read"],
        ready_at=timezone.now(),
    )
    Revision.objects.filter(pk=revision.pk, claim=claim).update(claim=None, claimed_until=None)


def _end_without_pages(revision: Revision, claim: uuid.UUID, code: str, sentence: str) -> None:
    needs_password = code in {"needs_password", "wrong_password"}
    revision.write_claimed(
        claim,
        status=Revision.Status.NEEDS_PASSWORD if needs_password else Revision.Status.FAILED,
        stage="",
        claim=None,
        claimed_until=None,
        error_code=code,
        error_sentence=sentence[:500],
    )
    log.info("revision %s: %s", revision.pk, code)
