"""Pages read from their pictures: lines put in order, beside what the text layer holds. Runs in a child only.

For a sandbox of its own (ocr.py): importing this module loads the recognition models.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from statistics import median
from typing import Any, TypeAlias

import numpy as np

from apps.common.folding import fold_plain
from apps.common.markers import packed_tail
from apps.library.ingestion.clean_text import clean_text, one_line, page_text
from apps.library.ingestion.garbled import is_garbled
from apps.library.ingestion.guards import MAX_PIXELS, IngestionError
from apps.library.ingestion.jobs import job
from apps.library.ingestion.layout import join, words_in_order
from apps.library.ingestion.ocr_engine import RecognisedPicture, recognise
from apps.library.ingestion.page_extras import annotation_lines, form_lines
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.ingestion.readers.page import SCAN_CHARACTERS
from apps.library.ingestion.readers.paged import OPENERS
from apps.library.ingestion.reading_order import Block, in_reading_order
from apps.llm.tokens import count_tokens

Point: TypeAlias = tuple[float, float]
Corners: TypeAlias = tuple[Point, Point, Point, Point]
"""In points of the page as shown: where a piece begins above, ends above, ends below, begins below, as it is read."""

_UNKNOWN_SCRIPT = "Text recognition does not know the script of this page."
_SIDE_PIXELS = 16_000
# Detected boxes reach a little into the lines above and below.
_SHRINK = 0.12
# So many lines tell how far apart they are printed.
_LEAST_GAPS = 4
# A piece of the text layer and a recognised line are one when most of the smaller lies in the larger.
_SAME_PLACE = 0.5
_SAME_WORDS = 0.6


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    corners: Corners
    words: tuple[tuple[str, Corners], ...]


@job("ocr.read", counts_tokens=True)
def _read(data: memoryview, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
    document = OPENERS[args["reader"]](data, args["password"])
    for wanted in args["pages"]:
        number = wanted["number"]
        if not 1 <= number <= document.page_count:
            raise IngestionError("no_such_page", number=number)
        try:
            yield _read_page(document.load_page(number - 1), number, args["dpi"], wanted["keeps_layer"])
        except MemoryError:
            raise
        except Exception as error:
            if "malloc" in str(error):
                raise MemoryError from error
            words = one_line(str(error), 120) or type(error).__name__
            yield {"number": number, "failed": f"The page could not be drawn for text recognition: {words}."}


def _read_page(page: Any, number: int, dpi: int, keeps_layer: bool) -> dict[str, Any]:
    found, zoom = _recognise(page, dpi)
    recognised = [
        _Piece(
            line.text,
            _scaled(line.corners, zoom),
            tuple((word.text, _scaled(word.corners, zoom)) for word in line.words),
        )
        for line in found.lines
    ]
    layer = _layer(page) if keeps_layer else []
    pieces = _in_order(_merged(recognised, layer), page.rect.width, page.rect.height, found.turns)
    body = join([block for block, _ in pieces])
    extras = [*annotation_lines(page, body), *form_lines(page)]
    text = page_text("\n\n".join(part for part in (body, "\n".join(extras)) if part))
    return {
        "number": number,
        "text": text,
        "tokens": count_tokens(packed_tail(text)) if text else 0,
        "found": bool(recognised) and found.is_known_script,
        "reason": "" if found.is_known_script else _UNKNOWN_SCRIPT,
        "certainty": round(found.certainty, 3),
        "width": page.rect.width,
        "height": page.rect.height,
        "words": _words([piece for _, piece in pieces], page.rect.width, page.rect.height),
    }


def _recognise(page: Any, dpi: int) -> tuple[RecognisedPicture, float]:
    """What the picture of the page holds, and its pixels per point."""
    zoom = dpi / 72
    width, height = page.rect.width * zoom, page.rect.height * zoom
    zoom *= min(1.0, (MAX_PIXELS / max(1, width * height)) ** 0.5, _SIDE_PIXELS / max(width, height, 1))
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), colorspace=pymupdf.csRGB, alpha=False)
    rows = np.frombuffer(pixels.samples_mv, np.uint8).reshape(pixels.height, pixels.stride)
    picture = rows[:, : pixels.width * 3].reshape(pixels.height, pixels.width, 3)
    return recognise(np.ascontiguousarray(picture[:, :, ::-1])), zoom


def _scaled(quad: Any, zoom: float) -> Corners:
    a, b, c, d = ((float(x) / zoom, float(y) / zoom) for x, y in quad)
    return a, b, c, d


# The text layer of a scan: stamps, headers, page numbers --------------------------------------------


def _layer(page: Any) -> list[_Piece]:
    """Lines of a text layer that is too short to be the page's text; longer ones are being replaced."""
    found = words_in_order(page)
    if is_garbled(" ".join(word for _, word, _, _ in found)):
        return []
    lines: dict[tuple[int, int], list[tuple[str, Corners]]] = {}
    for box, word, block, line in found:
        if any(map(str.isalnum, word)) and (word := clean_text(word)):
            lines.setdefault((block, line), []).append((word, _box_corners(box)))
    pieces = [
        _Piece(" ".join(word for word, _ in words), _around([corners for _, corners in words]), tuple(words))
        for words in lines.values()
    ]
    characters = sum(sum(map(str.isalnum, piece.text)) for piece in pieces)
    return pieces if characters < SCAN_CHARACTERS else []


def _merged(recognised: list[_Piece], layer: list[_Piece]) -> list[_Piece]:
    """Both, without reading anything twice: where they agree the layer's exact words stand."""
    kept = list(recognised)
    for piece in layer:
        words = fold_plain(piece.text)
        near = [other for other in kept if _share(piece.corners, other.corners) >= _SAME_PLACE]
        if any(words in fold_plain(other.text) and words != fold_plain(other.text) for other in near):
            continue
        same = [
            other
            for other in near
            if SequenceMatcher(None, words, fold_plain(other.text)).ratio() >= _SAME_WORDS
        ]
        kept = [other for other in kept if other not in same]
        kept.append(piece)
    return kept


def _share(first: Corners, second: Corners) -> float:
    """How much of the smaller box lies in the other."""
    a, b = _bounds(first), _bounds(second)
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return width * height / smaller if smaller else 0.0


# Order ----------------------------------------------------------------------------------------------


def _in_order(
    pieces: Sequence[_Piece], width: float, height: float, turns: int
) -> list[tuple[Block, _Piece]]:
    """Pieces in reading order, each with its box as a reader who holds the page upright and straight sees it."""
    upright = [[_upright(point, width, height, turns) for point in piece.corners] for piece in pieces]
    # A scan that lies a little askew would mix the lines of neighbouring columns.
    angles = [
        math.atan2(corners[1][1] - corners[0][1], corners[1][0] - corners[0][0])
        for corners, piece in zip(upright, pieces, strict=True)
        if len(piece.text) > 5 and abs(corners[1][1] - corners[0][1]) < abs(corners[1][0] - corners[0][0])
    ]
    angle = median(angles) if angles else 0.0
    blocks, whole = [], []
    for index, (corners, piece) in enumerate(zip(upright, pieces, strict=True)):
        straight = [_turned(point, -angle) for point in corners]
        top = (straight[0][1] + straight[1][1]) / 2
        bottom = (straight[2][1] + straight[3][1]) / 2
        spare = _SHRINK * (bottom - top)
        x0, x1 = min(point[0] for point in straight), max(point[0] for point in straight)
        block = Block(x0, top, x1, bottom, clean_text(piece.text), (index, -1))
        whole.append(block)
        blocks.append(block._replace(y0=top + spare, y1=bottom - spare))
    order = [block.place[0] for block in in_reading_order(blocks)]
    spacing = _line_spacing([whole[index] for index in order])
    return [(whole[index]._replace(y1=whole[index].y1 + spacing), pieces[index]) for index in order]


def _line_spacing(blocks: Sequence[Block]) -> float:
    """The usual gap below a line, in points: what is larger ends a paragraph. 0 where lines are close anyway."""
    gaps = [
        below.y0 - above.y1
        for above, below in pairwise(blocks)
        if 0 < below.y0 - above.y1 < above.y1 - above.y0 and below.x0 < above.x1
    ]
    return median(gaps) if len(gaps) >= _LEAST_GAPS else 0.0


def _upright(point: Point, width: float, height: float, turns: int) -> Point:
    x, y = point
    return ((x, y), (y, width - x), (width - x, height - y), (height - y, x))[turns]


def _turned(point: Point, angle: float) -> Point:
    x, y = point
    return x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)


# Places ---------------------------------------------------------------------------------------------


def _words(pieces: Sequence[_Piece], width: float, height: float) -> list[list[float | str | int]]:
    """Words in the order of the text, places as fractions of the page as shown (picture_jobs.py gives the same)."""
    words: list[list[float | str | int]] = []
    for position, piece in enumerate(pieces):
        for word, corners in piece.words:
            if text := clean_text(word):
                x0, y0, x1, y1 = _bounds(corners)
                places = (x0 / (width or 1), y0 / (height or 1), x1 / (width or 1), y1 / (height or 1))
                words.append([*(round(min(1.0, max(0.0, place)), 5) for place in places), text, position, 0])
    return words


def _bounds(corners: Sequence[Point]) -> tuple[float, float, float, float]:
    across, down = [point[0] for point in corners], [point[1] for point in corners]
    return min(across), min(down), max(across), max(down)


def _box_corners(box: Any) -> Corners:
    return (box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1)


def _around(many: Sequence[Corners]) -> Corners:
    x0, y0, x1, y1 = _bounds([point for corners in many for point in corners])
    return (x0, y0), (x1, y0), (x1, y1), (x0, y1)
