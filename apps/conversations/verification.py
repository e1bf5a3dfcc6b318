"""Whether quoted words stand where the answer says. Pure.

Verdicts speak of words, never of truth:

    exact      the words are on the page, up to white space, hyphenation, ligatures, quote signs and case
    close      one contiguous run, at least 90 % alike, and no difference that changes what is said
    elsewhere  exact on exactly one other page that was sent: re-pointed
    altered    alike, but with a difference that changes what is said (wording.py)
    page_only  no quote, or too short a one to tell pages apart
    not_found  none of these
    invalid    the marker names no page that was sent

Code is compared sign by sign (code_quotes.py): never `close`, for there every difference says something else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from rapidfuzz import fuzz

from apps.common.folding import fold, fold_plain
from apps.conversations.alignment import Difference, Pairs, align, find_differences, find_reordered, likeness
from apps.conversations.code_quotes import code_cut_off, code_differences, find_code, split_code
from apps.conversations.marker_grammar import PageKey
from apps.conversations.prose_quotes import EDGES, find_prose, find_prose_parts, prose_cut_off, widen
from apps.conversations.words import Word, split_words

Verdict = Literal["exact", "close", "altered", "elsewhere", "not_found", "page_only", "invalid"]

SEVERITY: tuple[Verdict, ...] = (
    "exact", "close", "elsewhere", "page_only", "altered", "not_found", "invalid"
)  # fmt: skip
"""From what a reader may rely on to what must be looked at first."""

CLOSE_FROM = 0.90
# Below this two sentences merely resemble each other. Lower than CLOSE_FROM, because a changed number in a
# short quote costs many per cent, and “altered” tells more than “not found”.
ALTERED_FROM = 0.75
SHORTEST_QUOTE_WORDS = 4
SHORTEST_QUOTE_CHARACTERS = 16
_MOST_DIFFERENCES = 8


class PageTexts(Protocol):
    """The pages an answer was given, as they were sent."""

    def text(self, key: PageKey) -> str | None:
        """A page's text, None when it was not sent."""

    def keys(self) -> Iterable[PageKey]:
        """All pages that were sent."""

    def search(self, folded: str) -> Iterable[PageKey]:
        """The pages whose fold (`folding.fold_plain`) contains `folded`, lazily."""

    def is_code(self, key: PageKey) -> bool:
        """Whether a page is code, in which every sign counts."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What became of a quote.

    page_key: where it is, re-pointed when `elsewhere`; None when nowhere. start, end: of the words in the
    page's text, code points, end exclusive, None without a place. places: all of them on that page, the first
    being start and end. similarity: 0 to 1.
    """

    verdict: Verdict
    page_key: PageKey | None = None
    start: int | None = None
    end: int | None = None
    similarity: float = 0.0
    differences: tuple[Difference, ...] = ()
    places: tuple[tuple[int, int], ...] = field(default=())


class FoldedPages:
    """PageTexts over a loader; folds are made when a search needs them and kept.

    load: gives a sent page's text; called again rather than its text being kept. keys: all sent pages. is_code: of
    all of them.
    """

    def __init__(
        self, load: Callable[[PageKey], str], keys: Iterable[PageKey], *, is_code: bool = False
    ) -> None:
        self._load = load
        self._is_code = is_code
        self._keys = dict.fromkeys(keys)
        self._folds: dict[PageKey, str] = {}

    def text(self, key: PageKey) -> str | None:
        return self._load(key) if key in self._keys else None

    def keys(self) -> Iterable[PageKey]:
        return self._keys.keys()

    def search(self, folded: str) -> Iterator[PageKey]:
        for key in self._keys:
            fold_of_page = self._folds.get(key)
            if fold_of_page is None:
                fold_of_page = self._folds[key] = fold_plain(self._load(key))
            if folded in fold_of_page:
                yield key

    def is_code(self, key: PageKey) -> bool:
        return self._is_code


def verify_quote(
    quote: str, page_key: PageKey | None, pages: PageTexts, *, last: int | None = None
) -> Verification:
    """Look for a quote on the page its marker names, then on all others that were sent.

    page_key: None for a quote without marker. last: the last page of a range; the quote may be on any of it.
    Folds all pages once when a quote is not on its own (FoldedPages), otherwise only that one.
    """
    named = _named_pages(page_key, last, pages)
    quote = quote.strip(EDGES)
    if _is_too_short(quote, named[0][2] if named else PROSE):
        return _page_only(quote, named)
    for key, text, rules in named:
        places = rules.find(quote, text)
        if places:
            return _at(places, key, "exact")
    near = [
        _find_parts(quote, key, text, rules) or _find_near(quote, key, text, rules)
        for key, text, rules in named
    ]
    best = max(near, key=lambda found: (found.verdict == "close", found.similarity), default=None)
    if best is not None and best.verdict == "close":
        return best
    moved = _find_elsewhere(quote, {key for key, _, _ in named}, pages)
    if moved is not None:
        return replace(moved, verdict="exact") if _is_named(moved.page_key, page_key, last) else moved
    if best is not None:
        return best
    return Verification("invalid" if page_key is not None else "not_found")


def find_places(quote: str, text: str, *, is_code: bool = False) -> tuple[tuple[int, int], ...]:
    """Where a quote stands on a page word for word: (start, end exclusive), at most twenty."""
    return _rules(is_code).find(quote.strip(EDGES), text)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict a chip shows for its page's evidence; `page_only` when there is none."""
    return max(verdicts, key=SEVERITY.index, default="page_only")


def line_range(text: str, start: int, end: int) -> tuple[int, int]:
    """The 1-based first and last line of `text` that a span touches; `end` is exclusive."""
    first = text.count("\n", 0, start) + 1
    return first, first + text.count("\n", start, max(start, end - 1))


def _named_pages(
    page_key: PageKey | None, last: int | None, pages: PageTexts
) -> list[tuple[PageKey, str, Rules]]:
    if page_key is None:
        return []
    ordinal, first = page_key
    # A range is as long as a model likes; what it names beyond a handful is found by the search.
    numbers = range(first, min(last or first, first + 7) + 1)
    found = ((key, pages.text(key)) for key in ((ordinal, number) for number in numbers))
    return [(key, text, _rules(pages.is_code(key))) for key, text in found if text is not None]


def _is_named(key: PageKey | None, first: PageKey | None, last: int | None) -> bool:
    """Whether a page lies in a range, of which _named_pages looks at the beginning alone."""
    return bool(key and first and key[0] == first[0] and first[1] <= key[1] <= (last or first[1]))


def _is_too_short(quote: str, rules: Rules) -> bool:
    return len(rules.split(quote)) < SHORTEST_QUOTE_WORDS or len(quote) < SHORTEST_QUOTE_CHARACTERS


def _page_only(quote: str, named: Sequence[tuple[PageKey, str, Rules]]) -> Verification:
    if not named:
        return Verification("invalid")
    for key, text, rules in named:
        places = rules.find(quote, text)
        if places:
            return _at(places, key, "page_only")
    return Verification("page_only", named[0][0])


def _at(places: tuple[tuple[int, int], ...], key: PageKey, verdict: Verdict) -> Verification:
    start, end = places[0]
    return Verification(verdict, key, start, end, 1.0, (), places)


# -- near --


def _find_near(quote: str, key: PageKey, text: str, rules: Rules) -> Verification:
    page, folded_quote, words = fold(text), fold_plain(quote), rules.split(quote)
    if not page.text:
        return Verification("not_found", key)
    # Anything below cannot reach ALTERED_FROM once aligned; it only saves work on unrelated pages.
    found = fuzz.partial_ratio_alignment(folded_quote, page.text, score_cutoff=50)
    if found is None:
        return Verification("not_found", key)
    start, end = page.span(found.dest_start, max(found.dest_end, found.dest_start + 1))
    start, end = widen(text, start, end, len(quote))
    window = text[start:end]
    printed = rules.split(window)
    pairs = align(words, printed)
    matched = [printed_index for _, printed_index in pairs if printed_index is not None]
    if not matched:
        return Verification("not_found", key)
    run_start, run_end = start + printed[matched[0]].start, start + printed[matched[-1]].end
    similarity = likeness(quote, text[run_start:run_end])
    differences = (
        *rules.differences(quote, words, window, printed, pairs),
        *rules.cut_off(text, run_start, run_end),
    )
    is_altered = any(difference.matters for difference in differences)
    verdict: Verdict = "not_found"
    if is_altered and similarity >= ALTERED_FROM:
        verdict = "altered"
    elif not is_altered and similarity >= CLOSE_FROM:
        verdict = "close"
    if verdict == "not_found":
        return _reordered(quote, words, key, text, rules) or Verification(verdict, key, similarity=similarity)
    place = run_start, run_end
    return Verification(verdict, key, *place, similarity, differences[:_MOST_DIFFERENCES], (place,))


def _reordered(
    quote: str, words: Sequence[Word], key: PageKey, text: str, rules: Rules
) -> Verification | None:
    place = find_reordered(words, rules.split(text))
    if place is None:
        return None
    printed = text[slice(*place)]
    difference = Difference("order", quote, " ".join(printed.split()))
    return Verification("altered", key, *place, likeness(quote, printed), (difference,), (place,))


# -- with its middle left out --

_ELLIPSIS = re.compile(r"[\[(]\s*(?:…|\.{3,}|(?:\.\s){2}\.)\s*[\])]|…+|\.{3,}|(?:\.\s){2}\.")


def _find_parts(quote: str, key: PageKey, text: str, rules: Rules) -> Verification | None:
    """A quote that leaves out its middle: its parts in their order on the page, as close together as they are.

    Never better than `altered`, for what was left out may be what matters; the difference holds those words.
    """
    parts = [part for given in _ELLIPSIS.split(quote) if (part := given.strip(EDGES))]
    if len(parts) < 2:
        return None
    spans = [rules.find_parts(part, text) for part in parts]
    runs = [run for first in spans[0] if (run := _follow(first, spans[1:]))]
    if not runs:
        return None
    run = min(runs, key=lambda run: run[-1][1] - run[0][0])
    differences = tuple(
        Difference(
            "ellipsis",
            "…",
            " ".join(text[left[1] : right[0]].split()),
            " ".join(before.split()[-3:]),
            " ".join(after.split()[:3]),
        )
        for left, right, before, after in zip(run, run[1:], parts, parts[1:], strict=False)
    )
    place = run[0][0], run[-1][1]
    return Verification("altered", key, *place, 1.0, differences[:_MOST_DIFFERENCES], (place,))


def _follow(first: tuple[int, int], others: Sequence[Sequence[tuple[int, int]]]) -> list[tuple[int, int]]:
    """One span of each after another, each the nearest; empty when one has none."""
    run = [first]
    for spans in others:
        following = [span for span in spans if span[0] >= run[-1][1]]
        if not following:
            return []
        run.append(min(following))
    return run


# -- elsewhere --


def _find_elsewhere(quote: str, named: set[PageKey], pages: PageTexts) -> Verification | None:
    """The quote on the one other page that has it; None when none or several have."""
    found: Verification | None = None
    for key in pages.search(fold_plain(quote)):
        text = pages.text(key) if key not in named else None
        places = _rules(pages.is_code(key)).find(quote, text) if text is not None else ()
        if not places:
            continue
        if found is not None:
            return None
        found = _at(places, key, "elsewhere")
    return found


# -- prose and code --


@dataclass(frozen=True, slots=True)
class Rules:
    """How one kind of text is compared.

    split: into words. find: (quote, text) → places word for word, none beside a denial. find_parts: the same, of a
    part of a quote. differences: between two wordings laid side by side. cut_off: (text, start, end) → what a span
    leaves out right beside it and must not.
    """

    split: Callable[[str], list[Word]]
    find: Callable[[str, str], tuple[tuple[int, int], ...]]
    find_parts: Callable[[str, str], Sequence[tuple[int, int]]]
    differences: Callable[[str, Sequence[Word], str, Sequence[Word], Pairs], Iterator[Difference]]
    cut_off: Callable[[str, int, int], Iterator[Difference]]


PROSE = Rules(split_words, find_prose, find_prose_parts, find_differences, prose_cut_off)
CODE = Rules(split_code, find_code, find_code, code_differences, code_cut_off)


def _rules(is_code: bool) -> Rules:
    return CODE if is_code else PROSE
