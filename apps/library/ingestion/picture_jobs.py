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
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.ingestion.readers.pdf import TEXT_FLAGS, open_pdf
from apps.library.ingestion.reading_order import Block, in_reading_order

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
            "words": _words_in_order(page),
        }


def _words_in_order(page: Any) -> list[list[float | str | int]]:
    """Words block by block in the order of the stored text, places as fractions of the page as shown."""
    text_page = page.get_textpage(flags=TEXT_FLAGS)
    turn, width, height = page.rotation_matrix, page.rect.width or 1, page.rect.height or 1
    by_block: dict[int, list[tuple[Any, str, int]]] = {}
    for x0, y0, x1, y1, text, block, line, _ in page.get_text("words", textpage=text_page):
        if text := clean_text(text):
            by_block.setdefault(block, []).append((pymupdf.Rect(x0, y0, x1, y1) * turn, text, line))
    numbers: dict[Block, list[int]] = {}
    for x0, y0, x1, y1, text, number, _ in page.get_text("blocks", textpage=text_page):
        if number in by_block:
            box = pymupdf.Rect(x0, y0, x1, y1) * turn
            numbers.setdefault(Block(box.x0, box.y0, box.x1, box.y1, text), []).append(number)
    in_order = in_reading_order([block for block, same in numbers.items() for _ in same])
    words: list[list[float | str | int]] = []
    for position, block in enumerate(in_order):
        for box, text, line in by_block[numbers[block].pop(0)]:
            places = (box.x0 / width, box.y0 / height, box.x1 / width, box.y1 / height)
            words.append([*(round(min(1.0, max(0.0, place)), 5) for place in places), text, position, line])
    return words
