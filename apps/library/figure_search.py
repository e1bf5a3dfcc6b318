"""Looking for the figures of a reading that is ready: its text can be asked about meanwhile.

Pages are looked at in order, and every second or so what was found is written together with how far the search is.
So it can give way to text at any time, or die, and the next turn goes on after the last page that was written. Files
go before rows and carry their digest as name: what was stored but not written is found there.
"""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Count, Min
from django.utils import timezone

from apps.library import figures, storage
from apps.library.claims import Claim, ClaimLost, work_on
from apps.library.ingestion.figures import Figure, FigureReader, PageFigures
from apps.library.ingestion.picture_sizes import picture_size
from apps.library.ingestion.pictures import DEFAULT_DPI
from apps.library.ingestion.sandbox import Cancelled
from apps.library.models import Document, Page, PageImage, Revision
from apps.library.passwords import opened
from apps.library.queueing import MAX_ATTEMPTS
from apps.llm.tokens import image_tokens

log = logging.getLogger(__name__)

MOST_FIGURES = 2_000
"""Different figures kept of one reading; more are counted."""
MOST_PLACES = 20_000
"""Rows of one reading: a small picture may stand a hundred times on every page."""
_WRITE_SECONDS = 1.0
"""Between two writes, and at most so long before text that waits is noticed."""
# On this share of the pages, in a document of so many, a picture is a letterhead or a background.
_REPEATED_SHARE, _REPEATED_PAGES = 0.5, 4


def keep_figures(revision_id: str) -> bool:
    """Claim a ready reading and keep its figures; gives whether it could be claimed.

    Ends with Revision.figures_at, or waits again when text waits, others have their turn or the worker leaves.
    Whatever pictures do, the reading stays ready: what could not be drawn is counted in facts["figures"]:
    {pictures, kept, places, dropped: {reason: count}, failed, pages_not_searched}. Until the end that also has
    searched_to, the number of the last page that was looked at.
    """
    return work_on(revision_id, _keep_figures, is_ready=True)


def _keep_figures(claim: Claim) -> None:
    search = _Search(claim)
    is_given_up = claim.revision.attempts > MAX_ATTEMPTS
    try:
        search.begin()
        if is_given_up:
            log.warning("revision %s: the search for figures is given up", claim.revision.pk)
        else:
            search.go_on()
        search.end()
    except (Cancelled, ClaimLost):
        if not Document.objects.filter(pk=claim.revision.document_id, deleted_at=None).exists():
            # Deleting removed the folder before the last figure was written into it.
            storage.delete_files(claim.revision.workspace_id, claim.revision.pk)
        raise


@dataclass
class _Counts:
    """What is said of the search in facts["figures"]."""

    pictures: int = 0
    failed: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    pages_not_searched: list[int] = field(default_factory=list)
    searched_to: int = 0

    def add(self, page: PageFigures) -> None:
        self.pictures += page.pictures
        self.failed += page.failed
        self.dropped += page.dropped
        if not page.is_complete:
            self.pages_not_searched.append(page.number)
        self.searched_to = page.number


class _Search:
    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.revision = claim.revision
        self.counts = _Counts()
        self.names: dict[str, str] = {}
        """Digest → where the figure lies, of all figures that are kept, written or not."""
        self.places = 0
        self.waiting: list[int] = []
        """Pages that are not written yet, ascending."""
        self.read: dict[int, PageFigures] = {}
        """Those of them that were looked at, without the bytes; pages are written in order, and read in any."""
        self.written_at = 0.0

    def begin(self) -> None:
        """Take up what earlier turns wrote; the first one lists the scans."""
        numbers = figures.pages_with_pictures(self.revision)
        kept = self.revision.facts.get("figures") or {}
        if "searched_to" not in kept:
            with transaction.atomic():
                self.claim.write(facts=self._facts(0, 0))
                PageImage.objects.filter(page__revision=self.revision).delete()
                rows = (_rendered_row(self.revision, page) for page in figures.scans(self.revision))
                PageImage.objects.bulk_create(rows, batch_size=500)
        else:
            self.counts = _Counts(
                kept["pictures"],
                kept["failed"],
                Counter(kept["dropped"]),
                kept["pages_not_searched"],
                kept["searched_to"],
            )
            found = figures.figure_rows(self.revision).values_list("digest", "storage_name")
            self.places = len(found)
            self.names = dict(found)
        self.waiting = [number for number in numbers if number > self.counts.searched_to]

    def go_on(self) -> None:
        """Look at the pages that wait. Raises TurnOver, Cancelled, ClaimLost."""
        if not self.waiting:
            return
        try:
            with storage.open_readable(self.revision) as file:
                self._look(file.fileno())
        except FileNotFoundError:
            log.warning("revision %s: the file is gone, its figures are not looked for", self.revision.pk)

    def _look(self, fd: int) -> None:
        revision = self.revision
        reader = FigureReader(
            fd, password=opened(revision), reader=revision.reader, cancelled=self.claim.stop
        )
        self.written_at = time.monotonic()
        with closing(reader.read(self.waiting)) as batches:
            for some in batches:
                for page in some:
                    self.read[page.number] = self._stored(page)
                reader.is_full = len(self.names) >= MOST_FIGURES or self.places >= MOST_PLACES
                if time.monotonic() - self.written_at >= _WRITE_SECONDS:
                    self._write()
                    if self.waiting:
                        self.claim.give_way()
        self._write()

    def end(self) -> None:
        """Drop what repeats, count what was not looked at, and let go. Raises ClaimLost."""
        self.counts.pages_not_searched = sorted({*self.counts.pages_not_searched, *self.waiting})
        rows = PageImage.objects.filter(page__revision=self.revision, kind=PageImage.Kind.FIGURE)
        files: list[str] = []
        with transaction.atomic():
            # Before the rows: a deletion is either waited for here or waits for this.
            self.claim.write()
            for digest, name, places in self._repeated():
                rows.filter(digest=digest).delete()
                self.counts.dropped["repeated"] += places
                files.append(name)
            facts = self._facts(rows.values("digest").distinct().count(), rows.count())
            del facts["figures"]["searched_to"]
            self.claim.release(figures_at=timezone.now(), facts=facts)
        for name in files:
            default_storage.delete(name)

    def _repeated(self) -> list[tuple[str, str, int]]:
        """(digest, file, places) of what stands on most pages, which is known only when all were looked at."""
        pages = self.revision.page_count
        if pages < _REPEATED_PAGES:
            return []
        return list(
            PageImage.objects.filter(page__revision=self.revision, kind=PageImage.Kind.FIGURE)
            .values("digest")
            .annotate(file=Min("storage_name"), places=Count("pk"), on_pages=Count("page_id", distinct=True))
            .filter(on_pages__gte=math.ceil(_REPEATED_SHARE * pages))
            .values_list("digest", "file", "places")
        )

    def _stored(self, page: PageFigures) -> PageFigures:
        """The page with the figures that are kept, their files stored and their bytes let go of."""
        kept: list[Figure] = []
        dropped, failed = Counter(page.dropped), page.failed
        for figure in page.figures:
            is_known = figure.digest in self.names
            if self.places >= MOST_PLACES or (not is_known and len(self.names) >= MOST_FIGURES):
                dropped["over_limit"] += 1
                continue
            if not is_known:
                name = _store(self.revision, figure)
                if not name:
                    failed += 1
                    continue
                self.names[figure.digest] = name
            self.places += 1
            kept.append(replace(figure, content=None))
        return replace(page, figures=kept, dropped=dropped, failed=failed, looks={})

    def _write(self) -> None:
        """Write the pages that follow on the last one written, and how far that is, in one transaction."""
        self.written_at = time.monotonic()
        ready: list[PageFigures] = []
        while len(ready) < len(self.waiting) and self.waiting[len(ready)] in self.read:
            ready.append(self.read.pop(self.waiting[len(ready)]))
        if not ready:
            self.claim.write()
            return
        del self.waiting[: len(ready)]
        for page in ready:
            self.counts.add(page)
        numbers = [page.number for page in ready]
        page_ids = dict(
            Page.objects.filter(revision=self.revision, number__in=numbers).values_list("number", "pk")
        )
        with transaction.atomic():
            self.claim.note_progress(facts=self._facts(len(self.names), self.places))
            PageImage.objects.bulk_create(
                [
                    _figure_row(self.revision, page_ids[page.number], figure, self.names[figure.digest])
                    for page in ready
                    for figure in page.figures
                ],
                batch_size=500,
            )

    def _facts(self, kept: int, places: int) -> dict[str, Any]:
        counts = self.counts
        figures_facts = {
            "pictures": counts.pictures,
            "kept": kept,
            "places": places,
            "dropped": {reason: count for reason, count in sorted(counts.dropped.items()) if count},
            "failed": counts.failed,
            "pages_not_searched": counts.pages_not_searched,
            "searched_to": counts.searched_to,
        }
        return {**self.revision.facts, "figures": figures_facts}


def _store(revision: Revision, figure: Figure) -> str:
    """Where the figure lies; empty when it is not at hand or the storage refuses it."""
    if figure.content is None:
        return ""
    name = storage.figure_name(revision, figure.digest, figure.format)
    try:
        if not default_storage.exists(name):
            default_storage.save(name, ContentFile(figure.content))
    except OSError:
        # A full disk costs figures, not the document whose text is read already.
        log.exception("revision %s: a figure could not be stored", revision.pk)
        return ""
    return name


def _figure_row(revision: Revision, page_id: int, figure: Figure, name: str) -> PageImage:
    return PageImage(
        workspace_id=revision.workspace_id,
        page_id=page_id,
        kind=PageImage.Kind.FIGURE,
        digest=figure.digest,
        storage_name=name,
        width=figure.width,
        height=figure.height,
        box=list(figure.box),
        tokens=image_tokens(figure.width, figure.height),
    )


def _rendered_row(revision: Revision, page: Page) -> PageImage:
    width, height = picture_size(page.width, page.height, DEFAULT_DPI)
    return PageImage(
        workspace_id=revision.workspace_id,
        page=page,
        kind=PageImage.Kind.RENDERED,
        # Of what is drawn: the picture itself is made when somebody first looks.
        digest=storage.rendered_digest(revision, page.number),
        storage_name=storage.picture_name(revision, page.number, DEFAULT_DPI),
        width=width,
        height=height,
        box=[0.0, 0.0, 1.0, 1.0],
        tokens=image_tokens(width, height),
    )
