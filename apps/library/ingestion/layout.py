"""The pieces of text of a page, with their places, in reading order. Runs inside a parser child only.

Prose is taken block by block, as MuPDF groups it. Blocks of short lines are cells of a table or a form, often
a whole column in one block: those are taken line by line, so that rows come together again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.ingestion.reading_order import PROSE_CHARACTERS, Block, in_reading_order

# Without TEXT_PRESERVE_LIGATURES: models quote “fi”, not “ﬁ”. Images only lend their boxes, none is decoded.
_FLAGS = (
    pymupdf.TEXT_PRESERVE_WHITESPACE
    | pymupdf.TEXT_MEDIABOX_CLIP
    | pymupdf.TEXT_CID_FOR_UNKNOWN_UNICODE
    | pymupdf.TEXT_PRESERVE_IMAGES
)
_IMAGE_BLOCK = 1
# Fewer short lines below each other are a heading. Lines of less than this many points share their height.
_COLUMN_OF_CELLS = 4
_SMALLEST_LINE = 8.0
# A gap larger than this between pieces, in points, is a new paragraph.
_PARAGRAPH_GAP = 4.0


class Layout(NamedTuple):
    """blocks: in reading order, in points of the page as shown. picture_area: square points, not over the page's."""

    blocks: list[Block]
    picture_area: float
    text_page: Any


def read_layout(page: Any) -> Layout:
    """One run of the page through MuPDF, and what can be told from it."""
    text_page = page.get_textpage(flags=_FLAGS)
    turn = page.rotation_matrix if page.rotation else None
    frame = page.rect
    blocks: list[Block] = []
    tables: set[int] = set()
    picture_area = 0.0
    # Words carry the number of their block among blocks of text, blocks that among all.
    number = -1
    for x0, y0, x1, y1, text, _, kind in text_page.extractBLOCKS():
        if turn is not None:
            x0, y0, x1, y1 = pymupdf.Rect(x0, y0, x1, y1) * turn
        if kind == _IMAGE_BLOCK:
            picture_area += _area_inside(x0, y0, x1, y1, frame)
            continue
        number += 1
        if _is_tabular(text, y1 - y0):
            tables.add(number)
        elif text.strip():
            blocks.append(Block(x0, y0, x1, y1, text, (number, -1)))
    if tables:
        blocks += _lines(text_page, tables, turn)
        blocks.sort(key=lambda block: block.place)
    picture_area = min(picture_area, frame.width * frame.height)
    return Layout(in_reading_order(blocks), picture_area, text_page)


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
    turn = page.rotation_matrix
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


def _area_inside(x0: float, y0: float, x1: float, y1: float, frame: Any) -> float:
    width = min(x1, frame.x1) - max(x0, frame.x0)
    height = min(y1, frame.y1) - max(y0, frame.y0)
    return width * height if width > 0 and height > 0 else 0.0


def _is_tabular(text: str, height: float) -> bool:
    """Short lines that stand side by side, or so many that they are a column of cells."""
    lines = text.count("\n")
    if lines < 2 or len(text) >= PROSE_CHARACTERS * lines:
        return False
    return lines >= _COLUMN_OF_CELLS or height < lines * _SMALLEST_LINE


def _lines(text_page: Any, tables: set[int], turn: Any) -> list[Block]:
    words: dict[tuple[int, int], list[tuple[float, float, float, float, str]]] = {}
    for x0, y0, x1, y1, text, number, line, _ in text_page.extractWORDS():
        if number in tables:
            words.setdefault((number, line), []).append((x0, y0, x1, y1, text))
    lines = []
    for place, cells in words.items():
        x0, y0 = min(word[0] for word in cells), min(word[1] for word in cells)
        x1, y1 = max(word[2] for word in cells), max(word[3] for word in cells)
        if turn is not None:
            x0, y0, x1, y1 = pymupdf.Rect(x0, y0, x1, y1) * turn
        lines.append(Block(x0, y0, x1, y1, " ".join(word[4] for word in cells), place))
    return lines


def _follows_in_row(left: Block, right: Block) -> bool:
    """Whether two single lines stand side by side on the same height."""
    if right.x0 < left.x1 - 1 or "\n" in left.text.strip() or "\n" in right.text.strip():
        return False
    return min(left.y1, right.y1) - max(left.y0, right.y0) > 0.5 * min(left.y1 - left.y0, right.y1 - right.y0)
