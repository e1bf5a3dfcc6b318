"""Words of a page with their places, and where a quote stands among them. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple, TypeAlias

from apps.common.folding import fold_plain, places_of

Box: TypeAlias = tuple[float, float, float, float]
"""x0, y0, x1, y1 as fractions 0–1 of the page picture, origin top left."""


class Word(NamedTuple):
    """A word as the page shows it; block and line number its place in the reading order, from 0."""

    x0: float
    y0: float
    x1: float
    y1: float
    text: str
    block: int
    line: int


@dataclass(frozen=True, slots=True)
class PageWords:
    """All words of one page, in reading order. width, height: points, of the page as shown."""

    width: float
    height: float
    words: tuple[Word, ...]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PageWords:
        return cls(value["width"], value["height"], tuple(Word(*word) for word in value["words"]))


def find_boxes(words: Sequence[Word], quote: str, *, occurrence: int = 0) -> list[Box] | None:
    """Boxes of a place where the quote stands, one per line, or None where it does not.

    occurrence: which place, from 0, where the folded quote stands several times, be it inside of words; the
    last one where there are fewer. Whole words are boxed, also where the quote begins or ends inside one.
    words: in reading order.
    """
    needle = fold_plain(quote)
    if not needle:
        return None
    folded = [fold_plain(word.text) for word in words]
    places = places_of(needle, "".join(folded))
    if not places:
        return None
    start = places[min(occurrence, len(places) - 1)]
    ends = list(accumulate(map(len, folded)))
    first = bisect_right(ends, start)
    last = bisect_right(ends, start + len(needle) - 1)
    lines: dict[tuple[int, int], Box] = {}
    for word, letters in zip(words[first : last + 1], folded[first : last + 1], strict=True):
        if not letters:
            continue
        box = lines.get((word.block, word.line), (word.x0, word.y0, word.x1, word.y1))
        lines[word.block, word.line] = (
            min(box[0], word.x0), min(box[1], word.y0), max(box[2], word.x1), max(box[3], word.y1)
        )  # fmt: skip
    return list(lines.values())
