"""The order in which a person reads the blocks of a page: column by column, titles before what they head.

A recursive cut: a region is split into columns at a gutter that no block crosses; where there is none, into
bands at horizontal gaps, and neighbouring bands that share a gutter stay together, so that a paragraph break
level with one in the next column does not tear the columns. PyMuPDF's own get_text(sort=True) orders by
height alone, which interleaves columns, at a fifteenth of the speed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

# Points. Word spaces stay below, gutters of two-column print start around 12.
_GUTTER = 7.0
# Blocks of a band may overlap by this much: descenders reach into the next line.
_OVERLAP = 2.0
# A column of prose holds lines of at least this many characters; cells of a table are shorter.
_PROSE_CHARACTERS = 25
_RIGHT_TO_LEFT = range(0x0590, 0x0900)


class Block(NamedTuple):
    """A run of text with its box, in points of the page as shown, origin top left."""

    x0: float
    y0: float
    x1: float
    y1: float
    text: str


def in_reading_order(blocks: Sequence[Block]) -> list[Block]:
    """The same blocks, ordered; equal input gives equal output."""
    if len(blocks) < 2:
        return list(blocks)
    sample = "".join(block.text[:40] for block in blocks[:40])
    letters = [ord(character) for character in sample if character.isalpha()]
    right_to_left = sum(letter in _RIGHT_TO_LEFT for letter in letters) * 2 > len(letters)
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
    if len(columns) > 1 and _are_prose(columns):
        if right_to_left:
            columns.reverse()
        return [block for column in columns for block in _order(column, right_to_left, depth + 1)]
    bands = _bands(blocks)
    if len(bands) > 1:
        ordered: list[Block] = []
        for region in _regions(bands):
            ordered += _order(region, right_to_left, depth + 1)
        return ordered
    # One row: side by side, or boxes that overlap for good.
    sign = -1 if right_to_left else 1
    return sorted(blocks, key=lambda block: (sign * block.x0, block.y0))


def _regions(bands: list[list[Block]]) -> list[list[Block]]:
    """Neighbouring bands joined while they have a gutter in common."""
    regions: list[list[Block]] = []
    for band in bands:
        if regions:
            columns = _columns(regions[-1] + band)
            if len(columns) > 1 and _are_prose(columns):
                regions[-1] += band
                continue
        regions.append(list(band))
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


def _are_prose(columns: list[list[Block]]) -> bool:
    """At least two columns of running text; otherwise the gutter is that of a table, read row by row."""
    prose = 0
    for column in columns:
        lines = sum(block.text.count("\n") or 1 for block in column)
        characters = sum(len(block.text) for block in column)
        prose += characters >= _PROSE_CHARACTERS * lines
    return prose >= 2


def _bands(blocks: list[Block]) -> list[list[Block]]:
    bands: list[list[Block]] = []
    edge = float("-inf")
    for block in sorted(blocks, key=lambda block: (block.y0, block.x0)):
        if not bands or block.y0 >= edge - _OVERLAP:
            bands.append([])
        bands[-1].append(block)
        edge = max(edge, block.y1)
    return bands
