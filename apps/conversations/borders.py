"""Quotes that run over a page's end: they begin on one sent page and end on the next. Pure.

Between the two stand what print repeats: page numbers, headers, footers. Those are passed over; nothing else is,
for words left out may be the ones that matter. So a number alone is a page number only where it counts the pages:
“12” here and “13” there, not the 120 of “within / 120 / days”.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apps.common.folding import fold_plain
from apps.conversations.marker_grammar import PageKey
from apps.conversations.verification import (
    SHORTEST_QUOTE_CHARACTERS,
    SHORTEST_QUOTE_WORDS,
    PageTexts,
    find_places,
)
from apps.conversations.words import split_words

_MOST_RUNNING_LINES = 3
_MOST_PAGES = 8
_NUMBERS = re.compile(r"\d{1,9}")
_ROMAN_LINE = re.compile(r"[\W_]*([ivxlcdm]+)[\W_]*", re.IGNORECASE)
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}

Span = tuple[int, int]
Around = Sequence[tuple[int, str]]
"""Pages beside one, each with its distance from it: -1 for the one before."""


@dataclass(frozen=True, slots=True)
class Across:
    """Where the words begin and where they go on. Spans: offsets of each page's text, end exclusive."""

    page_key: PageKey
    span: Span
    next_key: PageKey
    next_span: Span


def find_across(quote: str, page_key: PageKey, last: int | None, pages: PageTexts) -> Across | None:
    """A quote that stands word for word over the border of two neighbouring pages that were sent, one of them named.

    page_key, last: as for verify_quote. Reads a page on each side of those that are named.
    """
    words = split_words(quote)
    if len(words) < SHORTEST_QUOTE_WORDS or len(quote) < SHORTEST_QUOTE_CHARACTERS:
        return None
    if not pages.is_code(page_key):
        quote = quote[words[0].start : words[-1].end]
    ordinal, first = page_key
    for number in range(first - 1, min(last or first, first + _MOST_PAGES) + 1):
        found = _over_the_end(quote, (ordinal, number), pages)
        if found is not None:
            return found
    return None


def _over_the_end(quote: str, key: PageKey, pages: PageTexts) -> Across | None:
    ordinal, number = key
    following = ordinal, number + 1
    left, right = pages.text(key), pages.text(following)
    if not left or not right:
        return None
    # Left and right pages of a book have headers of their own.
    texts = [(number + by, pages.text((ordinal, number + by))) for by in (-1, 0, 1, 2)]
    is_code = pages.is_code(key)
    if is_code:
        texts = []  # where no line is a header or a footer
    for end in _ends(left, [(at - number, text) for at, text in texts if text and at != number]):
        for start in _starts(
            right, [(at - number - 1, text) for at, text in texts if text and at != number + 1]
        ):
            joined = f"{left[:end]}\n{right[start:]}"
            for begins, stops in find_places(quote, joined, is_code=is_code):
                if begins < end < stops - 1:
                    return Across(key, (begins, end), following, (start, start + stops - end - 1))
    return None


def _ends(text: str, around: Around) -> Iterator[int]:
    """Offsets behind which a page has nothing, or only lines that print repeats."""
    footers = [(by, line) for by, other in around for line in _lines(other)[-_MOST_RUNNING_LINES:]]
    end = len(text.rstrip())
    yield end
    for line in reversed(text.rstrip().split("\n")[-_MOST_RUNNING_LINES:]):
        if line.strip() and not _is_running(line, footers):
            return
        end = len(text[: end - len(line)].rstrip())
        yield end


def _starts(text: str, around: Around) -> Iterator[int]:
    """Offsets before which a page has nothing, or only lines that print repeats."""
    headers = [(by, line) for by, other in around for line in _lines(other)[:_MOST_RUNNING_LINES]]
    start = len(text) - len(text.lstrip())
    yield start
    for line in text.lstrip().split("\n")[:_MOST_RUNNING_LINES]:
        if line.strip() and not _is_running(line, headers):
            return
        start += len(line)
        start += len(text[start:]) - len(text[start:].lstrip())
        yield start


def _lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def _is_running(line: str, others: Around) -> bool:
    """Whether a line stands on another page too, its numbers the same or counting the pages between."""
    letters, numbers = _letters_and_numbers(line)
    for by, other in others:
        other_letters, other_numbers = _letters_and_numbers(other)
        if letters == other_letters and len(numbers) == len(other_numbers):
            steps = {there - here for here, there in zip(numbers, other_numbers, strict=True)}
            # A number alone says nothing but which page it is.
            if steps <= ({0, by} if letters else {by}):
                return True
    return False


def _letters_and_numbers(line: str) -> tuple[str, list[int]]:
    roman = _ROMAN_LINE.fullmatch(line)
    if roman:
        values = [_ROMAN[letter] for letter in roman[1].lower()]
        return "", [sum(-value if value < max(values[at:]) else value for at, value in enumerate(values))]
    return _NUMBERS.sub("", fold_plain(line)), [int(number) for number in _NUMBERS.findall(line)]
