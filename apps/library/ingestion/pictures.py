"""What the viewer shows of a page: its picture, and its words with their places."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from apps.library.ingestion.guards import MAX_PIXELS
from apps.library.ingestion.quotes import PageWords
from apps.library.ingestion.sandbox import sandbox

DEFAULT_DPI = 110
# The format's own ceiling. Source: RFC 9649, section 2.
WEBP_MAX_SIDE = 16_383


def picture_zoom(width: float, height: float, dpi: int) -> float:
    """Pixels per point of a page of so many points at dpi, or at what 50 megapixels and WebP hold."""
    zoom = dpi / 72
    across, down = width * zoom, height * zoom
    return zoom * min(1.0, (MAX_PIXELS / (across * down)) ** 0.5, WEBP_MAX_SIDE / max(across, down, 1))


def picture_size(width: float, height: float, dpi: int) -> tuple[int, int]:
    """Pixels across and down of the picture of a page, give or take one."""
    zoom = picture_zoom(width, height, dpi)
    return max(1, round(width * zoom)), max(1, round(height * zoom))


def render_page(
    fd: int, number: int, *, dpi: int = DEFAULT_DPI, password: str = "", reader: str = "pdf"
) -> bytes:
    """The page as WebP, as a reader sees it: cropped, turned, with annotations and filled forms.

    number: 1-based. reader: the prefix of its jobs, Revision.reader. Pages past 50 megapixels come at a lower
    resolution. Starts one parser child. Raises IngestionError (no_such_page among others), ChildDied or
    ChildFailed of sandbox.py.
    """
    args = {"number": number, "dpi": dpi, "password": password}
    for value in sandbox().run(f"{reader}.render", fd=fd, args=args):
        return base64.b64decode(value["webp"])
    raise AssertionError("The render job ended without a picture and without an error.")


def page_words(
    fd: int, numbers: Sequence[int], *, password: str = "", reader: str = "pdf"
) -> dict[int, PageWords]:
    """Words of the given pages (1-based), for the text layer and for boxes; one parser child for all."""
    args = {"numbers": list(numbers), "password": password}
    return {
        value["number"]: PageWords.from_json(value)
        for value in sandbox().run(f"{reader}.words", fd=fd, args=args)
    }
