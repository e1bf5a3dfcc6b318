"""What happens to documents and corpora. Rights are the caller's business (access.py)."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import F, QuerySet
from django.http import Http404
from django.utils import timezone

from apps.accounts.models import User
from apps.common.http import Refused
from apps.common.markers import PACKING_VERSION
from apps.common.queues import queue_on_commit
from apps.library import storage
from apps.library.ingestion.guards import IngestionError, check_file
from apps.library.ingestion.kinds import REPOSITORY, Kind, stem
from apps.library.models import Corpus, CorpusEntry, Document, Revision, Untick, Upload
from apps.library.passwords import seal
from apps.library.quotas import check_room
from apps.library.uploads import disk_full, display_name, refusing_full_disk, sha256_of
from apps.llm.tokens import TOKENIZER
from apps.workspaces.access import NO_ROW
from apps.workspaces.audit import record
from apps.workspaces.models import Workspace

log = logging.getLogger(__name__)

STATUS_OF_CODE = {
    "empty_file": 400,
    "too_large": 413,
    "kind_not_accepted": 415,
    "not_a_pdf": 415,
    "other_content": 415,
    "not_an_archive": 415,
}


@dataclass(frozen=True)
class AddedDocument:
    document: Document
    entry: CorpusEntry
    is_known: bool
    """It was in this corpus before; nothing was stored or queued."""


def add_upload(
    actor: User, corpus: Corpus, file: UploadedFile[Any], *, arriving: Upload | None = None
) -> AddedDocument:
    """Take a file into a corpus and queue its reading.

    Content that this corpus has is answered with its document; content the workspace has joins the corpus as
    it was read. arriving: the row that this file came by, which learns of its document in the same transaction.
    Raises Refused (too_large, empty_file, kind_not_accepted, not_a_pdf, over_quota, disk_full).
    """
    kind = _accept(file)
    digest = sha256_of(file)
    known = _entry_with(corpus, digest)
    if known is not None:
        return _told(known, arriving)
    revision_id = uuid.uuid4()
    if not _with_content(corpus, digest).exists():
        # Before its bytes are kept a second time; what counts is asked below.
        check_room(corpus.workspace, actor, file.size or 0, arriving=arriving)
    try:
        with refusing_full_disk():
            stored = default_storage.save(storage.original_name(corpus.workspace_id, revision_id), file)
        with transaction.atomic():
            # Uploads of one content meet here, and none passes a quota beside another.
            lock_holdings(corpus.workspace_id)
            locked = Corpus.objects.select_for_update().get(pk=corpus.pk, deleted_at=None)
            known = _entry_with(locked, digest) or _joined(locked, digest)
            if known is None:
                check_room(corpus.workspace, actor, file.size or 0, arriving=arriving)
            added = known or _create_document(actor, locked, file, kind, digest, revision_id, stored)
            _told(added, arriving)
    except BaseException:
        storage.delete_files(corpus.workspace_id, revision_id)
        raise
    if known is not None:
        storage.delete_files(corpus.workspace_id, revision_id)
    return added


def lock_holdings(workspace_id: uuid.UUID) -> None:
    """Until the transaction ends nobody else changes what a workspace's corpora hold and how much room that takes.

    Taken before a corpus's own row. Rows that only point to the workspace can be written meanwhile.
    """
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)


def add_known(corpus: Corpus, digest: str) -> AddedDocument | None:
    """The document of this content, joined to the corpus when only the workspace had it; None for new content."""
    with transaction.atomic():
        locked = Corpus.objects.select_for_update().get(pk=corpus.pk, deleted_at=None)
        return _entry_with(locked, digest) or _joined(locked, digest)


def _told(added: AddedDocument, arriving: Upload | None) -> AddedDocument:
    if arriving is not None:
        Upload.objects.filter(pk=arriving.pk).update(document=added.document)
    return added


def _accept(file: UploadedFile[Any]) -> Kind:
    if getattr(file, "is_disk_full", False):
        raise disk_full()
    try:
        if getattr(file, "is_too_large", False):
            raise IngestionError("too_large", limit=settings.MAX_UPLOAD_BYTES // 1024**2)
        return check_file(file.name or "", file, max_bytes=settings.MAX_UPLOAD_BYTES)
    except IngestionError as error:
        raise Refused(error.code, error.sentence, status=STATUS_OF_CODE.get(error.code, 400)) from error


def _with_content(corpus: Corpus, digest: str) -> QuerySet[Document]:
    return Document.objects.filter(
        workspace_id=corpus.workspace_id, deleted_at=None, current_revision__sha256=digest
    )


def _entry_with(corpus: Corpus, digest: str) -> AddedDocument | None:
    """The document of this content in this corpus."""
    entry = (
        CorpusEntry.objects.select_related("document__current_revision")
        .filter(corpus=corpus, removed_at=None, document__in=_with_content(corpus, digest))
        .first()
    )
    return AddedDocument(entry.document, entry, is_known=True) if entry else None


def _joined(corpus: Corpus, digest: str) -> AddedDocument | None:
    """Content that only the workspace knows, joined to the corpus as it was read. The corpus must be locked."""
    document = _with_content(corpus, digest).select_related("current_revision").first()
    return AddedDocument(document, join_corpus(corpus, document), is_known=False) if document else None


def join_corpus(corpus: Corpus, document: Document) -> CorpusEntry:
    """Give a document the corpus's next ordinal. Ordinals are never reused."""
    with transaction.atomic():
        locked = Corpus.objects.select_for_update().get(pk=corpus.pk)
        entry = CorpusEntry.objects.create(
            workspace_id=corpus.workspace_id, corpus=locked, document=document, ordinal=locked.next_ordinal
        )
        Corpus.objects.filter(pk=corpus.pk).update(next_ordinal=F("next_ordinal") + 1)
    return entry


def _create_document(
    actor: User,
    corpus: Corpus,
    file: UploadedFile[Any],
    kind: Kind,
    digest: str,
    revision_id: uuid.UUID,
    stored: str,
) -> AddedDocument:
    from apps.library.tasks import ingest_revision

    document = Document.objects.create(
        workspace_id=corpus.workspace_id,
        name=display_name(stem(file.name or "") if kind.name == REPOSITORY else file.name or ""),
        kind=kind.document,
        added_by=actor,
    )
    revision = Revision.objects.create(
        pk=revision_id,
        workspace_id=corpus.workspace_id,
        document=document,
        sha256=digest,
        size_bytes=file.size or 0,
        storage_name=stored,
        content_type=kind.content_type,
        reader=kind.name,
        tokenizer=TOKENIZER,
        packing_version=PACKING_VERSION,
    )
    document.current_revision = revision
    document.save(update_fields=["current_revision"])
    entry = join_corpus(corpus, document)
    queue_on_commit(ingest_revision, revision.pk)
    record(actor, "document.add", document, corpus.workspace_id, size_bytes=revision.size_bytes)
    return AddedDocument(document, entry, is_known=False)


def retry_document(actor: User, document: Document) -> None:
    """Read a failed document once more from its stored bytes; nothing happens unless it failed."""
    with transaction.atomic():
        revision = _locked_revision(document)
        if revision.status != Revision.Status.FAILED:
            return
        queue_again(revision)
    record(actor, "document.retry", document, document.workspace_id)


def give_password(actor: User, document: Document, password: str) -> None:
    """Keep the password of a protected file, encrypted, and queue its reading, which finds out whether it opens it.

    A wrong one is forgotten and the document asks again. Raises Refused (no_password_needed).
    """
    with transaction.atomic():
        revision = _locked_revision(document)
        if revision.status != Revision.Status.NEEDS_PASSWORD:
            raise Refused("no_password_needed", "This document asks for no password.", status=409)
        queue_again(revision, password_box=seal(password, revision))
    record(actor, "document.password", document, document.workspace_id)


def _locked_revision(document: Document) -> Revision:
    """The reading in use; the document is locked before it, as deletion does. Http404 when that was faster."""
    locked = Document.objects.select_for_update(no_key=True).filter(pk=document.pk, deleted_at=None).first()
    if locked is None:
        raise Http404
    return Revision.objects.select_for_update().get(pk=locked.current_revision_id or NO_ROW)


def queue_again(revision: Revision, **fields: Any) -> None:
    """Read a revision that did not become ready from its beginning; fields: what changes of it besides."""
    from apps.library.tasks import ingest_revision

    revision.delete_pages()
    Revision.objects.filter(pk=revision.pk).update(
        status=Revision.Status.UPLOADED,
        stage="",
        done=0,
        total=0,
        attempts=0,
        claim=None,
        claimed_until=None,
        queued_at=timezone.now(),
        error_code="",
        error_sentence="",
        **fields,
    )
    queue_on_commit(ingest_revision, revision.pk)


def rename_document(actor: User, document: Document, name: str) -> None:
    document.name = display_name(name)
    document.save(update_fields=["name"])
    record(actor, "document.rename", document, document.workspace_id)


def delete_document(actor: User, document: Document) -> None:
    """Remove bytes, pages and pictures at once and leave a tombstone, so that old citations can say so.

    A worker that is reading it loses its claim and stops at its next write.
    """
    with transaction.atomic():
        now = timezone.now()
        Document.objects.filter(pk=document.pk).update(deleted_at=now, name="", source_url="")
        CorpusEntry.objects.filter(document=document, removed_at=None).update(removed_at=now)
        # They hold its name, and names of its files.
        Upload.objects.filter(document=document).delete()
        Untick.objects.filter(entry__document=document).delete()
        revisions = list(Revision.objects.filter(document=document))
        for revision in revisions:
            # The claim goes first: a worker that is writing pages now either waits for this row and finds the
            # claim gone, or is waited for, and its pages are seen by the next line.
            Revision.objects.filter(pk=revision.pk).update(
                claim=None, facts={}, options={}, storage_name="", repaired_name="", password_box=b""
            )
            revision.delete_pages()
            transaction.on_commit(partial(storage.delete_files, revision.workspace_id, revision.pk))
        record(actor, "document.delete", document, document.workspace_id)


def create_corpus(actor: User, workspace: Workspace, name: str) -> Corpus:
    corpus = Corpus.objects.create(workspace=workspace, name=display_name(name)[:120])
    record(actor, "corpus.create", corpus, workspace)
    return corpus


def rename_corpus(actor: User, corpus: Corpus, name: str) -> None:
    corpus.name = display_name(name)[:120]
    corpus.save(update_fields=["name"])
    record(actor, "corpus.rename", corpus, corpus.workspace_id)


def delete_corpus(actor: User, corpus: Corpus) -> None:
    """Close a corpus; documents that are in no other one are deleted with it."""
    with transaction.atomic():
        # What joins now, here or in another corpus that is being closed too, would belong to none.
        lock_holdings(corpus.workspace_id)
        only_here = Document.objects.filter(entries__corpus=corpus, entries__removed_at=None, deleted_at=None)
        elsewhere = CorpusEntry.objects.filter(removed_at=None, corpus__deleted_at=None).exclude(
            corpus=corpus
        )
        for document in only_here.exclude(pk__in=elsewhere.values("document_id")):
            delete_document(actor, document)
        now = timezone.now()
        CorpusEntry.objects.filter(corpus=corpus, removed_at=None).update(removed_at=now)
        Corpus.objects.filter(pk=corpus.pk).update(deleted_at=now)
        record(actor, "corpus.delete", corpus, corpus.workspace_id)


def set_ticked(actor: User, entry: CorpusEntry, is_ticked: bool) -> None:
    """Leave a document in or out of this person's next question, whole (selecting.py: parts of a repository)."""
    if is_ticked:
        Untick.objects.filter(user=actor, entry=entry).delete()
    else:
        Untick.objects.update_or_create(user=actor, entry=entry, defaults={"paths": []})
