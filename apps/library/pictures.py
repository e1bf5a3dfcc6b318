"""Pictures of pages and the places of their words: read in a limited child, pictures kept in the storage."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from apps.library.ingestion import pictures
from apps.library.ingestion.pictures import DEFAULT_DPI, PageWords
from apps.library.models import Revision
from apps.library.storage import open_original, picture_name

ZOOM_DPI = (DEFAULT_DPI, 2 * DEFAULT_DPI)
"""The two sizes that are made: for reading, and for zooming in. A closed set bounds what is kept."""


def page_picture(revision: Revision, number: int, dpi: int = DEFAULT_DPI) -> bytes:
    """A page (1-based) as WebP, made at first sight. Raises as ingestion.pictures.render_page, ValueError for
    another dpi than ZOOM_DPI names, FileNotFoundError when the original is gone."""
    if dpi not in ZOOM_DPI:
        raise ValueError(f"Pictures are made at {ZOOM_DPI} dpi.")
    name = picture_name(revision, number, dpi)
    try:
        with default_storage.open(name) as kept:
            return bytes(kept.read())
    except FileNotFoundError:
        pass
    with open_original(revision) as file:
        picture = pictures.render_page(file.fileno(), number, dpi=dpi)
    # Two viewers at once may both get here; the storage gives the second copy another name, so look again.
    if not default_storage.exists(name):
        default_storage.save(name, ContentFile(picture))
    return picture


def page_words(revision: Revision, numbers: Sequence[int]) -> dict[int, PageWords]:
    """Words of pages (1-based) with places as fractions 0–1 of the picture."""
    with open_original(revision) as file:
        return pictures.page_words(file.fileno(), numbers)
