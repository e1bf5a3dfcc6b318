"""What the viewer shows of a page: its picture, and its words with their places."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

from apps.library.ingestion.quotes import PageWords
from apps.library.ingestion.sandbox import sandbox

DEFAULT_DPI = 110


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


def render_thumbnails(
    fd: int, numbers: Sequence[int], *, password: str = "", reader: str = "pdf"
) -> Iterator[tuple[int, bytes]]:
    """(number, WebP of at most 4 kB) of the given pages (1-based), in their order, from one parser child.

    The bytes are empty for a page that cannot be drawn. Raises as render_page when the child dies, after the
    pages before.
    """
    args = {"numbers": list(numbers), "password": password}
    for value in sandbox().run(f"{reader}.thumbnails", fd=fd, args=args):
        yield value["number"], base64.b64decode(value.get("webp", ""))


def page_words(
    fd: int, numbers: Sequence[int], *, password: str = "", reader: str = "pdf"
) -> dict[int, PageWords]:
    """Words of the given pages (1-based), for the text layer and for boxes; one parser child for all."""
    args = {"numbers": list(numbers), "password": password}
    return {
        value["number"]: PageWords.from_json(value)
        for value in sandbox().run(f"{reader}.words", fd=fd, args=args)
    }
