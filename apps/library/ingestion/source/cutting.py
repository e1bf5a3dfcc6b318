"""Where the text of a file is cut into pages: at most 120 lines each, near blank lines and definitions.

A pure function of the text, in linear time. Knows no language: indentation, blank lines and the words that open
definitions in most of them decide, so a page rarely ends within a function. Lines end at "\\n" alone, as
everything else counts them; form feeds and Unicode's separators stay inside of lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_LINES = 120
MAX_CHARACTERS = 24_000
LONGEST_LINE = 1_000_000
"""In characters; the rest of a longer line is not read, which the line itself says."""

# A cut may shorten a page to this share of what would fit, so that it falls at a better place.
_LEAST_SHARE = 0.6
# How much better or worse a line begins a page, beside one sign of indentation.
_DEEPEST, _AFTER_BLANK, _OPENING, _CLOSING = 24, 8, 6, -12

_WORDS_BEFORE = (
    "abstract|async|const|default|export|extern|final|friend|inline|internal|local|open|override|private"
    "|protected|pub|public|sealed|static|unsafe|virtual"
)
_DEFINITIONS = (
    "class|contract|data|def|defmodule|defp?|describe|enum|extension|func|function|fn|fun|impl|instance|interface"
    "|library|macro_rules!|mod|module|namespace|object|package|proc|protocol|section|struct|sub|trait|type|union"
)
# Comments and decorators stand above what they belong to: with a blank line before, they open a section too.
_OPENS = re.compile(
    rf"\s*(?:@\w|#|//|/\*|--|;;|<!--|\\(?:sub)?section\b|(?:(?:{_WORDS_BEFORE})(?:\([^)]*\))?\s+)*(?:{_DEFINITIONS})\b)"
)
_CLOSES = re.compile(r"\s*(?:[}\])]|end\b|else\b|elif\b|elseif\b|except\b|catch\b|finally\b|</|\*)")


@dataclass(frozen=True, slots=True)
class Slice:
    """Lines of a file, 1-based and inclusive, and their text with its line ends."""

    first_line: int
    last_line: int
    text: str


def cut(text: str) -> list[Slice]:
    """The slices of a text in order; joined they are the text. An empty text has none.

    Each has at most MAX_LINES lines and MAX_CHARACTERS characters; a longer line is a slice alone. A slice of blank
    lines only comes from blank texts, from blank runs that fill a slice, and before a slice of one long line.
    """
    lines = lines_of(text)
    slices = []
    first = 0
    while first < len(lines):
        end = _end_of_slice(lines, first)
        slices.append(Slice(first + 1, end, "".join(lines[first:end])))
        first = end
    return slices


def lines_of(text: str) -> list[str]:
    """The lines of a text with their line ends; a text that ends in one has no empty line behind it."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def shorten_lines(text: str) -> str:
    """The text without what stands beyond LONGEST_LINE in a line; such a line ends in a note of what is missing."""
    if len(text) <= LONGEST_LINE:
        return text
    return "\n".join(
        line
        if len(line) <= LONGEST_LINE
        else f"{line[:LONGEST_LINE]} … [{len(line) - LONGEST_LINE:,} more characters in this line are not read]"
        for line in text.split("\n")
    )


def _end_of_slice(lines: Sequence[str], first: int) -> int:
    """The index behind the last line of the slice that begins at `first`."""
    full = _full_end(lines, first)
    if full == len(lines) or full == first + 1:
        return full
    least = first + max(1, int((full - first) * _LEAST_SHARE))
    if place := _best_place(lines, range(full, least - 1, -1)):
        return place
    # The page would end in a long blank run: better to begin the next one before it than within.
    return next((at for at in range(least - 1, first, -1) if not lines[at].isspace()), full)


def _full_end(lines: Sequence[str], first: int) -> int:
    """How far a slice may reach at most: always one line or more."""
    characters = 0
    last = min(first + MAX_LINES, len(lines))
    for at in range(first, last):
        characters += len(lines[at])
        if characters > MAX_CHARACTERS and at > first:
            return at
    return last


def _best_place(lines: Sequence[str], places: Iterable[int]) -> int:
    """Where the line is that best begins a page, of equal ones the first in places; 0 where all are blank."""
    best, best_merit = 0, -1_000
    for at in places:
        line = lines[at]
        if line.isspace():
            continue
        indentation = len(line) - len(line.lstrip(" \t")) + 3 * line.count("\t", 0, _DEEPEST)
        merit = _AFTER_BLANK * lines[at - 1].isspace() - min(indentation, _DEEPEST)
        # Words are looked at only where they could decide.
        if merit + _OPENING > best_merit and (merit := merit + _merit_of_words(line)) > best_merit:
            best, best_merit = at, merit
    return best


def _merit_of_words(line: str) -> int:
    if _CLOSES.match(line):
        return _CLOSING
    return _OPENING if _OPENS.match(line) else 0
