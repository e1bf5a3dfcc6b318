"""Quotes of real pages: true ones are found, altered ones never pass for true.

As a script this prints how many got which verdict: `python -m tests.conversations.test_real_pages ../shared/corpora`.
"""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apps.conversations.verification import FoldedPages, Verification, verify_quote
from apps.library.ingestion.pymupdf_lean import pymupdf

PagesByKey = dict[tuple[int, int], str]
Change = Callable[[list[str], random.Random], list[str] | None]
QUOTES = 60


@pytest.fixture(scope="module")
def pages(corpora: Path) -> PagesByKey:
    found = read_pages(corpora)
    assert len(found) > 40
    return found


def read_pages(corpora: Path) -> PagesByKey:
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


def badly_scanned(words: list[str], rng: random.Random) -> list[str] | None:
    read = rng.choice((("m", "rn"), ("l", "1"), ("i", "l"), ("o", "0"), ("w", "vv"), ("d", "cl")))
    return put(words, pick(words, f"[a-z]*{read[0]}[a-z]{{4,}}", rng), lambda word: word.replace(*read, 1))


def without_a_word(words: list[str], rng: random.Random) -> list[str] | None:
    place = pick(words, "[a-z]{4,}", rng)
    return None if place is None else [*words[:place], *words[place + 1 :]]


def without_its_middle(words: list[str], rng: random.Random) -> list[str] | None:
    return [*words[:4], "…", *words[-4:]] if len(words) >= 12 else None


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
CHANGES: dict[Change, set[str]] = {
    as_printed: TRUE,
    hyphenated: TRUE,
    in_capitals: TRUE,
    badly_scanned: ALIKE,
    misspelt: ALIKE,
    another_digit: FALSE,
    negated: FALSE,
    another_word: FALSE,
    another_name: FALSE,
    without_a_word: FALSE,
    without_its_middle: FALSE,
    swapped: FALSE,
}


def is_cut_behind_a_negation(found: Verification) -> bool:
    """Where the choice of a quote's first word has cut it off from a negation, `altered` is right."""
    kinds = [(difference.kind, difference.quoted, difference.before) for difference in found.differences]
    return kinds == [("negation", "", "")]


def verdicts(pages: PagesByKey, change: Change, count: int) -> Iterator[tuple[str, Verification]]:
    """Quotes of 8 to 30 words, changed, with what became of them; the same ones each time."""
    rng = random.Random(change.__name__)
    folded = FoldedPages(pages.__getitem__, pages)
    keys = list(pages)
    while count:
        key = rng.choice(keys)
        words = pages[key].split()
        start = rng.randrange(max(1, len(words) - 12))
        changed = change(words[start : start + rng.randint(8, 30)], rng)
        if changed is not None:
            count -= 1
            yield " ".join(changed), verify_quote(" ".join(changed), key, folded)


@pytest.mark.parametrize(("change", "allowed"), CHANGES.items(), ids=[change.__name__ for change in CHANGES])
def test_quotes_of_real_pages(pages: PagesByKey, change: Change, allowed: set[str]) -> None:
    for quote, found in verdicts(pages, change, QUOTES):
        assert found.verdict in allowed or is_cut_behind_a_negation(found), (quote, found)


def print_results(corpora: Path, count: int = 200) -> None:
    real = read_pages(corpora)
    print(f"{len(real)} pages, {count} quotes of each kind")
    for change, allowed in CHANGES.items():
        found = list(verdicts(real, change, count))
        print(f"{change.__name__:20}", dict(Counter(each.verdict for _, each in found).most_common()))
        for quote, each in found:
            if each.verdict not in allowed:
                print("   ", each.verdict, "|", quote, "|", [d.to_json() for d in each.differences])


if __name__ == "__main__":
    print_results(Path(sys.argv[1]))
