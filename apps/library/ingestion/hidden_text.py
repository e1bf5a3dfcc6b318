"""Whether a page holds words that nobody sees: drawn invisibly, in the colour of their ground, or too small.

Such text is kept, because it is in the file and a model would read it, and flagged, because a person cannot
check it. Found by looking: a suspected span whose place on the rendered page has a single colour is hidden;
the invisible text layer over a scan is not, its place shows the picture of the words.
Not caught: words behind a picture of other words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from apps.library.ingestion.hidden_signs import has_signs
from apps.library.ingestion.layout import Layout
from apps.library.ingestion.pymupdf_lean import pymupdf

_FLAGS = pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_MEDIABOX_CLIP
_FILLED, _STROKED = 16, 32  # FZ_STEXT_FILLED, FZ_STEXT_STROKED
_NEAR_WHITE = 0xE6
SMALLEST_POINTS = 1.5
_LEAST_CONTRAST = 24
# Text recognition leaves a stray character on blank paper now and then.
_LEAST_CHARACTERS = 8
# Enough spans to tell a hidden text layer; a scan's layer has thousands, all alike.
_MOST_SPANS = 60
# Enough for every line of a page, when each is to be told from the others.
_MOST_PLACES = 2_000


class _Suspect(NamedTuple):
    """A span that may not be seen. box: points of the page as shown."""

    box: Any
    characters: int


def has_hidden_text(page: Any, layout: Layout) -> bool:
    """layout: of this page. Renders parts of the page, and that only when something in it is suspicious."""
    for x0, y0, x1, y1, _, _ in layout.blocks:
        if y1 - y0 < SMALLEST_POINTS or x1 - x0 < SMALLEST_POINTS:
            return True
    if not page.parent.is_pdf or not has_signs(page):
        return False
    drawing = page.get_displaylist()
    suspects = _suspects(drawing)
    unseen, left = 0, sum(suspect.characters for suspect in suspects)
    if left < _LEAST_CHARACTERS:
        return False
    is_scan = layout.picture_area * 2 > layout.page_area
    for suspect, picture in _looks(drawing, suspects, is_scan=is_scan):
        left -= suspect.characters
        unseen += 0 if _has_contrast(picture, suspect.box) else suspect.characters
        if unseen >= _LEAST_CHARACTERS or unseen + left < _LEAST_CHARACTERS:
            break
    return unseen >= _LEAST_CHARACTERS


def hidden_places(page: Any) -> list[Any]:
    """Rectangles of the words that nobody sees, in points of the page as shown; empty where has_hidden_text looks no closer.

    Words that are too small are not among them: their own boxes tell.
    """
    if not page.parent.is_pdf or not has_signs(page):
        return []
    drawing = page.get_displaylist()
    suspects = _suspects(drawing, most=_MOST_PLACES)
    if sum(suspect.characters for suspect in suspects) < _LEAST_CHARACTERS:
        return []
    looks = _looks(drawing, suspects, is_scan=True)
    unseen = [suspect for suspect, picture in looks if not _has_contrast(picture, suspect.box)]
    is_enough = sum(suspect.characters for suspect in unseen) >= _LEAST_CHARACTERS
    return [suspect.box for suspect in unseen] if is_enough else []


def _suspects(drawing: Any, *, most: int = _MOST_SPANS) -> list[_Suspect]:
    found: list[_Suspect] = []
    # A text page with pictures, as the layout has it, would hand out their bytes as well.
    text_page = pymupdf.TextPage(drawing.get_textpage(flags=_FLAGS))
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
                    found.append(_Suspect(pymupdf.Rect(span["bbox"]), characters))
                    if len(found) >= most:
                        return found
    return found


def _looks(drawing: Any, suspects: list[_Suspect], *, is_scan: bool) -> Iterator[tuple[_Suspect, Any]]:
    """Each suspect with a picture of its place; one picture for all on a scan, which is dear to decode."""
    whole = None
    if is_scan:
        area = suspects[0].box
        for suspect in suspects:
            area |= suspect.box
        whole = _picture(drawing, area)
    for suspect in suspects:
        yield suspect, whole or _picture(drawing, suspect.box)


def _picture(drawing: Any, area: Any) -> Any:
    """72 dots an inch: a point is a pixel."""
    return drawing.get_pixmap(colorspace=pymupdf.csGRAY, alpha=False, clip=area)


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
