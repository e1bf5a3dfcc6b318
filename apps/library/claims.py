"""One worker, one revision: a claim that every write renews and checks, and the end state of whatever goes wrong."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.models import Case, F, Value, When
from django.utils import timezone

from apps.common.database import is_transient
from apps.library import holds, leaving, queueing
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.limits import LimitName
from apps.library.ingestion.sandbox import Cancelled, ChildDied, ChildFailed
from apps.library.models import Revision
from apps.workspaces.access import lookup_id

log = logging.getLogger(__name__)

SLICE_SECONDS = 10
"""How long a document is read before it may have to give way to another workspace."""
LONGEST_SLICE_SECONDS = settings.LONGEST_TASK_SECONDS / 2
"""After this long it waits for its next turn even when nobody else does, so that no task meets its time limit."""
_LOOK_SECONDS = 0.5
"""How often a running reading looks whether it should stop."""
_PERHAPS_CHANCE: frozenset[LimitName] = frozenset({"crash", "killed", "lost"})
"""Deaths that may be another's fault; the other limits would only be met again, a minute later."""
_PAUSES_SECONDS = (0.5, 1, 2, 4, 8, 15)
"""Between attempts to hand a revision back to a database that does not answer."""


class ClaimLost(Exception):
    """The document was deleted, or the reaper gave its reading to another worker."""


class TurnOver(Exception):
    """Another workspace waits and has nobody who reads for it."""


@dataclass(frozen=True)
class Claim:
    """A revision in the hands of one worker."""

    revision: Revision
    token: uuid.UUID
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when the claim was lost or the worker must leave: hand it to whatever waits for a long time."""
    taken_at: float = field(default_factory=time.monotonic)

    def write(self, **fields: object) -> None:
        """Update fields of the revision under the claim and renew it. Raises ClaimLost."""
        fields.setdefault("claimed_until", _claim_end())
        if not self.revision.write_claimed(self.token, **fields):
            raise ClaimLost

    def note_progress(self, **fields: object) -> None:
        """As write, after pages were stored: only attempts without any progress count towards the last one."""
        self.write(attempts=1, **fields)
        self.revision.attempts = 1

    def release(self, **fields: object) -> None:
        """Write the last fields and let go. Raises ClaimLost."""
        self.write(claim=None, claimed_until=None, **fields)

    def give_way(self) -> None:
        """Let others have their turn; called between two finished pieces of work, outside a transaction.

        Raises TurnOver when this reading had its slice and another workspace waits with nobody reading for it,
        or when figures are looked for and any text waits, and Cancelled when it must stop. At most two queries; of
        a reading none before the slice is over.
        """
        if self.stop.is_set():
            raise Cancelled
        if queueing.queue_of(self.revision) == queueing.Queue.FIGURES and queueing.text_waits():
            raise TurnOver
        seconds = time.monotonic() - self.taken_at
        if seconds >= LONGEST_SLICE_SECONDS or (
            seconds >= SLICE_SECONDS and queueing.others_wait(self.revision)
        ):
            raise TurnOver


def work_on(revision_id: str, work: Callable[[Claim], None], *, is_ready: bool = False) -> bool:
    """Claim a revision and work on it; a gone, ended or taken one is left alone. Gives whether it was claimed.

    work ends by itself in ready (Claim.release), or raises; then the revision is failed or needs_password, with
    code and sentence. Pages that were stored stay. A worker that leaves, a turn that is over and a database that
    does not answer end nothing: the revision waits again, and no attempt is spent. What nobody foresaw, and a
    parser child that died before it could say what the file holds, costs an attempt.

    is_ready: take one whose figures wait to be looked for. It stays ready whatever happens: what would end a reading
    leaves it waiting with its attempts spent.
    """
    token = uuid.uuid4()
    with holds.held(token):
        revision = _take(revision_id, token, is_ready=is_ready)
        if revision is None:
            return False
        _carry_out(Claim(revision, token), work)
        return True


def _take(revision_id: str, token: uuid.UUID, *, is_ready: bool) -> Revision | None:
    row = Revision(pk=lookup_id(revision_id))
    take = row.claim_for_figures if is_ready else row.claim_for_reading
    if take(settings.INGEST_CLAIM_SECONDS, token) is None:
        return None
    # Read once it is ours: a deletion that ran beside the claim has either taken it away or is seen now.
    revision = (
        Revision.objects.select_related("document")
        .filter(pk=row.pk, claim=token, document__deleted_at=None)
        .first()
    )
    if revision is None:
        row.write_claimed(token, claim=None, claimed_until=None)
    return revision


def _carry_out(claim: Claim, work: Callable[[Claim], None]) -> None:
    try:
        with _watched(claim):
            work(claim)
    except ClaimLost:
        log.info("revision %s: claim lost, stopped", claim.revision.pk)
    except TurnOver:
        _hand_back(claim, queued_at=timezone.now())
        queueing.send_hint(queueing.queue_of(claim.revision))
    except Cancelled:
        # To whoever lost its claim this writes nothing.
        if _hand_back(claim):
            queueing.send_hint(queueing.queue_of(claim.revision))
    except IngestionError as error:
        _end_failed(claim, error.code, error.sentence)
    except ChildFailed as error:
        _end_failed(claim, error.code, error.sentence)
    except ChildDied as error:
        if error.limit not in _PERHAPS_CHANCE or not _try_again(claim, error):
            _end_failed(claim, "limit_reached", error.sentence)
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
    except Exception as error:
        if is_transient(error):
            log.warning("revision %s: the database did not answer, read again later", claim.revision.pk)
            # Without a hint: the reaper sends one in some seconds, which may be what the database needs.
            _hand_back(claim)
        elif not _try_again(claim, error):
            log.exception("revision %s failed", claim.revision.pk)
            _end_failed(
                claim,
                "reader_failed",
                "The file could not be read because of an unexpected error. Retry; if it stays, report the file.",
            )


@contextmanager
def _watched(claim: Claim) -> Iterator[None]:
    """Renew the claim while work takes long, and set claim.stop when it is lost or the worker must leave."""
    is_over = threading.Event()

    def watch() -> None:
        renewed_at = time.monotonic()
        while not is_over.wait(_LOOK_SECONDS):
            if leaving.is_leaving():
                claim.stop.set()
            if time.monotonic() - renewed_at < settings.INGEST_CLAIM_SECONDS / 3:
                continue
            renewed_at = time.monotonic()
            try:
                if not claim.revision.write_claimed(claim.token, claimed_until=_claim_end()):
                    claim.stop.set()
            except DatabaseError:
                log.warning("the claim on revision %s could not be renewed now", claim.revision.pk)
            finally:
                connection.close()

    thread = threading.Thread(target=watch, name="claim", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _claim_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.INGEST_CLAIM_SECONDS)


def _hand_back(claim: Claim, **fields: object) -> bool:
    """Let the revision wait for a worker again, with the attempt that claiming it cost."""
    # Not below zero: the column is unsigned.
    attempts = Case(When(attempts__gt=0, then=F("attempts") - 1), default=Value(0))
    return _write_at_last(claim, claim=None, claimed_until=None, attempts=attempts, **fields)


def _try_again(claim: Claim, error: Exception) -> bool:
    """Let the revision wait with its attempt spent; False after the last one."""
    if claim.revision.attempts >= queueing.MAX_ATTEMPTS:
        return False
    log.warning("revision %s: %s, read again", claim.revision.pk, repr(error)[:300])
    place = queueing.place_after(claim.revision.attempts)
    if _write_at_last(claim, claim=None, claimed_until=None, **place):
        queueing.send_hint(queueing.queue_of(claim.revision))
    return True


def _end_failed(claim: Claim, code: str, sentence: str) -> None:
    queue = queueing.queue_of(claim.revision)
    if queue == queueing.Queue.FIGURES:
        log.warning("revision %s: figures: %s", claim.revision.pk, code)
        _write_at_last(claim, claim=None, claimed_until=None, attempts=queueing.MAX_ATTEMPTS)
        queueing.send_hint(queue)
        return
    needs_password = code in {"needs_password", "wrong_password"}
    _write_at_last(
        claim,
        status=Revision.Status.NEEDS_PASSWORD if needs_password else Revision.Status.FAILED,
        stage="",
        claim=None,
        claimed_until=None,
        error_code=code,
        error_sentence=sentence[:500],
    )
    log.info("revision %s: %s", claim.revision.pk, code)


def _write_at_last(held: Claim, /, **fields: object) -> bool:
    """The last write under a claim, tried for half a minute; after that the claim runs out by itself."""
    for pause in (*_PAUSES_SECONDS, None):
        try:
            return held.revision.write_claimed(held.token, **fields)
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block:
                raise
            # What broke may be this connection alone.
            connection.close()
            if pause is None:
                log.warning("revision %s: the claim is left to run out", held.revision.pk)
                return False
            time.sleep(pause)
    raise AssertionError("The last pause is None.")
