"""Quotes that run over a page's end: they begin on one sent page and end on the next. Pure.

Between the two stand what print repeats: page numbers, headers, footers. Those are passed over; nothing else is,
for words left out may be the ones that matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apps.common.folding import fold, fold_plain
from apps.conversations.marker_grammar import PageKey
from apps.conversations.verification import (
    SHORTEST_QUOTE_CHARACTERS,
    SHORTEST_QUOTE_WORDS,
    PageTexts,
    find_exact,
)
from apps.conversations.words import split_words

_MOST_RUNNING_LINES = 3
_MOST_PAGES = 8
_NUMBERS = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(r"[\W_]*(?:\d+|[ivxlcdm]+)?[\W_]*", re.IGNORECASE)

Span = tuple[int, int]


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
    around = [left, right, *filter(None, (pages.text((ordinal, n)) for n in (number - 1, number + 2)))]
    folded, words = fold_plain(quote), split_words(quote)
    reach = 2 * len(quote) + 100
    for end in _ends(left, around):
        for start in _starts(right, around):
            before = max(0, end - reach)
            joined = f"{left[before:end]}\n{right[start : start + reach]}"
            border = end - before
            for begins, stops in find_exact(folded, words, fold(joined)):
                if begins < border < stops - 1:
                    span = before + begins, end
                    return Across(key, span, following, (start, start + stops - border - 1))
    return None


def _ends(text: str, around: Sequence[str]) -> Iterator[int]:
    """Offsets behind which a page has nothing, or only lines that print repeats."""
    lines = text.rstrip().split("\n")
    footers = {_without_numbers(line) for other in around for line in _others(other, text, slice(-3, None))}
    end = len(text.rstrip())
    yield end
    for line in reversed(lines[-_MOST_RUNNING_LINES:]):
        if not _is_running(line, footers):
            return
        end = len(text[: end - len(line)].rstrip())
        yield end


def _starts(text: str, around: Sequence[str]) -> Iterator[int]:
    """Offsets before which a page has nothing, or only lines that print repeats."""
    headers = {_without_numbers(line) for other in around for line in _others(other, text, slice(3))}
    start = len(text) - len(text.lstrip())
    yield start
    for line in text.lstrip().split("\n")[:_MOST_RUNNING_LINES]:
        if not _is_running(line, headers):
            return
        start += len(line)
        start += len(text[start:]) - len(text[start:].lstrip())
        yield start


def _others(other: str, text: str, part: slice) -> list[str]:
    return [] if other is text else [line for line in other.split("\n") if line.strip()][part]


def _without_numbers(line: str) -> str:
    return _NUMBERS.sub("", fold_plain(line))


def _is_running(line: str, repeated: set[str]) -> bool:
    return _PAGE_NUMBER.fullmatch(line) is not None or _without_numbers(line) in repeated
