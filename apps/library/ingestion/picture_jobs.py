"""Pages as pictures and words with places. Runs inside a parser child only; pictures.py is for callers."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from PIL import Image, WebPImagePlugin

from apps.library.ingestion.clean_text import clean_text
from apps.library.ingestion.figure_jobs import copied, figures_of
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.hidden_text import SMALLEST_POINTS, hidden_places
from apps.library.ingestion.jobs import job
from apps.library.ingestion.layout import words_in_order
from apps.library.ingestion.picture_sizes import picture_zoom, thumbnail_zoom
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.ingestion.readers.paged import OPENERS

# Saving looks plugins up by importing them, which a child cannot do any more.
Image.preinit()
assert WebPImagePlugin.WebPImageFile.format == "WEBP"

OpenDocument: TypeAlias = Callable[[memoryview, str], Any]

_WEBP_QUALITY = 80
# Tried in turn until a thumbnail is small enough; the last one is taken at half the size.
_THUMBNAIL_QUALITIES = (60, 40, 20)
_THUMBNAIL_BYTES = 4096


def register_picture_jobs(reader: str, open_document: OpenDocument) -> None:
    """Render, thumbnails, words and figures for a kind of file; open_document takes its bytes and password."""

    def render(data: memoryview, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield _render(_load(open_document(data, args["password"]), args["number"]), args["dpi"])

    def thumbnails(data: memoryview, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
        document = open_document(data, args["password"])
        for number in args["numbers"]:
            yield _thumbnail(document, number)

    def words(data: memoryview, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
        document = open_document(data, args["password"])
        for number in args["numbers"]:
            yield _words(_load(document, number), number)

    def figures(data: memoryview, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield from figures_of(open_document(data, args["password"]), args)

    for name, run in {"render": render, "thumbnails": thumbnails, "words": words, "figures": figures}.items():
        job(f"{reader}.{name}")(run)


def _load(document: Any, number: int) -> Any:
    if not 1 <= number <= document.page_count:
        raise IngestionError("no_such_page", number=number)
    return document.load_page(number - 1)


def _render(page: Any, dpi: int) -> dict[str, Any]:
    picture = _drawn(page, picture_zoom(page.rect.width, page.rect.height, dpi))
    # method=0 halves the time for 15 % more bytes; encoding, not rendering, is what a reader waits for.
    return {"webp": base64.b64encode(_webp(picture, _WEBP_QUALITY, method=0)).decode("ascii")}


def _thumbnail(document: Any, number: int) -> dict[str, Any]:
    try:
        page = _load(document, number)
        picture = _drawn(page, thumbnail_zoom(page.rect.width, page.rect.height))
    except MemoryError:
        raise
    except Exception as error:  # a strip goes on without a page that is damaged
        return {"number": number, "error": str(error)[:200]}
    for quality in _THUMBNAIL_QUALITIES:
        content = _webp(picture, quality, method=4)
        if len(content) <= _THUMBNAIL_BYTES:
            break
    else:
        half = picture.resize((max(1, picture.width // 2), max(1, picture.height // 2)))
        content = _webp(half, _THUMBNAIL_QUALITIES[-1], method=4)
    return {"number": number, "webp": base64.b64encode(content).decode("ascii")}


def _drawn(page: Any, zoom: float) -> Image.Image:
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), colorspace=pymupdf.csRGB, alpha=False)
    return copied(pixels)


def _webp(picture: Image.Image, quality: int, *, method: int) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, "WEBP", quality=quality, method=method)
    return encoded.getvalue()


def _words(page: Any, number: int) -> dict[str, Any]:
    words = _placed_words(page)
    return {
        "number": number,
        "width": page.rect.width,
        "height": page.rect.height,
        "words": words,
        "hidden": _hidden(page, words),
    }


def _hidden(page: Any, words: list[list[Any]]) -> list[int]:
    """Indexes of the words that nobody sees."""
    width, height = page.rect.width, page.rect.height
    places = hidden_places(page)
    found = []
    for index, (x0, y0, x1, y1, *_) in enumerate(words):
        middle = pymupdf.Point((x0 + x1) / 2 * width, (y0 + y1) / 2 * height)
        if (y1 - y0) * height < SMALLEST_POINTS or any(middle in place for place in places):
            found.append(index)
    return found


def _placed_words(page: Any) -> list[list[float | str | int]]:
    """Words in the order of the stored text, places as fractions of the page as shown."""
    width, height = page.rect.width or 1, page.rect.height or 1
    words: list[list[float | str | int]] = []
    for box, text, block, line in words_in_order(page):
        if text := clean_text(text):
            places = (box.x0 / width, box.y0 / height, box.x1 / width, box.y1 / height)
            words.append([*(round(min(1.0, max(0.0, place)), 5) for place in places), text, block, line])
    return words


for _reader, _open in OPENERS.items():
    register_picture_jobs(_reader, _open)
