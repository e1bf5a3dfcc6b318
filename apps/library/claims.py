"""One worker, one revision: a claim that every write renews and checks, and the end state of whatever goes wrong."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.sandbox import ChildDied, ChildFailed
from apps.library.models import Revision
from apps.workspaces.access import lookup_id

log = logging.getLogger(__name__)


class ClaimLost(Exception):
    """The document was deleted, or the reaper gave its reading to another worker."""


@dataclass(frozen=True)
class Claim:
    """A revision in the hands of one worker."""

    revision: Revision
    token: uuid.UUID

    def write(self, **fields: object) -> None:
        """Update fields of the revision under the claim and renew it. Raises ClaimLost."""
        fields.setdefault("claimed_until", _claim_end())
        if not self.revision.write_claimed(self.token, **fields):
            raise ClaimLost

    def release(self, **fields: object) -> None:
        """Write the last fields and let go. Raises ClaimLost."""
        self.write(claim=None, claimed_until=None, **fields)


def work_on(revision_id: str, work: Callable[[Claim], None]) -> None:
    """Claim a revision and work on it; a gone, ended or taken one is left alone.

    work ends by itself in ready (Claim.release), or raises; then the revision is failed or needs_password, with
    code and sentence. Pages that were stored stay.
    """
    revision = (
        Revision.objects.select_related("document")
        .filter(pk=lookup_id(revision_id), document__deleted_at=None)
        .first()
    )
    if revision is None:
        return
    token = revision.claim_for_reading(settings.INGEST_CLAIM_SECONDS)
    if token is None:
        return
    claim = Claim(revision, token)
    try:
        with _renewed(claim):
            work(claim)
    except ClaimLost:
        log.info("revision %s: claim lost, stopped", revision.pk)
    except IngestionError as error:
        _end_failed(claim, error.code, error.sentence)
    except (ChildDied, ChildFailed) as error:
        _end_failed(claim, getattr(error, "code", "limit_reached"), error.sentence)
    except SoftTimeLimitExceeded:
        _end_failed(
            claim,
            "took_too_long",
            f"Reading took longer than {settings.LONGEST_TASK_SECONDS // 60} minutes and was stopped. "
            "Split the file and bring the parts.",
        )
    except FileNotFoundError:
        _end_failed(
            claim, "file_missing", "The stored file is gone. Delete this document and bring it again."
        )
    except Exception:
        log.exception("revision %s failed", revision.pk)
        _end_failed(
            claim,
            "reader_failed",
            "The file could not be read because of an unexpected error. Retry; if it stays, report the file.",
        )


@contextmanager
def _renewed(claim: Claim) -> Iterator[None]:
    """Renew the claim while a range takes long: a page that hangs may cost several children their whole time."""
    is_over = threading.Event()

    def renew() -> None:
        while not is_over.wait(settings.INGEST_CLAIM_SECONDS / 3):
            try:
                claim.revision.write_claimed(claim.token, claimed_until=_claim_end())
            except DatabaseError:
                log.warning("the claim on revision %s could not be renewed now", claim.revision.pk)
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


def _end_failed(claim: Claim, code: str, sentence: str) -> None:
    needs_password = code in {"needs_password", "wrong_password"}
    claim.revision.write_claimed(
        claim.token,
        status=Revision.Status.NEEDS_PASSWORD if needs_password else Revision.Status.FAILED,
        stage="",
        claim=None,
        claimed_until=None,
        error_code=code,
        error_sentence=sentence[:500],
    )
    log.info("revision %s: %s", claim.revision.pk, code)
