"""Figures of a document as rows and files: one row for each place on a page, one file for each figure.

The rows belong to the reading of the text layers. A reading that adds recognised text has the same bytes and the same
pages, so it shows those of its base, also when they are found after it.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection

from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from apps.library.models import Page, PageImage, Revision

PICTURES_FLAG = "pictures"
"""Flag of pages whose pictures are large enough to be looked at."""


def figure_owner(revision: Revision) -> Revision:
    """The reading whose figures a reading shows. A query for one that has a base."""
    return revision.base or revision


def figure_rows(revision: Revision) -> QuerySet[PageImage]:
    """Figures in order of their pages, then of their place on the page from the top; with their pages."""
    return (
        PageImage.objects.filter(
            page__revision_id=revision.base_id or revision.pk, kind=PageImage.Kind.FIGURE
        )
        .select_related("page")
        .order_by("page__number", "box__1", "box__0", "pk")
    )


def figures_of(revision_ids: Collection[uuid.UUID | str]) -> QuerySet[PageImage]:
    """Figures that these readings show, in no order."""
    owners = Revision.objects.filter(pk__in=revision_ids).values(owner=Coalesce("base_id", "pk"))
    return PageImage.objects.filter(kind=PageImage.Kind.FIGURE, page__revision_id__in=owners)


def figure_bytes(image: PageImage) -> bytes:
    """A figure as it lies in the storage. Raises FileNotFoundError when it is gone."""
    with default_storage.open(image.storage_name) as kept:
        return bytes(kept.read())


def pages_with_pictures(revision: Revision) -> list[int]:
    """Numbers of the pages on which figures may be, ascending."""
    pages = Page.objects.filter(revision=revision).order_by("number")
    # Not asked of the database: SQLite cannot look into lists.
    return [
        number for number, flags in pages.values_list("number", "flags").iterator() if PICTURES_FLAG in flags
    ]


def scans(revision: Revision) -> QuerySet[Page]:
    """Pages whose picture takes the place of their text."""
    return Page.objects.filter(revision=revision, state=Page.State.NO_TEXT, width__gt=0, height__gt=0)


def has_pictures(revision: Revision) -> bool:
    """Whether there is anything to look for, once all pages are stored."""
    return scans(revision).exists() or bool(pages_with_pictures(revision))
