"""Repositories with an address: brought, and fetched again. Rights are the caller's business (access.py)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from apps.accounts.models import User
from apps.common.http import Refused
from apps.common.markers import PACKING_VERSION
from apps.common.queues import queue_on_commit
from apps.library import readings, services, tree_services
from apps.library.git.addresses import GitAddress, check_ref, parse_address
from apps.library.git.fetching import TAR
from apps.library.git.runner import check_git
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.kinds import REPOSITORY
from apps.library.ingestion.tree.globs import check_globs
from apps.library.models import Corpus, CorpusEntry, Document, Revision
from apps.library.passwords import seal_token
from apps.library.queueing import UNFINISHED
from apps.library.quotas import check_room
from apps.library.uploads import display_name
from apps.llm.tokens import TOKENIZER
from apps.workspaces.access import NO_ROW
from apps.workspaces.audit import record

_FIELDS = {"git_bad_ref": "ref", "git_missing": "", "bad_glob": "include"}
"""Which field of a form a refusal belongs to, by its code; of the others the address."""


@dataclass(frozen=True, slots=True)
class GitRequest:
    """What somebody wants to be fetched. ref: branch, tag or commit, "" for the default branch. Globs as people write them."""

    url: str
    ref: str = ""
    token: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


def add_repository(actor: User, corpus: Corpus, asked: GitRequest) -> services.AddedDocument:
    """Take a repository into a corpus and queue its fetching; nobody is asked yet.

    One that this corpus has by the same address, ref and globs is answered with its document; when its fetching had
    failed it is fetched once more, with the token given now. Raises Refused (the codes of git/errors.py that need no
    host, bad_glob, over_quota, too_many_fetches); its details name the `field`.
    """
    with _refusing():
        check_git()
        address = parse_address(asked.url)
        options = _options(asked)
    check_room(corpus.workspace, actor, 1)
    with transaction.atomic():
        services.lock_holdings(corpus.workspace_id)
        locked = Corpus.objects.select_for_update().get(pk=corpus.pk, deleted_at=None)
        known = _known(locked, address, options)
        if known is None:
            _check_waiting(actor, corpus)
            return _create(actor, locked, address, options, asked.token)
    current = known.document.current_revision
    if current is not None and current.status == Revision.Status.FAILED:
        fetch_again(actor, known.document, token=asked.token or None)
    return known


def fetch_again(actor: User, document: Document, *, ref: str | None = None, token: str | None = None) -> None:
    """Ask the host for a document's ref once more, in a worker: another commit becomes the next reading.

    The same commit leaves everything as it is, except facts["looked"] of the reading in use. A document that was
    never fetched is tried anew. ref, token: None keeps what is kept, "" is the default branch, and no token.
    Raises Refused (no_git_address, already_reading, and those of add_repository).
    """
    with _refusing():
        check_git()
        if not document.source_url:
            raise Refused(
                "no_git_address", "This document came as a file; bring its next state as one.", status=409
            )
        parse_address(document.source_url)
        chosen = None if ref is None else check_ref(ref)
    with transaction.atomic():
        row = readings.locked(document)
        current = Revision.objects.select_for_update().get(pk=row.current_revision_id or NO_ROW)
        if current.is_running:
            raise Refused(
                "already_reading", "This document is being read already. Wait for its end.", status=409
            )
        options = current.options if chosen is None else {**current.options, "ref": chosen}
        if token is not None:
            Revision.objects.filter(document=row).update(password_box=seal_token(token, row))
        if current.status == Revision.Status.READY:
            tree_services.start_next(row, options=options)
        else:
            services.queue_again(current, options=options, storage_name="", size_bytes=0)
        record(actor, "document.fetch", document, document.workspace_id)


def _options(asked: GitRequest) -> dict[str, object]:
    """Revision.options of it. Raises IngestionError (git_bad_ref, bad_glob)."""
    check_globs(asked.include)
    check_globs(asked.exclude)
    return {
        "ref": check_ref(asked.ref),
        "include": list(asked.include),
        "exclude": list(asked.exclude),
        "restored": [],
    }


def _known(corpus: Corpus, address: GitAddress, options: dict[str, object]) -> services.AddedDocument | None:
    entries = CorpusEntry.objects.select_related("document__current_revision").filter(
        corpus=corpus, removed_at=None, document__deleted_at=None, document__source_url=address.url
    )
    for entry in entries:
        revision = entry.document.current_revision
        # What was restored was decided when it had been read.
        if revision is not None and {**revision.options, "restored": []} == options:
            return services.AddedDocument(entry.document, entry, is_known=True)
    return None


def _check_waiting(actor: User, corpus: Corpus) -> None:
    waiting = Revision.objects.filter(
        workspace=corpus.workspace_id, document__added_by=actor, status__in=UNFINISHED, storage_name=""
    )
    if waiting.count() >= settings.UPLOADS_PER_MEMBER:
        raise Refused(
            "too_many_fetches",
            f"{settings.UPLOADS_PER_MEMBER} repositories of yours are being fetched already. Wait for some of them.",
            status=429,
        )


def _create(
    actor: User, corpus: Corpus, address: GitAddress, options: dict[str, object], token: str
) -> services.AddedDocument:
    from apps.library.tasks import ingest_revision

    document = Document.objects.create(
        workspace_id=corpus.workspace_id,
        name=display_name(address.name),
        kind=Document.Kind.REPOSITORY,
        source_url=address.url,
        added_by=actor,
    )
    revision = Revision.objects.create(
        workspace_id=corpus.workspace_id,
        document=document,
        size_bytes=0,
        content_type=TAR,
        reader=REPOSITORY,
        options=options,
        password_box=seal_token(token, document),
        tokenizer=TOKENIZER,
        packing_version=PACKING_VERSION,
    )
    document.current_revision = revision
    document.save(update_fields=["current_revision"])
    entry = services.join_corpus(corpus, document)
    queue_on_commit(ingest_revision, revision.pk)
    record(actor, "document.add", document, corpus.workspace_id)
    return services.AddedDocument(document, entry, is_known=False)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except IngestionError as error:
        field = _FIELDS.get(error.code, "url")
        status = 503 if error.code == "git_missing" else 422
        raise Refused(error.code, error.sentence, status=status, details={"field": field}) from error
