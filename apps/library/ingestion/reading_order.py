"""The order in which a person reads the blocks of a page: column by column, titles before what they head.

A recursive cut: a region is split into columns at a gutter that no block crosses; where there is none, into
bands at horizontal gaps, and neighbouring bands that share a gutter stay together, so that a paragraph break
level with one in the next column does not tear the columns. PyMuPDF's own get_text(sort=True) orders by
height alone, which interleaves columns, at a fifteenth of the speed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

# Points. Word spaces stay below, gutters of two-column print start around 12.
_GUTTER = 7.0
# Blocks of a band may overlap by this much: descenders reach into the next line.
_OVERLAP = 2.0
# A column of prose holds lines of at least this many characters; cells of a table are shorter.
PROSE_CHARACTERS = 25
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
    if _is_vertical(blocks):
        # Lines run from top to bottom: the file's own order is the better guess.
        return list(blocks)
    return _order(list(blocks), right_to_left, depth=0)


def _is_vertical(blocks: Sequence[Block]) -> bool:
    tall = sum(len(block.text) for block in blocks if block.y1 - block.y0 > 3 * (block.x1 - block.x0))
    return tall * 2 > sum(len(block.text) for block in blocks)


def _order(blocks: list[Block], right_to_left: bool, depth: int) -> list[Block]:
    if len(blocks) < 2 or depth > 20:
        return sorted(blocks, key=lambda block: (round(block.y0), block.x0))
    columns = _columns(blocks)
    if right_to_left:
        columns.reverse()
    # With a stray piece in the gutter or a margin, bands are tried first: it may stand above or below.
    if len(columns) > 1 and all(map(_is_prose, columns)):
        return _one_by_one(columns, right_to_left, depth)
    regions = _regions(_bands(blocks))
    if len(regions) > 1:
        return _one_by_one(regions, right_to_left, depth)
    if _are_prose(columns):
        return _one_by_one(columns, right_to_left, depth)
    # One row: side by side, or boxes that overlap for good.
    sign = -1 if right_to_left else 1
    return sorted(blocks, key=lambda block: (sign * block.x0, block.y0))


def _one_by_one(parts: list[list[Block]], right_to_left: bool, depth: int) -> list[Block]:
    return [block for part in parts for block in _order(part, right_to_left, depth + 1)]


def _regions(bands: list[list[Block]]) -> list[list[Block]]:
    """Neighbouring bands joined while they have their gutters in common."""
    regions: list[list[Block]] = []
    gutters = 0
    for band in bands:
        if regions:
            columns = _columns(regions[-1] + band)
            if _are_prose(columns) and gutters in (0, len(columns) - 1):
                regions[-1] += band
                gutters = len(columns) - 1
                continue
        regions.append(list(band))
        columns = _columns(band)
        gutters = len(columns) - 1 if _are_prose(columns) else 0
    return regions


def _columns(blocks: list[Block]) -> list[list[Block]]:
    columns: list[list[Block]] = []
    edge = float("-inf")
    for block in sorted(blocks, key=lambda block: block.x0):
        if block.x0 - edge >= _GUTTER:
            columns.append([])
        columns[-1].append(block)
        edge = max(edge, block.x1)
    return columns


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
    edge = float("-inf")
    for block in sorted(blocks, key=lambda block: (block.y0, block.x0)):
        if not bands or block.y0 >= edge - _OVERLAP:
            bands.append([])
        bands[-1].append(block)
        edge = max(edge, block.y1)
    return bands
