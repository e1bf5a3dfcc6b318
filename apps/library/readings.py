"""Further readings of a document: which one is in use, which one is to replace it, and how that is asked for.

The current reading is used until the next one is ready; then the next takes its place in one transaction. A next
one that failed stays beside it with its cause, until it is tried again or dismissed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.http import Http404
from django.utils import timezone

from apps.accounts.models import User
from apps.common.http import Refused
from apps.library import storage
from apps.library.facts import recognised_pages
from apps.library.ingestion.ocr import SECONDS_A_PAGE
from apps.library.models import Document, Page, Revision
from apps.library.queueing import UNFINISHED, Queue, send_hint
from apps.workspaces.access import NO_ROW
from apps.workspaces.audit import record

OCR_CHOICES = ("scans", "all", "never")
"""Which pages text recognition reads: those without text, every one, none."""
_SHARED = (
    *("workspace_id", "document_id", "sha256", "commit", "size_bytes", "storage_name", "repaired_name"),
    *("password_box", "content_type", "reader", "tokenizer", "packing_version", "page_count"),
)
"""What readings of the same bytes have in common."""
SWITCHED_OFF = (
    "Text recognition is switched off in this installation. Ask its operator to set DOCANALYST_OCR=1."
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a recognition would do: pages it reads from their pictures, and about how long that takes alone."""

    pages: int
    seconds: int


def pages_to_recognise(base: Revision, ocr: str) -> Q:
    """Which pages of a reading are read from their pictures, as a condition on Page."""
    if ocr == "never":
        return Q(pk__in=[])
    return Q(revision=base) if ocr == "all" else Q(revision=base, state=Page.State.NO_TEXT)


def estimate(document: Document, ocr: str) -> Estimate:
    """For saying before it starts how long it will take. One query or two."""
    current = document.current_revision
    if current is None or current.status != Revision.Status.READY:
        return Estimate(0, 0)
    pages = Page.objects.filter(pages_to_recognise(current.base or current, ocr)).count()
    return Estimate(pages, seconds_for(pages))


def seconds_for(pages: int) -> int:
    return pages * SECONDS_A_PAGE


# When a reading becomes ready -----------------------------------------------------------------------


def lock_document(revision: Revision) -> Document:
    """The row that says which reading is in use; taken before the revision's own, as deletion does."""
    return Document.objects.select_for_update().get(pk=revision.document_id)


def follow(revision: Revision, document: Document) -> None:
    """What a reading that has just become ready brings about, in the same transaction; the document is locked."""
    if document.next_revision_id == revision.pk:
        promote(revision)
    if revision.base_id is None:
        start_recognition(revision)


def promote(revision: Revision) -> bool:
    """Put a next reading in the place of the current one, if it is still the one that was asked for."""
    return bool(
        Document.objects.filter(pk=revision.document_id, next_revision=revision, deleted_at=None).update(
            current_revision=revision, next_revision=None
        )
    )


def start_recognition(revision: Revision) -> Revision | None:
    """Queue the recognition of a ready reading's pages without text, where its options and the settings say so."""
    ocr = recognised_pages(revision)
    if not settings.RECOGNISE_SCANS or ocr == "never":
        return None
    if not Page.objects.filter(pages_to_recognise(revision, ocr)).exists():
        return None
    document = Document.objects.get(pk=revision.document_id)
    if document.current_revision_id != revision.pk or document.next_revision_id is not None:
        return None
    return _queue(document, revision, ocr)


def _queue(document: Document, base: Revision, ocr: str) -> Revision:
    pages = Page.objects.filter(pages_to_recognise(base, ocr)).count()
    revision = Revision.objects.create(
        **{name: getattr(base, name) for name in _SHARED},
        base=base,
        options={**base.options, "ocr": ocr},
        # Figures are those of the base, which may still be looked for.
        facts={name: fact for name, fact in base.facts.items() if name != "figures"},
        total=pages,
        seconds_left=seconds_for(pages),
    )
    Document.objects.filter(pk=document.pk).update(next_revision=revision)
    send_hint(Queue.RECOGNITION)
    return revision


# What people ask for --------------------------------------------------------------------------------


def read_again(actor: User, document: Document, options: dict[str, str]) -> None:
    """Read a ready document with other options; the present reading stays in use until the new one is ready.

    options: {"ocr": "scans" | "all" | "never"}. "never" goes back to the text layers at once. What failed with the
    same options goes on where it stopped. Raises Refused (unknown_option, not_ready, already_reading,
    recognition_off, nothing_to_recognise).
    """
    ocr = options.get("ocr", "scans")
    if ocr not in OCR_CHOICES:
        raise Refused(
            "unknown_option", f"Choose one of {', '.join(OCR_CHOICES)} for text recognition.", status=422
        )
    with transaction.atomic():
        row = locked(document)
        current = Revision.objects.select_related("base").get(pk=row.current_revision_id or NO_ROW)
        if current.status != Revision.Status.READY:
            raise Refused(
                "not_ready", "Only a document that was read can be read again. Wait, or retry it.", status=409
            )
        unfinished = Revision.objects.filter(pk=row.next_revision_id or NO_ROW).first()
        if unfinished is not None and unfinished.is_running:
            raise Refused(
                "already_reading", "This document is being read again already. Cancel that first.", status=409
            )
        if row.kind in {Document.Kind.REPOSITORY, Document.Kind.TEXT}:
            raise Refused(
                "nothing_to_recognise",
                "Files and texts have no pictures of pages that could be recognised.",
                status=409,
            )
        if ocr != "never" and not settings.RECOGNISE_SCANS:
            raise Refused("recognition_off", SWITCHED_OFF, status=409)
        if unfinished is not None and recognised_pages(unfinished) == ocr:
            _resume(unfinished)
        else:
            _begin(row, current, ocr)
            if unfinished is not None:
                remove(unfinished)
        record(actor, "document.read_again", document, document.workspace_id, ocr=ocr)


def locked(document: Document) -> Document:
    """The row, locked for as long as the transaction. Raises Http404 when the document was deleted meanwhile."""
    row = Document.objects.select_for_update().filter(pk=document.pk, deleted_at=None).first()
    if row is None:
        raise Http404
    return row


def _begin(document: Document, current: Revision, ocr: str) -> None:
    base = current.base or current
    if ocr == "never":
        Document.objects.filter(pk=document.pk).update(current_revision=base, next_revision=None)
    elif Page.objects.filter(pages_to_recognise(base, ocr)).exists():
        _queue(document, base, ocr)
    else:
        raise Refused(
            "nothing_to_recognise",
            "Every page has text already. Choose recognition of every page to read them from their pictures.",
            status=409,
        )


def _resume(revision: Revision) -> None:
    """Queue a failed reading again; pages that it stored are kept."""
    Revision.objects.filter(pk=revision.pk).update(
        status=Revision.Status.UPLOADED,
        stage="",
        attempts=0,
        claim=None,
        claimed_until=None,
        queued_at=timezone.now(),
        error_code="",
        error_sentence="",
    )
    send_hint(Queue.RECOGNITION)


def cancel_next(actor: User, document: Document) -> bool:
    """Give up the next reading, running or failed; the current one stays. Gives whether there was one.

    A worker that is at it loses its claim and stops at its next write.
    """
    with transaction.atomic():
        row = locked(document)
        revision = Revision.objects.filter(pk=row.next_revision_id or NO_ROW).first()
        if revision is None:
            return False
        Document.objects.filter(pk=document.pk).update(next_revision=None)
        remove(revision)
        record(actor, "document.cancel_reading", document, document.workspace_id)
    return True


def remove(revision: Revision) -> None:
    """Delete a reading that never was in use, with its pages and the places of its words."""
    revision_id = revision.pk
    recognised = Page.objects.filter(revision=revision, source=Page.Source.OCR).values_list(
        "number", flat=True
    )
    for number in recognised:
        transaction.on_commit(
            partial(default_storage.delete, storage.ocr_words_name(revision, number)), robust=True
        )
    # The claim goes first: a worker that is writing a page now waits for this row, or is waited for.
    Revision.objects.filter(pk=revision.pk).update(claim=None)
    revision.delete_pages()
    revision.delete()
    # Its own original, where it came with one: a repository fetched again.
    transaction.on_commit(partial(storage.delete_files, revision.workspace_id, revision_id))


def end_unwanted() -> None:
    """Without a part that recognises text, what waits for one ends with that as its cause; the rest is untouched."""
    if settings.RECOGNISE_SCANS:
        return
    Revision.objects.filter(status__in=UNFINISHED, base__isnull=False).update(
        status=Revision.Status.FAILED,
        stage="",
        claim=None,
        claimed_until=None,
        error_code="recognition_off",
        error_sentence=SWITCHED_OFF,
    )
