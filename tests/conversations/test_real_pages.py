"""Quotes of real pages: true ones are found, altered ones never pass for true."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from apps.conversations.verification import FoldedPages, verify_quote
from apps.library.ingestion.pymupdf_lean import pymupdf

PagesByKey = dict[tuple[int, int], str]
Change = Callable[[list[str], random.Random], list[str] | None]
QUOTES = 60


@pytest.fixture(scope="module")
def pages(corpora: Path) -> PagesByKey:
    """The first pages of all real files that open and hold some text."""
    found: PagesByKey = {}
    for ordinal, path in enumerate(sorted(corpora.rglob("*.pdf")), 1):
        try:
            with pymupdf.open(path) as document:
                if not document.needs_pass:
                    for number in range(min(len(document), 3)):
                        text = document[number].get_text().strip()
                        if len(text) > 300:
                            found[ordinal, number + 1] = text
        except (RuntimeError, ValueError):
            continue  # broken on purpose; reading them is tested elsewhere
    assert len(found) > 40
    return found


def pick(words: list[str], pattern: str, rng: random.Random) -> int | None:
    places = [i for i, word in enumerate(words) if 0 < i < len(words) - 1 and re.fullmatch(pattern, word)]
    return rng.choice(places) if places else None


def put(words: list[str], place: int | None, word: Callable[[str], str]) -> list[str] | None:
    return None if place is None else [*words[:place], word(words[place]), *words[place + 1 :]]


def as_printed(words: list[str], rng: random.Random) -> list[str]:
    return words


def hyphenated(words: list[str], rng: random.Random) -> list[str]:
    return [f"{word[:4]}-\n{word[4:]}" if len(word) > 8 and word.isalpha() else word for word in words]


def in_capitals(words: list[str], rng: random.Random) -> list[str]:
    return [word.upper() for word in words]


def misspelt(words: list[str], rng: random.Random) -> list[str] | None:
    return put(words, pick(words, "[a-z]{7,}", rng), lambda word: word[:3] + word[4:])


def another_digit(words: list[str], rng: random.Random) -> list[str] | None:
    def change(word: str) -> str:
        place = rng.choice([match.start() for match in re.finditer("[0-9]", word)])
        return f"{word[:place]}{(int(word[place]) + rng.randint(1, 9)) % 10}{word[place + 1 :]}"

    return put(words, pick(words, ".*[0-9].*", rng), change)


def negated(words: list[str], rng: random.Random) -> list[str]:
    place = rng.randint(1, len(words) - 1)
    return [*words[:place], "not", *words[place:]]


def another_word(words: list[str], rng: random.Random) -> list[str] | None:
    return put(words, pick(words, "[a-z]{4,}", rng), lambda _: "wheelbarrow")


def another_name(words: list[str], rng: random.Random) -> list[str] | None:
    return put(words, pick(words, "[A-Z][a-z]{3,}", rng), lambda _: "Zanzibar")


def swapped(words: list[str], rng: random.Random) -> list[str] | None:
    one, other = pick(words, "[A-Za-z]{6,}", rng), pick(words, "[A-Za-z]{6,}", rng)
    if one is None or other is None or words[one][:3].lower() == words[other][:3].lower():
        return None
    result = list(words)
    result[one], result[other] = words[other], words[one]
    return result


TRUE = {"exact", "page_only"}
ALIKE = {"exact", "close", "altered", "page_only"}
FALSE = {"altered", "not_found", "elsewhere", "page_only"}


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        (as_printed, TRUE),
        (hyphenated, TRUE),
        (in_capitals, TRUE),
        (misspelt, ALIKE),
        (another_digit, FALSE),
        (negated, FALSE),
        (another_word, FALSE),
        (another_name, FALSE),
        (swapped, FALSE),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_quotes_of_real_pages(pages: PagesByKey, change: Change, allowed: set[str]) -> None:
    rng = random.Random(change.__name__)
    folded = FoldedPages(pages.__getitem__, pages)
    keys, checked = list(pages), 0
    while checked < QUOTES:
        key = rng.choice(keys)
        words = pages[key].split()
        start = rng.randrange(max(1, len(words) - 12))
        changed = change(words[start : start + rng.randint(8, 30)], rng)
        if changed is None:
            continue
        checked += 1
        found = verify_quote(" ".join(changed), key, folded)
        assert found.verdict in allowed, (key, " ".join(changed), found)
