"""A reading that adds recognised text: it keeps the good pages of its base and reads the others from their pictures."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import closing, suppress
from dataclasses import asdict

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import Q

from apps.library import storage
from apps.library.claims import Claim, ClaimLost, work_on
from apps.library.facts import recognised_pages
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.instructions import speaks_to_model
from apps.library.ingestion.ocr import PageRecognised, PageToRecognise, recognise_pages
from apps.library.models import Document, Page, Revision
from apps.library.passwords import opened
from apps.library.reading import finish
from apps.library.readings import pages_to_recognise, seconds_for
from apps.library.states import RECOGNISING

_COPIED_AT_ONCE = 1_000
"""Pages: a transaction of some milliseconds, whatever the document."""


def recognise_revision(revision_id: str) -> bool:
    """Claim and recognise; what an earlier attempt stored is kept. Gives whether it could be claimed.

    Ends in ready, and then in use, or in failed, and then the current reading stays; or waits again when others
    have their turn or the worker leaves.
    """
    return work_on(revision_id, _recognise)


def _recognise(claim: Claim) -> None:
    revision = claim.revision
    base = revision.base
    if base is None:
        raise IngestionError("reader_failed")
    condition = pages_to_recognise(base, recognised_pages(revision))
    wanted = list(Page.objects.filter(condition).order_by("number").values_list("number", flat=True))
    _copy_pages(claim, base, condition)
    stored = set(Page.objects.filter(revision=revision).values_list("number", flat=True))
    waiting = [number for number in wanted if number not in stored]
    _recognise_pages(claim, base, len(wanted), waiting)
    finish(claim)


def _recognise_pages(claim: Claim, base: Revision, total: int, waiting: list[int]) -> None:
    revision = claim.revision
    done = total - len(waiting)
    claim.write(stage=RECOGNISING, total=total, done=done, seconds_left=seconds_for(len(waiting)))
    if not waiting:
        return
    started_at = time.monotonic()
    pages = [PageToRecognise(number) for number in waiting]
    with (
        storage.open_readable(revision) as file,
        closing(
            recognise_pages(
                file.fileno(), pages, reader=revision.reader, password=opened(revision), stop=claim.stop
            )
        ) as found,
    ):
        for count, page in enumerate(found, start=1):
            left = len(waiting) - count
            seconds_a_page = (time.monotonic() - started_at) / count
            _store(claim, base, page, done=done + count, seconds_left=round(left * seconds_a_page))
            if left:
                claim.give_way()


def _store(claim: Claim, base: Revision, found: PageRecognised, *, done: int, seconds_left: int) -> None:
    """A page and the progress that mentions it appear together; the places of its words lie there before."""
    row = _page_row(claim.revision, Page.objects.get(revision=base, number=found.number), found)
    if row.source == Page.Source.OCR and found.words is not None:
        _keep_words(claim.revision, found.number, json.dumps(asdict(found.words), ensure_ascii=False))
    try:
        with transaction.atomic():
            Page.objects.bulk_create([row], ignore_conflicts=True)
            claim.note_progress(done=done, seconds_left=seconds_left)
    except ClaimLost:
        _forget_words(claim.revision, found.number)
        raise


def _page_row(revision: Revision, base: Page, found: PageRecognised) -> Page:
    """The recognised page, or the base's where nothing better came, with the reason if it has no text."""
    names = [field.attname for field in Page._meta.concrete_fields if field.name not in {"id", "revision"}]
    row = Page(revision=revision, **{name: getattr(base, name) for name in names})
    if found.found:
        row.text, row.tokens = found.text, found.tokens
        row.source, row.state, row.reason = Page.Source.OCR, Page.State.READ, ""
        row.width, row.height = found.width, found.height
        row.flags = [flag for flag in base.flags if flag not in ("blank", "instructions")]
        if speaks_to_model(found.text):
            row.flags.append("instructions")
        if found.is_uncertain:
            row.flags.append("uncertain_text")
    elif base.state != Page.State.READ:
        row.reason = found.reason[:200]
    return row


def _keep_words(revision: Revision, number: int, content: str) -> None:
    name = storage.ocr_words_name(revision, number)
    if default_storage.exists(name):
        # Of an attempt that ended before its page was stored.
        default_storage.delete(name)
    default_storage.save(name, ContentFile(content.encode()))


def _forget_words(revision: Revision, number: int) -> None:
    """Undo _keep_words for a page whose row was refused; deleting removed the folder before it was written into."""
    with suppress(FileNotFoundError):
        default_storage.delete(storage.ocr_words_name(revision, number))
    if not Document.objects.filter(pk=revision.document_id, deleted_at=None).exists():
        workspace_id, _, folder = storage.home(revision).rpartition("/")
        storage.delete_files(uuid.UUID(workspace_id), uuid.UUID(folder))


def _copy_pages(claim: Claim, base: Revision, condition: Q) -> None:
    """Take over the pages of the base that need nothing, inside the database: their text never comes here."""
    revision = claim.revision
    kept = Page.objects.filter(revision=base).exclude(condition).order_by("number")
    last = Page.objects.filter(revision=revision, number__in=kept.values("number")).count()
    numbers = list(kept.values_list("number", flat=True)[last:])
    quote = connection.ops.quote_name
    table = quote(Page._meta.db_table)
    names = [field.attname for field in Page._meta.concrete_fields if field.name not in {"id", "revision"}]
    columns = ", ".join(map(quote, names))
    for start in range(0, len(numbers), _COPIED_AT_ONCE):
        some = numbers[start : start + _COPIED_AT_ONCE]
        marks = ", ".join(["%s"] * len(some))
        # Every name is one of the model's own.
        statement = (
            f"INSERT INTO {table} (revision_id, {columns}) SELECT %s, {columns} FROM {table} "  # noqa: S608
            f"WHERE revision_id = %s AND number IN ({marks}) ORDER BY number ON CONFLICT DO NOTHING"
        )
        ids = [Revision._meta.pk.get_db_prep_value(one.pk, connection) for one in (revision, base)]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [*ids, *some])
            claim.write()
