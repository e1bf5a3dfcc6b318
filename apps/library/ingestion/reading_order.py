"""The order in which a person reads the blocks of a page: column by column, titles before what they head.

A recursive cut: a region is split into columns at a gutter that no block crosses; where there is none, into
bands at horizontal gaps, and neighbouring bands that share a gutter stay together, so that a paragraph break
level with one in the next column does not tear the columns. PyMuPDF's own get_text(sort=True) orders by
height alone, which interleaves columns, at a fifteenth of the speed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

# Points. Word spaces stay below, gutters of two-column print start around 12.
GUTTER = 7.0
# Blocks of a band may overlap by this much: descenders reach into the next line.
_OVERLAP = 2.0
# Lines with raised or larger letters overlap the line above by this share of their height, but not by more points.
_SHARE_OF_LINE, _MOST_OVERLAP = 0.25, 4.5
# A column of prose holds lines of at least this many characters; cells of a table are shorter.
PROSE_CHARACTERS = 25
# A box that is tall and narrow holds a line that runs up or down the page when it has more letters than this.
_LETTERS_OF_A_WORD = 4
# The room of a letter along its line, in points, with room to spare.
_POINTS_OF_A_LETTER = 14.0
# The comparison of boxes that overlap grows with the cube of their number.
_MOST_TANGLED = 60
_TOP_THEN_LEFT = itemgetter(1, 0)
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff]")


class Block(NamedTuple):
    """A run of text with its box, in points of the page as shown, origin top left.

    place: number of the block and of the line in the file's own order, line -1 for a whole block.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    text: str
    place: tuple[int, int] = (0, -1)


def in_reading_order(blocks: Sequence[Block]) -> list[Block]:
    """The same blocks, ordered; equal input gives equal output."""
    if len(blocks) < 2:
        return list(blocks)
    sample = "".join(block.text[:40] for block in blocks[:40])
    letters = len(_RIGHT_TO_LEFT.findall(sample))
    right_to_left = letters > 0 and letters * 2 > sum(map(str.isalpha, sample))
    turned = [block for block in blocks if _is_turned(block)]
    if not turned:
        return _order(list(blocks), right_to_left, depth=0)
    if _runs_sideways(blocks):
        # Lines run from top to bottom: the file's own order is the better guess.
        return list(blocks)
    # A stamp that runs up the margin reaches over every line beside it: it comes last.
    upright = [block for block in blocks if not _is_turned(block)]
    return _order(upright, right_to_left, depth=0) + turned


def _runs_sideways(blocks: Sequence[Block]) -> bool:
    """Whether most letters stand in lines that run up or down."""
    turned = sum(len(block.text) for block in blocks if _is_turned(block))
    return 2 * turned > sum(len(block.text) for block in blocks)


def _is_turned(block: Block) -> bool:
    """Whether its lines run up or down the page: tall, and not because of their number."""
    x0, y0, x1, y1, text, _ = block
    height = y1 - y0
    if height <= 3 * (x1 - x0) or len(text) <= _LETTERS_OF_A_WORD:
        return False
    lines = text.strip().count("\n") + 1
    return lines == 1 or height * lines < _POINTS_OF_A_LETTER * len(text)


def _order(blocks: list[Block], right_to_left: bool, depth: int) -> list[Block]:
    if len(blocks) < 2 or depth > 20:
        return sorted(blocks, key=lambda block: (round(block.y0), block.x0))
    bands = _bands(blocks)
    if not any(map(_has_prose, blocks)):
        # Cells: rows, and pieces of a row side by side.
        return [block for band in bands for block in _row(band, right_to_left)]
    columns = _columns(blocks)
    if len(columns) == 1 and len(bands) == len(blocks):
        return [band[0] for band in bands]
    if right_to_left:
        columns.reverse()
    # With a stray piece in the gutter or a margin, bands are tried first: it may stand above or below.
    if len(columns) > 1 and all(map(_is_prose, columns)):
        return _one_by_one(columns, right_to_left, depth)
    regions = _regions(bands)
    if len(regions) > 1:
        return _one_by_one(regions, right_to_left, depth)
    if _are_prose(columns):
        return _one_by_one(columns, right_to_left, depth)
    return _untangled(blocks, right_to_left)


def _row(band: list[Block], right_to_left: bool) -> list[Block]:
    if len(band) < 2:
        return band
    sign = -1 if right_to_left else 1
    return sorted(band, key=lambda block: (sign * block.x0, block.y0))


def _untangled(blocks: list[Block], right_to_left: bool) -> list[Block]:
    """Boxes that no straight cut parts: above before below, left before right unless something wide stands between.

    Source: T. M. Breuel, High Performance Document Layout Analysis, 2003, section 4.
    """
    if len(blocks) > _MOST_TANGLED:
        return _row(blocks, right_to_left)
    ordered = sorted(blocks, key=lambda block: (round(block.y0), -block.x0 if right_to_left else block.x0))
    before = {
        later: [
            earlier
            for earlier in range(len(ordered))
            if earlier != later and _comes_before(ordered[earlier], ordered[later], ordered, right_to_left)
        ]
        for later in range(len(ordered))
    }
    result: list[Block] = []
    seen: set[int] = set()

    def visit(index: int) -> None:
        seen.add(index)
        for earlier in before[index]:
            if earlier not in seen:
                visit(earlier)
        result.append(ordered[index])

    for index in range(len(ordered)):
        if index not in seen:
            visit(index)
    return result


def _comes_before(first: Block, second: Block, blocks: list[Block], right_to_left: bool) -> bool:
    if _stand_in_row(first, second):
        return (first.x0 < second.x0) != right_to_left
    if _share_width(first, second):
        return first.y0 + first.y1 < second.y0 + second.y1
    if (first.x0 > second.x0) != right_to_left:
        return False
    top, bottom = sorted((first.y0 + first.y1, second.y0 + second.y1))
    return not any(
        top < other.y0 + other.y1 < bottom and _share_width(first, other) and _share_width(other, second)
        for other in blocks
    )


def _stand_in_row(one: Block, other: Block) -> bool:
    """Side by side on the same height; a formula may reach a little into its neighbour."""
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    lower, narrower = min(one.y1 - one.y0, other.y1 - other.y0), min(one.x1 - one.x0, other.x1 - other.x0)
    return (
        2 * height > lower and 2 * width < narrower and max(one.y1 - one.y0, other.y1 - other.y0) < 3 * lower
    )


def _share_width(one: Block, other: Block) -> bool:
    return min(one.x1, other.x1) - max(one.x0, other.x0) > _OVERLAP


def _one_by_one(parts: list[list[Block]], right_to_left: bool, depth: int) -> list[Block]:
    return [block for part in parts for block in _order(part, right_to_left, depth + 1)]


def _regions(bands: list[list[Block]]) -> list[list[Block]]:
    """Neighbouring bands joined while they have their gutters in common."""
    regions: list[list[Block]] = []
    gutters = prose = 0
    for band in bands:
        prose_of_band = sum(map(_has_prose, band))
        # Columns of prose need a block of prose each; most bands are told by that.
        if regions and prose + prose_of_band > 1:
            columns = _columns(regions[-1] + band)
            if gutters in (0, len(columns) - 1) and _are_prose(columns):
                regions[-1] += band
                gutters = len(columns) - 1
                prose += prose_of_band
                continue
        regions.append(list(band))
        prose, gutters = prose_of_band, 0
        if prose > 1:
            columns = _columns(band)
            gutters = len(columns) - 1 if _are_prose(columns) else 0
    return regions


def _columns(blocks: list[Block]) -> list[list[Block]]:
    columns: list[list[Block]] = []
    edge = -math.inf
    # Blocks compare by their left sides.
    for block in sorted(blocks):
        if block[0] - edge >= GUTTER:
            columns.append([])
        columns[-1].append(block)
        if block[2] > edge:
            edge = block[2]
    return columns


def _has_prose(block: Block) -> bool:
    return len(block.text) >= PROSE_CHARACTERS * (block.text.count("\n") or 1)


def _is_prose(column: list[Block]) -> bool:
    lines = characters = 0
    for block in column:
        lines += block.text.count("\n") or 1
        characters += len(block.text)
    return characters >= PROSE_CHARACTERS * lines


def _are_prose(columns: list[list[Block]]) -> bool:
    """Two columns of running text or more, and most of them; else the gutter is a table's, read row by row."""
    if len(columns) < 2:
        return False
    prose = sum(map(_is_prose, columns))
    return prose >= 2 and prose * 2 >= len(columns)


def _bands(blocks: list[Block]) -> list[list[Block]]:
    bands: list[list[Block]] = []
    edge = -math.inf
    for block in sorted(blocks, key=_TOP_THEN_LEFT):
        y0, y1 = block[1], block[3]
        if y0 >= edge - min(_MOST_OVERLAP, max(_OVERLAP, _SHARE_OF_LINE * (y1 - y0))):
            bands.append([])
        bands[-1].append(block)
        if y1 > edge:
            edge = y1
    return bands
