"""The pieces of text of a page, with their places, in reading order. Runs inside a parser child only.

Prose is taken block by block, as MuPDF groups it. Blocks of short lines are cells of a table or a form, often
a whole column in one block: those are taken line by line, so that rows come together again.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NamedTuple

from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.ingestion.reading_order import (
    GUTTER,
    PROSE_CHARACTERS,
    Block,
    in_reading_order,
)

# Without TEXT_PRESERVE_LIGATURES: models quote “fi”, not “ﬁ”. Images only lend their boxes, none is decoded.
_FLAGS = (
    pymupdf.TEXT_PRESERVE_WHITESPACE
    | pymupdf.TEXT_MEDIABOX_CLIP
    | pymupdf.TEXT_CID_FOR_UNKNOWN_UNICODE
    | pymupdf.TEXT_PRESERVE_IMAGES
)
# MuPDF writes whole numbers: hundredths of a point.
_SCALE = 100
# Fewer short lines below each other are a heading. Lines of less than this many points share their height.
_COLUMN_OF_CELLS = 4
_SMALLEST_LINE = 8.0
# Lines below each other are together about as high as their block; side by side they are higher.
_SHARED_HEIGHT = 0.8
# A gap larger than this between pieces, in points, is a new paragraph.
_PARAGRAPH_GAP = 4.0
# What parts words; wider spaces of typography do not.
_WORD_GAPS = re.compile(r"[\0-\x20\xa0]+")
# The share of its size above the baseline, where a font names none (the invisible one of text recognition).
_USUAL_ASCENT = 0.9


class Layout(NamedTuple):
    """blocks: in reading order, in points of the page as shown. picture_area: square points, not over page_area."""

    blocks: list[Block]
    picture_area: float
    page_area: float
    text_page: Any


def read_layout(page: Any) -> Layout:
    """One run of the page through MuPDF, and what can be told from it."""
    text_page = page.get_textpage(flags=_FLAGS)
    frame = text_page.rect
    blocks: list[Block] = []
    picture_area = 0.0
    # Counted as extractWORDS does it: pictures have no number.
    number = -1
    structure = _structure(text_page)
    for block in structure:
        if block["type"] == "image":
            picture_area += _area_inside(block["bbox"], frame)
        elif block["type"] == "text":
            number += 1
            blocks += _pieces(block, number, frame)
    turn = turned_by(page)
    if not page.rotation:
        blocks = in_reading_order(blocks)
    elif _lies_on_its_side(structure, page.rotation):
        # The order is that of the upright page.
        blocks = [_turned(block, turn) for block in in_reading_order(blocks)]
    else:
        blocks = in_reading_order([_turned(block, turn) for block in blocks])
    page_area = frame.width * frame.height
    return Layout(blocks, min(picture_area, page_area), page_area, text_page)


def join(blocks: list[Block]) -> str:
    """The text of ordered pieces: cells of one row behind tabs, paragraphs behind blank lines."""
    parts: list[str] = []
    last: Block | None = None
    for block in blocks:
        if last is not None:
            if _follows_in_row(last, block):
                parts.append("\t")
            else:
                parts.append("\n\n" if block.y0 - last.y1 > _PARAGRAPH_GAP else "\n")
        parts.append(block.text.rstrip("\n"))
        last = block
    return "".join(parts)


def words_in_order(page: Any) -> list[tuple[Any, str, int, int]]:
    """(box, word, block, line) in the order of the stored text; boxes in points of the page as shown."""
    layout = read_layout(page)
    turn = turned_by(page)
    by_place: dict[tuple[int, int], list[tuple[Any, str, int]]] = {}
    whole = {block.place[0] for block in layout.blocks if block.place[1] < 0}
    for x0, y0, x1, y1, text, number, line, _ in layout.text_page.extractWORDS():
        place = (number, -1) if number in whole else (number, line)
        by_place.setdefault(place, []).append((pymupdf.Rect(x0, y0, x1, y1) * turn, text, line))
    return [
        (box, text, position, line)
        for position, block in enumerate(layout.blocks)
        for box, text, line in by_place.get(block.place, ())
    ]


def turned_by(page: Any) -> Any:
    """The matrix from the page as its text lies in the file to the page as shown, both with the origin top left.

    PyMuPDF's own rotation_matrix moves turned pages by sizes that leave UserUnit out.
    """
    width, height = page.rect.width, page.rect.height
    return {
        0: pymupdf.Matrix(1, 0, 0, 1, 0, 0),
        90: pymupdf.Matrix(0, 1, -1, 0, width, 0),
        180: pymupdf.Matrix(-1, 0, 0, -1, width, height),
        270: pymupdf.Matrix(0, -1, 1, 0, 0, height),
    }[page.rotation]


def _structure(text_page: Any) -> list[dict[str, Any]]:
    """Blocks and their lines, numbers times _SCALE; half the cost of PyMuPDF's lists of blocks and of words."""
    mupdf = pymupdf.mupdf
    buffer = mupdf.FzBuffer(16 * 1024)
    output = mupdf.FzOutput(buffer)
    mupdf.fz_print_stext_page_as_json(output, text_page.this, _SCALE)
    output.fz_close_output()
    blocks: list[dict[str, Any]] = json.loads(buffer.fz_buffer_extract())["blocks"]
    return blocks


def _area_inside(box: dict[str, float], frame: Any) -> float:
    """Square points of a picture that lie on the page."""
    width = min((box["x"] + box["w"]) / _SCALE, frame.x1) - max(box["x"] / _SCALE, frame.x0)
    height = min((box["y"] + box["h"]) / _SCALE, frame.y1) - max(box["y"] / _SCALE, frame.y0)
    return width * height if width > 0 and height > 0 else 0.0


def _pieces(block: dict[str, Any], number: int, frame: Any) -> list[Block]:
    """A block as a whole, or line by line where its lines are cells."""
    lines = block["lines"]
    if not lines:
        return []
    text = "".join([line["text"] if line["text"].endswith("\n") else line["text"] + "\n" for line in lines])
    box = block["bbox"]
    x0, y0 = box["x"] / _SCALE, box["y"] / _SCALE
    x1, y1 = x0 + box["w"] / _SCALE, y0 + box["h"] / _SCALE
    if not (_is_tabular(text, y1 - y0) or _are_side_by_side(lines, box["h"])):
        if not text.strip():
            return []
        top, bottom = _box(lines[0])[1], _box(lines[-1])[3]
        return [Block(x0, min(y0, top), x1, max(y1, bottom), text, (number, -1))]
    pieces = []
    for index, line in enumerate(lines):
        given = line["text"]
        words = given
        if " " in given or "\xa0" in given or "\t" in given:
            words = _WORD_GAPS.sub(" ", given).strip(" ")
        if not words:
            continue
        left, top, right, bottom = _box(line)
        if left >= right or left >= frame.x1 or right <= frame.x0 or top >= frame.y1 or bottom <= frame.y0:
            continue
        if len(given) > len(words):
            left, right = _without_spaces(given, left, right)
        pieces.append(Block(left, top, right, bottom, words, (number, index)))
    return pieces


def _box(line: dict[str, Any]) -> tuple[float, float, float, float]:
    """Its box in points, at least as high as its type: some fonts give heights that letters stand out of."""
    box = line["bbox"]
    x0, y0, height = box["x"], box["y"], box["h"]
    x1, y1 = x0 + box["w"], y0 + height
    size = line["font"]["size"] if "font" in line else 0
    if 0 < height < size and y0 <= line["y"] <= y1 and not line["wmode"]:
        above = (line["y"] - y0) / height or _USUAL_ASCENT
        y0 = line["y"] - above * size
        y1 = y0 + size
    return x0 / _SCALE, y0 / _SCALE, x1 / _SCALE, y1 / _SCALE


def _without_spaces(text: str, x0: float, x1: float) -> tuple[float, float]:
    """The sides of a line without the spaces at its ends, which would close the gap to the next column."""
    before = len(text) - len(text.lstrip())
    after = len(text) - len(text.rstrip())
    # A space is about half as wide as a letter.
    unit = (x1 - x0) / (2 * len(text) - before - after)
    return x0 + before * unit, x1 - after * unit


def _lies_on_its_side(structure: list[dict[str, Any]], rotation: int) -> bool:
    """Whether a quarter turn of the page lays its lines on their side; mostly it sets them upright."""
    if rotation % 180 == 0:
        return False
    along = across = 0
    for block in structure:
        for line in block.get("lines", ()):
            if line["bbox"]["w"] > line["bbox"]["h"]:
                along += len(line["text"])
            else:
                across += len(line["text"])
    return along > across


def _turned(block: Block, turn: Any) -> Block:
    x0, y0, x1, y1 = pymupdf.Rect(block[:4]) * turn
    return Block(x0, y0, x1, y1, block.text, block.place)


def _is_tabular(text: str, height: float) -> bool:
    """Short lines that stand side by side, or so many that they are a column of cells."""
    lines = text.count("\n")
    if lines < 2 or len(text) >= PROSE_CHARACTERS * lines:
        return False
    return lines >= _COLUMN_OF_CELLS or height < lines * _SMALLEST_LINE


def _are_side_by_side(lines: list[dict[str, Any]], height: float) -> bool:
    """Whether one block holds columns: lines on the same height, and a gutter that none of them crosses."""
    boxes = [line["bbox"] for line in lines]
    if height > _SHARED_HEIGHT * sum([box["h"] for box in boxes]):
        return False
    edge = math.inf
    for left, right in sorted([(box["x"], box["x"] + box["w"]) for box in boxes]):
        if left - edge >= GUTTER * _SCALE:
            return True
        edge = right if edge == math.inf else max(edge, right)
    return False


def _follows_in_row(left: Block, right: Block) -> bool:
    """Whether two single lines stand side by side on the same height."""
    if right.x0 < left.x1 - 1 or "\n" in left.text.strip() or "\n" in right.text.strip():
        return False
    return min(left.y1, right.y1) - max(left.y0, right.y0) > 0.5 * min(left.y1 - left.y0, right.y1 - right.y0)
