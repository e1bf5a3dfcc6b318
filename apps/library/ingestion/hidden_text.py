"""Whether a page holds words that nobody sees: drawn invisibly, in the colour of their ground, or too small.

Such text is kept, because it is in the file and a model would read it, and flagged, because a person cannot
check it. Found by looking: a suspected span whose place on the rendered page has a single colour is hidden;
the invisible text layer over a scan is not, its place shows the picture of the words.
Not caught: colours set inside forms that a page only refers to, and words behind a picture of other words.
"""

from __future__ import annotations

import re
from typing import Any

from apps.library.ingestion.layout import Layout
from apps.library.ingestion.pymupdf_lean import pymupdf

# Cheap signs in the content stream that make a closer look worth its time: text render modes 3 and 7, and
# fills that are white or nearly so. Each pattern begins with a fixed byte where it can: streams are long.
_INVISIBLE = re.compile(rb"[37]\s+Tr\b")
_WHITES = (
    re.compile(rb"1(?<![\d.]1)(?:\.0*)?\s+(?:(?:1(?:\.0*)?\s+){2}(?:rg|scn?)|g|scn?)\b"),
    re.compile(rb"\.9\d*\s+(?:0?\.9\d*\s+0?\.9\d*\s+(?:rg|scn?)|g|scn?)\b"),
)
# What comes first after a white fill: words, or another colour (a white ground is the common case).
_SHOWN_OR_CHANGED = re.compile(rb"T[jJ]\b|(?<=\s)(?:rg|g|k|scn?|Q)\b")
_FLAGS = pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_MEDIABOX_CLIP
_FILLED, _STROKED = 16, 32  # FZ_STEXT_FILLED, FZ_STEXT_STROKED
_NEAR_WHITE = 0xE6
_SMALLEST_POINTS = 1.5
_LEAST_CONTRAST = 24
# Text recognition leaves a stray character on blank paper now and then.
_LEAST_CHARACTERS = 8
# Enough spans to tell a hidden text layer; a scan's layer has thousands, all alike.
_MOST_SPANS = 60


def has_hidden_text(page: Any, layout: Layout) -> bool:
    """layout: of this page. Renders a part of the page, and that only when something in it is suspicious."""
    if any(min(block.y1 - block.y0, block.x1 - block.x0) < _SMALLEST_POINTS for block in layout.blocks):
        return True
    if not _is_suspicious(page.read_contents()):
        return False
    suspects = _suspects(page, layout)
    if not suspects:
        return False
    area = suspects[0][0]
    for box, _ in suspects:
        area |= box
    picture = page.get_pixmap(dpi=72, colorspace=pymupdf.csGRAY, alpha=False, clip=area)
    unseen = sum(characters for box, characters in suspects if not _has_contrast(picture, box))
    return unseen >= _LEAST_CHARACTERS


def _is_suspicious(contents: bytes) -> bool:
    if b"Tr" in contents and _INVISIBLE.search(contents):
        return True
    for pattern in _WHITES:
        for white in pattern.finditer(contents):
            used = _SHOWN_OR_CHANGED.search(contents, white.end())
            if used and used[0] in (b"Tj", b"TJ"):
                return True
    return False


def _suspects(page: Any, layout: Layout) -> list[tuple[Any, int]]:
    found: list[tuple[Any, int]] = []
    # A text page with pictures would hand out their bytes as well.
    text_page = page.get_textpage(flags=_FLAGS) if layout.picture_area else layout.text_page
    for block in text_page.extractDICT()["blocks"]:
        for line in block.get("lines", ()):
            for span in line["spans"]:
                characters = len(span["text"].strip())
                if not characters:
                    continue
                color = span["color"]
                is_drawn = span["char_flags"] & (_FILLED | _STROKED) and span["alpha"]
                is_white = min(color >> 16, color >> 8 & 255, color & 255) >= _NEAR_WHITE
                if not is_drawn or is_white:
                    found.append((pymupdf.Rect(span["bbox"]) * page.rotation_matrix, characters))
                    if len(found) >= _MOST_SPANS:
                        return found
    return found


def _has_contrast(picture: Any, box: Any) -> bool:
    left, right = max(0, int(box.x0) - picture.x), min(picture.width, int(box.x1) + 1 - picture.x)
    top, bottom = max(0, int(box.y0) - picture.y), min(picture.height, int(box.y1) + 1 - picture.y)
    if left >= right or top >= bottom:
        return True
    darkest, brightest = 255, 0
    samples = picture.samples_mv
    for y in range(top, bottom):
        row = bytes(samples[y * picture.stride + left : y * picture.stride + right])
        darkest, brightest = min(darkest, min(row)), max(brightest, max(row))
        if brightest - darkest >= _LEAST_CONTRAST:
            return True
    return False
