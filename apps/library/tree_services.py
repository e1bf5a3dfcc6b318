"""A repository read again: with other choices of what is read, or from the bytes of another commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from apps.accounts.models import User
from apps.common.http import Refused
from apps.common.markers import PACKING_VERSION
from apps.common.queues import queue_on_commit
from apps.library import readings, services
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.kinds import REPOSITORY
from apps.library.ingestion.tree.globs import check_globs
from apps.library.models import Document, Revision
from apps.llm.tokens import TOKENIZER
from apps.workspaces.access import NO_ROW
from apps.workspaces.audit import record

_NO_CHOICE: dict[str, list[str]] = {"include": [], "exclude": [], "restored": []}
_OF_THE_BYTES = ("storage_name", "sha256", "size_bytes", "commit", "content_type")


def read_again(
    actor: User,
    document: Document,
    *,
    include: Sequence[str],
    exclude: Sequence[str],
    restored: Sequence[str],
) -> None:
    """Read the same bytes with other choices; the present reading stays in use until the new one is ready.

    include, exclude: globs. restored: paths to be read although they are left out by default. What failed before is
    replaced. Raises Refused (bad_glob, not_ready, already_reading, nothing_changes), and Http404 for a deleted one.
    """
    try:
        check_globs([*include, *exclude])
    except IngestionError as error:
        raise Refused(error.code, error.sentence, status=422) from error
    chosen = {"include": list(include), "exclude": list(exclude), "restored": sorted(set(restored))}
    with transaction.atomic():
        row = readings.locked(document)
        current = Revision.objects.get(pk=row.current_revision_id or NO_ROW)
        options = {**current.options, **chosen}
        if current.status == Revision.Status.FAILED:
            services.queue_again(current, options=options)
        elif current.status != Revision.Status.READY:
            raise Refused(
                "not_ready", "This repository is still being read. Wait until it is ready.", status=409
            )
        elif options == {**_NO_CHOICE, **current.options}:
            raise Refused(
                "nothing_changes", "This is how it was read already. Change what is read first.", status=409
            )
        else:
            start_next(row, options=options, **{name: getattr(current, name) for name in _OF_THE_BYTES})
        record(actor, "document.read_again", document, document.workspace_id)


def start_next(
    document: Document,
    *,
    options: dict[str, Any],
    storage_name: str = "",
    sha256: str = "",
    size_bytes: int = 0,
    commit: str = "",
    content_type: str = "",
) -> Revision:
    """Queue a reading that is to replace the current one, in the caller's transaction; the document is locked.

    storage_name: of its bytes; empty while they are still to be fetched. A next reading that failed is replaced.
    Raises Refused (already_reading).
    """
    from apps.library.tasks import ingest_revision

    unfinished = Revision.objects.filter(pk=document.next_revision_id or NO_ROW).first()
    if unfinished is not None and unfinished.is_running:
        raise Refused(
            "already_reading", "This document is being read again already. Cancel that first.", status=409
        )
    revision = Revision.objects.create(
        workspace_id=document.workspace_id,
        document=document,
        sha256=sha256,
        commit=commit,
        size_bytes=size_bytes,
        storage_name=storage_name,
        # What opens a private host is bound to the document and its address.
        password_box=Revision.objects.values_list("password_box", flat=True).get(
            pk=document.current_revision_id or NO_ROW
        ),
        content_type=content_type,
        reader=REPOSITORY,
        options=options,
        tokenizer=TOKENIZER,
        packing_version=PACKING_VERSION,
    )
    Document.objects.filter(pk=document.pk).update(next_revision=revision)
    if unfinished is not None:
        readings.remove(unfinished)
    queue_on_commit(ingest_revision, revision.pk)
    return revision
