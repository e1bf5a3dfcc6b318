"""Words of a page with their places, and where a quote stands among them. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple, TypeAlias
from unicodedata import east_asian_width

from apps.common.folding import fold_plain, places_of

Box: TypeAlias = tuple[float, float, float, float]
"""x0, y0, x1, y1 as fractions 0–1 of the page picture, origin top left."""


_NARROW = frozenset(".,;:!|()[]/fijlrt")
_WIDE = frozenset("mw%@")


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
    """All words of one page, in reading order. width, height: points, of the page as shown.

    hidden: indexes of the words that nobody sees; of recognised pages none, their words were read from a picture.
    """

    width: float
    height: float
    words: tuple[Word, ...]
    hidden: tuple[int, ...] = ()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PageWords:
        words = tuple(Word(*word) for word in value["words"])
        return cls(value["width"], value["height"], words, tuple(value.get("hidden", ())))

    def hides(self, boxes: Sequence[Sequence[float]]) -> bool:
        """Whether a word in these boxes, as find_boxes gives them, cannot be seen by a reader: one “not” is enough."""
        return any(
            x0 <= (word.x0 + word.x1) / 2 <= x1 and y0 <= (word.y0 + word.y1) / 2 <= y1
            for word in map(self.words.__getitem__, self.hidden)
            for x0, y0, x1, y1 in boxes
        )


def find_boxes(words: Sequence[Word], quote: str, *, occurrence: int = 0) -> list[Box] | None:
    """Boxes of a place where the quote stands, one per line, or None where it does not.

    occurrence: which place, from 0, where the folded quote stands several times, be it inside of words; the
    last one where there are fewer. A word in which the quote begins or ends is boxed in part: a full stop
    behind it is left out, and in scripts without spaces a word is a whole line. words: in reading order.
    """
    needle = fold_plain(quote)
    if not needle:
        return None
    folded = [fold_plain(word.text) for word in words]
    places = places_of(needle, "".join(folded))
    if not places:
        return None
    start = places[min(occurrence, len(places) - 1)]
    end = start + len(needle)
    ends = list(accumulate(map(len, folded)))
    lines: dict[tuple[int, int], Box] = {}
    for index in range(bisect_right(ends, start), bisect_right(ends, end - 1) + 1):
        word, letters = words[index], folded[index]
        if not letters:
            continue
        before = ends[index] - len(letters)
        part = slice(max(0, start - before), min(len(letters), end - before))
        box = _box_of_part(word, letters, part, _heading(words, index))
        line = lines.get((word.block, word.line), box)
        lines[word.block, word.line] = (
            min(box[0], line[0]), min(box[1], line[1]), max(box[2], line[2]), max(box[3], line[3])
        )  # fmt: skip
    return list(lines.values())


def _heading(words: Sequence[Word], index: int) -> tuple[float, float]:
    """Which way the line of a word runs on the page: right, left, down or up, told by its neighbour in the line."""
    word = words[index]
    for one, other in ((index, index + 1), (index - 1, index)):
        if one >= 0 and other < len(words) and words[one][5:] == words[other][5:] == word[5:]:
            across = words[other].x0 + words[other].x1 - words[one].x0 - words[one].x1
            down = words[other].y0 + words[other].y1 - words[one].y0 - words[one].y1
            return (across, 0) if abs(across) > abs(down) else (0, down)
    return (1, 0) if word.x1 - word.x0 > word.y1 - word.y0 else (0, 1)


def _box_of_part(word: Word, letters: str, part: slice, heading: tuple[float, float]) -> Box:
    """The box of some folded letters of a word; files tell where words stand, so letters are put by their usual width."""
    widths = list(accumulate(map(_width, letters), initial=0.0))
    first, last = widths[part.start] / widths[-1], widths[part.stop] / widths[-1]
    if sum(heading) < 0:
        first, last = 1 - last, 1 - first
    x0, y0, x1, y1 = word[:4]
    if heading[0]:
        return x0 + first * (x1 - x0), y0, x0 + last * (x1 - x0), y1
    return x0, y0 + first * (y1 - y0), x1, y0 + last * (y1 - y0)


def _width(letter: str) -> float:
    """Of a letter, in those of an ordinary one."""
    if letter in _NARROW:
        return 0.5
    return 1.5 if letter in _WIDE or east_asian_width(letter) in "WF" else 1.0
