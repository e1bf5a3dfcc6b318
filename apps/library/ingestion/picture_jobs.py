"""Pages as pictures and words with places. Runs inside a parser child only; pictures.py is for callers."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

from PIL import Image, WebPImagePlugin

from apps.library.ingestion.clean_text import clean_text
from apps.library.ingestion.guards import MAX_PIXELS, IngestionError
from apps.library.ingestion.jobs import job
from apps.library.ingestion.layout import words_in_order
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.ingestion.readers.pdf import open_pdf

# Saving looks plugins up by importing them, which a child cannot do any more.
Image.preinit()
assert WebPImagePlugin.WebPImageFile.format == "WEBP"

_WEBP_QUALITY = 80
# The format's own ceiling. Source: RFC 9649, section 2.
_WEBP_MAX_SIDE = 16_383


def _load(document: Any, number: int) -> Any:
    if not 1 <= number <= document.page_count:
        raise IngestionError("no_such_page", number=number)
    return document.load_page(number - 1)


@job("pdf.render")
def _render(data: memoryview, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
    page = _load(open_pdf(data, args["password"]), args["number"])
    zoom = args["dpi"] / 72
    width, height = page.rect.width * zoom, page.rect.height * zoom
    zoom *= min(1.0, (MAX_PIXELS / (width * height)) ** 0.5, _WEBP_MAX_SIDE / max(width, height, 1))
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), colorspace=pymupdf.csRGB, alpha=False)
    picture = Image.frombuffer("RGB", (pixels.width, pixels.height), pixels.samples_mv, "raw", "RGB", 0, 1)
    encoded = io.BytesIO()
    # method=0 halves the time for 15 % more bytes; encoding, not rendering, is what a reader waits for.
    picture.save(encoded, "WEBP", quality=_WEBP_QUALITY, method=0)
    yield {"webp": base64.b64encode(encoded.getvalue()).decode("ascii")}


@job("pdf.words")
def _words(data: memoryview, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
    document = open_pdf(data, args["password"])
    for number in args["numbers"]:
        page = _load(document, number)
        yield {
            "number": number,
            "width": page.rect.width,
            "height": page.rect.height,
            "words": _placed_words(page),
        }


def _placed_words(page: Any) -> list[list[float | str | int]]:
    """Words in the order of the stored text, places as fractions of the page as shown."""
    width, height = page.rect.width or 1, page.rect.height or 1
    words: list[list[float | str | int]] = []
    for box, text, block, line in words_in_order(page):
        if text := clean_text(text):
            places = (box.x0 / width, box.y0 / height, box.x1 / width, box.y1 / height)
            words.append([*(round(min(1.0, max(0.0, place)), 5) for place in places), text, block, line])
    return words
