"""One revision from stored bytes to pages, in ranges, under a claim that any write checks."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, Sum
from django.utils import timezone

from apps.library import queueing, readings, storage
from apps.library.claims import Claim, work_on
from apps.library.figures import has_pictures
from apps.library.git.fetching import fetch
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.kinds import REPOSITORY
from apps.library.ingestion.pipeline import PipelineOptions, RangeRead, read_document
from apps.library.ingestion.readers.base import DocumentInfo, PageText
from apps.library.models import Page, Revision
from apps.library.passwords import opened
from apps.library.repairs import repair_file
from apps.library.tree_reading import read_tree
from apps.llm.tokens import marker_tokens


def read_revision(revision_id: str) -> bool:
    """Claim and read; pages that an earlier attempt stored are kept. Gives whether it could be claimed.

    Ends in ready, failed or needs_password, or waits again when others have their turn or the worker leaves.
    """
    return work_on(revision_id, _read)


def _read(claim: Claim) -> None:
    if claim.revision.reader == REPOSITORY:
        if not claim.revision.storage_name:
            if not fetch(claim):
                return
            # A slow host may have taken most of the time that one task has; what it gave is stored.
            claim.give_way()
        read_tree(claim)
    else:
        _read_file(claim)
    finish(claim)


def _read_file(claim: Claim) -> None:
    try:
        _read_pages(claim)
    except IngestionError as error:
        if error.code == "wrong_password":
            claim.write(password_box=b"")
        if not repair_file(claim, error):
            raise
        _read_pages(claim)


def _read_pages(claim: Claim) -> None:
    revision = claim.revision
    stored = set(Page.objects.filter(revision=revision).values_list("number", flat=True))
    claim.write(stage="Opening", done=len(stored))
    options = PipelineOptions(
        password=opened(revision), skip=stored, reader=revision.reader, cancelled=claim.stop
    )
    with storage.open_readable(revision) as file, closing(read_document(file, options)) as progress:
        missing = 0
        for found in progress:
            if isinstance(found, DocumentInfo):
                _store_info(claim, found)
                missing = found.pages - len(stored)
            else:
                store_range(claim, found)
                missing -= len(found.pages)
                if missing > 0:
                    claim.give_way()


def _store_info(claim: Claim, info: DocumentInfo) -> None:
    claim.write(
        stage="Reading pages",
        total=info.pages,
        page_count=info.pages,
        facts={
            **{key: value for key, value in claim.revision.facts.items() if key == "repaired"},
            "title": info.title,
            "author": info.author,
            "encrypted": info.encrypted,
            "outline": [[entry.level, entry.title, entry.number] for entry in info.outline],
            "attachments": [asdict(attachment) for attachment in info.attachments],
            "notes": list(info.notes),
        },
    )


def store_range(claim: Claim, found: RangeRead) -> None:
    """One transaction a range: the pages and the progress that mentions them appear together."""
    with transaction.atomic():
        Page.objects.bulk_create(
            [_page_row(claim.revision, page) for page in found.pages], batch_size=500, ignore_conflicts=True
        )
        claim.note_progress(done=Page.objects.filter(revision=claim.revision).count())


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


def finish(claim: Claim) -> None:
    """Sum the stored pages up and make the revision ready, with what follows from that (readings.py, figures).

    Raises IngestionError when no page was read.
    """
    pages = Page.objects.filter(revision=claim.revision)
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
    is_searched = (
        claim.revision.reader != REPOSITORY
        and claim.revision.base_id is None
        and has_pictures(claim.revision)
    )
    now = timezone.now()
    # Where there are any it waits anew, with attempts of its own.
    figures = {"queued_at": now, "attempts": 0} if is_searched else {"figures_at": now}
    with transaction.atomic():
        document = readings.lock_document(claim.revision)
        claim.release(
            status=Revision.Status.READY,
            stage="",
            done=sums["pages"],
            total=sums["pages"],
            seconds_left=0,
            page_count=sums["pages"],
            token_count=(sums["tokens"] or 0) + markers,
            pages_not_read=sums["not_read"],
            ready_at=now,
            facts=_final_facts(claim.revision),
            **figures,
        )
        readings.follow(claim.revision, document)
        if is_searched:
            queueing.send_hint(queueing.Queue.FIGURES)


def _final_facts(revision: Revision) -> dict[str, Any]:
    """What the file states, as stored meanwhile, and the pages that speak to a model: no answer looks for them anew."""
    facts = Revision.objects.values_list("facts", flat=True).get(pk=revision.pk)
    flagged = Page.objects.filter(revision=revision).exclude(flags=[]).order_by("number")
    rows = flagged.values_list("number", "flags").iterator(chunk_size=2000)
    return {**facts, "instructed": [number for number, flags in rows if "instructions" in flags]}
