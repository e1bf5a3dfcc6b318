"""Figures of a document: kept once each in the storage, one row for each place on a page; scans as rendered pages.

Rows are written in one go when all pages were looked through, because only then it is known which pictures
repeat on most of them. Files go first and carry their digest as name, so that a second attempt, and other
readings of the same bytes, find them there.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet

from apps.library import storage
from apps.library.claims import Claim, ClaimLost
from apps.library.ingestion.figures import Figure, FigureReader, PageFigures
from apps.library.ingestion.picture_sizes import picture_size
from apps.library.ingestion.pictures import DEFAULT_DPI
from apps.library.models import Document, Page, PageImage, Revision
from apps.library.passwords import opened
from apps.llm.tokens import image_tokens

log = logging.getLogger(__name__)

MOST_FIGURES = 2_000
"""Different figures kept of one reading; more are counted."""
MOST_PLACES = 20_000
"""Rows of one reading: a small picture may stand a hundred times on every page."""
PICTURES_FLAG = "pictures"
"""Flag of pages whose pictures are large enough to be looked at."""
# On this share of the pages, in a document of so many, a picture is a letterhead or a background.
_REPEATED_SHARE, _REPEATED_PAGES = 0.5, 4


@dataclass
class _Found:
    """What the pages gave, without the bytes."""

    names: dict[str, str] = field(default_factory=dict)
    """Digest → where the figure lies."""
    places: list[tuple[int, Figure]] = field(default_factory=list)
    """(page number, figure); figures of a digest that is not among names are over the limit."""
    pictures: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    incomplete: list[int] = field(default_factory=list)


def store_figures(claim: Claim) -> None:
    """Keep the figures and list the scans of a revision whose pages are stored. Raises ClaimLost.

    Whatever pictures do, the pages stay: what could not be drawn is counted in facts["figures"]: {pictures, kept,
    places, dropped: {reason: count}, failed, pages_not_searched}.
    """
    revision = claim.revision
    pages = Page.objects.filter(revision=revision)
    numbers = [
        number for number, flags in pages.values_list("number", "flags").iterator() if PICTURES_FLAG in flags
    ]
    scans = list(pages.filter(state=Page.State.NO_TEXT, width__gt=0, height__gt=0))
    if not numbers and not scans:
        return
    claim.write(stage="Keeping figures")
    found = _Found()
    try:
        _read(claim, numbers, found)
        _drop_repeated(revision, found, pages.count())
        _write_rows(claim, found, scans)
    except ClaimLost:
        if not Document.objects.filter(pk=revision.document_id, deleted_at=None).exists():
            # Deleting removed the folder before the last figure was written into it.
            storage.delete_files(revision.workspace_id, revision.pk)
        raise


def _read(claim: Claim, numbers: list[int], found: _Found) -> None:
    revision = claim.revision
    if not numbers:
        return
    with storage.open_readable(revision) as file:
        reader = FigureReader(
            file.fileno(), password=opened(revision), reader=revision.reader, cancelled=claim.stop
        )
        with closing(reader.read(numbers)) as batches:
            for some in batches:
                for page in some:
                    _keep(revision, page, found)
                reader.is_full = len(found.names) >= MOST_FIGURES or len(found.places) >= MOST_PLACES
                claim.write(stage="Keeping figures")


def _keep(revision: Revision, page: PageFigures, found: _Found) -> None:
    found.pictures += page.pictures
    found.dropped += page.dropped
    found.failed += page.failed
    if not page.is_complete:
        found.incomplete.append(page.number)
    for figure in page.figures:
        is_known = figure.digest in found.names
        if len(found.places) >= MOST_PLACES or (not is_known and len(found.names) >= MOST_FIGURES):
            found.dropped["over_limit"] += 1
            continue
        if not is_known:
            name = _stored(revision, figure)
            if not name:
                found.failed += 1
                continue
            found.names[figure.digest] = name
        found.places.append((page.number, figure))


def _stored(revision: Revision, figure: Figure) -> str:
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


def _drop_repeated(revision: Revision, found: _Found, page_count: int) -> None:
    if page_count < _REPEATED_PAGES:
        return
    on_pages: defaultdict[str, set[int]] = defaultdict(set)
    for number, figure in found.places:
        on_pages[figure.digest].add(number)
    repeated = {
        digest for digest, numbers in on_pages.items() if len(numbers) >= _REPEATED_SHARE * page_count
    }
    for digest in repeated:
        # Another reading of the same bytes came to the same result, so nobody else refers to it.
        default_storage.delete(found.names.pop(digest))
    found.dropped["repeated"] += sum(figure.digest in repeated for _, figure in found.places)
    found.places = [place for place in found.places if place[1].digest not in repeated]


def _write_rows(claim: Claim, found: _Found, scans: list[Page]) -> None:
    revision = claim.revision
    page_ids = dict(Page.objects.filter(revision=revision).values_list("number", "pk"))
    facts = Revision.objects.values_list("facts", flat=True).get(pk=revision.pk)
    facts["figures"] = {
        "pictures": found.pictures,
        "kept": len(found.names),
        "places": len(found.places),
        "dropped": {reason: count for reason, count in sorted(found.dropped.items()) if count},
        "failed": found.failed,
        "pages_not_searched": sorted(set(found.incomplete)),
    }
    with transaction.atomic():
        claim.write(facts=facts)
        # An attempt that was cut off before its end may have left some.
        PageImage.objects.filter(page__revision=revision).delete()
        rows = [_figure_row(revision, page_ids[number], figure, found) for number, figure in found.places]
        rows += [_rendered_row(revision, page) for page in scans]
        PageImage.objects.bulk_create(rows, batch_size=500)


def _figure_row(revision: Revision, page_id: int, figure: Figure, found: _Found) -> PageImage:
    return PageImage(
        workspace_id=revision.workspace_id,
        page_id=page_id,
        kind=PageImage.Kind.FIGURE,
        digest=figure.digest,
        storage_name=found.names[figure.digest],
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


def copy_figures(revision: Revision, *, base: Revision) -> int:
    """Give the pages of a reading the images of the same pages of its base; returns the number of rows.

    Both readings have the same bytes and so the same files. Idempotent. Call it when all pages are stored.
    """
    page_ids = dict(Page.objects.filter(revision=revision).values_list("number", "pk"))

    def rows() -> Iterator[PageImage]:
        of_base = PageImage.objects.filter(page__revision=base).select_related("page")
        for image in of_base.iterator(chunk_size=1000):
            if image.page.number in page_ids:
                yield PageImage(
                    workspace_id=revision.workspace_id,
                    page_id=page_ids[image.page.number],
                    **{
                        name: getattr(image, name)
                        for name in ("kind", "digest", "storage_name", "width", "height", "box", "tokens")
                    },
                )

    with transaction.atomic():
        PageImage.objects.filter(page__revision=revision).delete()
        return len(PageImage.objects.bulk_create(rows(), batch_size=500))


def figure_rows(revision: Revision) -> QuerySet[PageImage]:
    """Figures in order of their pages, then of their place on the page from the top; with their pages."""
    return (
        PageImage.objects.filter(page__revision=revision, kind=PageImage.Kind.FIGURE)
        .select_related("page")
        .order_by("page__number", "box__1", "box__0", "pk")
    )


def figure_bytes(image: PageImage) -> bytes:
    """A figure as it lies in the storage. Raises FileNotFoundError when it is gone."""
    with default_storage.open(image.storage_name) as kept:
        return bytes(kept.read())
