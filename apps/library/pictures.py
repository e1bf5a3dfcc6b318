"""Pictures of pages and the places of their words: read in a limited child, then kept in the storage."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from apps.library.ingestion import pictures
from apps.library.ingestion.pictures import DEFAULT_DPI
from apps.library.ingestion.quotes import PageWords
from apps.library.models import Revision
from apps.library.passwords import opened
from apps.library.storage import open_readable, picture_name, words_name

ZOOM_DPI = (DEFAULT_DPI, 2 * DEFAULT_DPI)
"""The two sizes that are made: for reading, and for zooming in. A closed set bounds what is kept."""


MOST_CHILDREN = 4
WAIT_SECONDS = 20
_children = threading.BoundedSemaphore(MOST_CHILDREN)


class PicturesBusy(Exception):
    """All parser children that pictures may have are at work; try again in a moment."""


@contextmanager
def _place_for_a_child() -> Iterator[None]:
    """Bounds what one process starts: a hostile page costs each child its whole time and memory."""
    if not _children.acquire(timeout=WAIT_SECONDS):
        raise PicturesBusy
    try:
        yield
    finally:
        _children.release()


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
    with _place_for_a_child(), open_readable(revision) as file:
        picture = pictures.render_page(
            file.fileno(), number, dpi=dpi, password=opened(revision), reader=revision.reader
        )
    _keep(name, picture)
    return picture


def page_words(revision: Revision, numbers: Sequence[int]) -> dict[int, PageWords]:
    """Words of pages (1-based) with places as fractions 0–1 of the picture, read from the file at first use.

    Raises as ingestion.pictures.page_words, FileNotFoundError when the original is gone.
    """
    found = {number: words for number in numbers if (words := _kept_words(revision, number)) is not None}
    missing = [number for number in numbers if number not in found]
    if missing:
        with _place_for_a_child(), open_readable(revision) as file:
            read = pictures.page_words(
                file.fileno(), missing, password=opened(revision), reader=revision.reader
            )
        for number, words in read.items():
            _keep(words_name(revision, number), json.dumps(asdict(words), ensure_ascii=False).encode())
        found |= read
    return found


def _kept_words(revision: Revision, number: int) -> PageWords | None:
    try:
        with default_storage.open(words_name(revision, number)) as kept:
            return PageWords.from_json(json.load(kept))
    except (FileNotFoundError, ValueError):
        # A file cut short by a full disk is read anew.
        return None


def _keep(name: str, content: bytes) -> None:
    # Two viewers at once may both get here; the storage gives the second copy another name, so look again.
    if not default_storage.exists(name):
        default_storage.save(name, ContentFile(content))
