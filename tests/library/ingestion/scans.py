"""Scans made by code: pages that are drawn, turned into pictures, and put back as nothing but pictures."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from PIL import Image

from apps.library.ingestion.pymupdf_lean import pymupdf

SCAN_DPI = 200
CLAUSES = (
    "Either party may terminate this agreement with one hundred",
    "and twenty days of written notice. The notice takes effect on",
    "the last day of a month. Rent of 1,850 euros remains due until",
    "that day, and the premises are returned in the condition in",
    "which they were handed over, fair wear and tear excepted.",
)


def lines(words: Sequence[str], x: float = 72, y: float = 90, size: float = 11) -> Callable[[Any], None]:
    """Draws one line of text below the other."""

    def draw(page: Any) -> None:
        for index, line in enumerate(words):
            page.insert_text((x, y + 1.4 * size * index), line, fontsize=size)

    return draw


def both(*draws: Callable[[Any], None]) -> Callable[[Any], None]:
    def draw(page: Any) -> None:
        for one in draws:
            one(page)

    return draw


def picture_of(draw: Callable[[Any], None], *, turned: int = 0, skewed: float = 0) -> bytes:
    """What a scanner gives as JPEG. turned: degrees to the left; skewed: degrees, as paper lies in a scanner."""
    document = pymupdf.open()
    page = document.new_page()
    draw(page)
    pixels = page.get_pixmap(dpi=SCAN_DPI, colorspace=pymupdf.csGRAY, alpha=False)
    picture = Image.frombytes("L", (pixels.width, pixels.height), pixels.samples)
    if skewed:
        picture = picture.rotate(skewed, Image.Resampling.BICUBIC, fillcolor=255)
    if turned:
        picture = picture.rotate(turned, expand=True)
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=80)
    return encoded.getvalue()


def scanned(draw: Callable[[Any], None], *, turned: int = 0, skewed: float = 0) -> Callable[[Any], None]:
    """Puts the scan of what is drawn on the whole page."""
    picture = picture_of(draw, turned=turned, skewed=skewed)

    def put(page: Any) -> None:
        page.insert_image(page.rect, stream=picture, keep_proportion=turned in (0, 180))

    return put


def scan_file(path: Path, *draws: Callable[[Any], None], turned: int = 0) -> Path:
    """A PDF of scans, one page per drawing, saved at path; on its side where the drawings were turned."""
    document = pymupdf.open()
    for draw in draws:
        size = (842, 595) if turned in (90, 270) else (595, 842)
        scanned(draw, turned=turned)(document.new_page(width=size[0], height=size[1]))
    document.save(path)
    document.close()
    return path


def alike(found: str, expected: str) -> float:
    """Share of characters that agree, white space left out, 0–1."""
    a, b = "".join(found.split()), "".join(expected.split())
    return SequenceMatcher(None, a, b, autojunk=False).ratio()
