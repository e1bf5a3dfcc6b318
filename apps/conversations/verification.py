"""Whether quoted words stand where the answer says. Pure.

Verdicts speak of words, never of truth:

    exact      the words are on the page, up to white space, hyphenation, ligatures, quote signs and case
    close      one contiguous run, at least 90 % alike, and no difference that changes what is said
    elsewhere  exact on exactly one other page that was sent: re-pointed
    altered    alike, but with a difference that changes what is said (wording.py)
    page_only  no quote, or too short a one to tell pages apart
    not_found  none of these
    invalid    the marker names no page that was sent
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from apps.common.folding import FoldedText, fold, fold_plain
from apps.conversations.marker_grammar import PageKey
from apps.conversations.wording import Word, changes_meaning, says_the_same, scan_shape, split_words

Verdict = Literal["exact", "close", "altered", "elsewhere", "not_found", "page_only", "invalid"]

SEVERITY: tuple[Verdict, ...] = (
    "exact", "close", "elsewhere", "page_only", "altered", "not_found", "invalid"
)  # fmt: skip
"""From what a reader may rely on to what must be looked at first."""

CLOSE_FROM = 0.90
# Below this two sentences merely resemble each other. Lower than CLOSE_FROM, because a changed number in a
# short quote costs many per cent, and “altered” tells more than “not found”.
ALTERED_FROM = 0.75
# The same words in another order: parties that changed places.
REORDERED_FROM = 0.85
SHORTEST_QUOTE_WORDS = 4
SHORTEST_QUOTE_CHARACTERS = 16
_MOST_PLACES = 20

_EDGES = " \t\n\r.,;:…\"'“”‘’„«»"


class PageTexts(Protocol):
    """The pages an answer was given, as they were sent."""

    def text(self, key: PageKey) -> str | None:
        """A page's text, None when it was not sent."""

    def keys(self) -> Iterable[PageKey]:
        """All pages that were sent."""

    def search(self, folded: str) -> Iterable[PageKey]:
        """The pages whose fold (`folding.fold_plain`) contains `folded`, lazily."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What the quote says and what the page says in its place; either may be empty."""

    quoted: str
    printed: str

    def to_json(self) -> dict[str, str]:
        return {"quoted": self.quoted, "printed": self.printed}


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

    load: gives a sent page's text; called again rather than its text being kept. keys: all sent pages.
    """

    def __init__(self, load: Callable[[PageKey], str], keys: Iterable[PageKey]) -> None:
        self._load = load
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


def verify_quote(
    quote: str, page_key: PageKey | None, pages: PageTexts, *, last: int | None = None
) -> Verification:
    """Look for a quote on the page its marker names, then on all others that were sent.

    page_key: None for a quote without marker. last: the last page of a range; the quote may be on any of it.
    Folds all pages once when a quote is not on its own (FoldedPages), otherwise only that one.
    """
    named = _named_pages(page_key, last, pages)
    quote = quote.strip(_EDGES)
    words = split_words(quote)
    if _is_too_short(quote, words):
        return _page_only(quote, words, named)
    folded_quote = fold_plain(quote)
    for key, text in named:
        places = find_exact(folded_quote, words, fold(text))
        if places:
            return _at(places, key, "exact")
    near = [_find_near(quote, folded_quote, words, key, text) for key, text in named]
    best = max(near, key=lambda found: (found.verdict == "close", found.similarity), default=None)
    if best is not None and best.verdict == "close":
        return best
    moved = _find_elsewhere(folded_quote, words, {key for key, _ in named}, pages)
    if moved is not None:
        return moved
    if best is not None:
        return best
    return Verification("invalid" if page_key is not None else "not_found")


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict a chip shows for its page's evidence; `page_only` when there is none."""
    return max(verdicts, key=SEVERITY.index, default="page_only")


def line_range(text: str, start: int, end: int) -> tuple[int, int]:
    """The 1-based first and last line of `text` that a span touches; `end` is exclusive."""
    first = text.count("\n", 0, start) + 1
    return first, first + text.count("\n", start, max(start, end - 1))


def _named_pages(page_key: PageKey | None, last: int | None, pages: PageTexts) -> list[tuple[PageKey, str]]:
    if page_key is None:
        return []
    ordinal, first = page_key
    # A range is as long as a model likes; what it names beyond a handful is found by the search.
    numbers = range(first, min(last or first, first + 7) + 1)
    found = ((key, pages.text(key)) for key in ((ordinal, number) for number in numbers))
    return [(key, text) for key, text in found if text is not None]


def _is_too_short(quote: str, words: Sequence[Word]) -> bool:
    return len(words) < SHORTEST_QUOTE_WORDS or len(quote) < SHORTEST_QUOTE_CHARACTERS


def _page_only(quote: str, words: Sequence[Word], named: Sequence[tuple[PageKey, str]]) -> Verification:
    if not named:
        return Verification("invalid")
    for key, text in named:
        places = find_exact(fold_plain(quote), words, fold(text)) if words else ()
        if places:
            return _at(places, key, "page_only")
    return Verification("page_only", named[0][0])


def _at(places: tuple[tuple[int, int], ...], key: PageKey, verdict: Verdict) -> Verification:
    start, end = places[0]
    return Verification(verdict, key, start, end, 1.0, (), places)


# -- exact --


def find_exact(folded_quote: str, words: Sequence[Word], page: FoldedText) -> tuple[tuple[int, int], ...]:
    """Places where a folded quote stands on a page as whole words with the same numbers and negations."""
    places: list[tuple[int, int]] = []
    position = page.text.find(folded_quote) if folded_quote else -1
    while position != -1 and len(places) < _MOST_PLACES:
        start, end = page.span(position, position + len(folded_quote))
        if start and words[0].form.startswith("-") and page.source[start - 1] in "-−–":
            start -= 1  # the sign of a number, which the fold takes for a hyphen
        if _is_whole(page.source, start, end) and says_the_same(words, split_words(page.source[start:end])):
            places.append((start, end))
        position = page.text.find(folded_quote, position + 1)
    return tuple(places)


_CUT_NUMBER_BEFORE = re.compile(r"(?:\d[.,:/]|(?<![\w)\]%])[-−–])\Z")
_CUT_NUMBER_AFTER = re.compile(r"[.,:/]\d")


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether a span cuts no word and no number in two: “lawful” of “unlawful”, “200” of “1,200”."""
    first, last = text[start], text[end - 1]
    if start and _goes_on(text[start - 1], first):
        return False
    if end < len(text) and _goes_on(last, text[end]):
        return False
    if first.isdigit() and _CUT_NUMBER_BEFORE.search(text, max(0, start - 3), start):
        return False
    return not (last.isdigit() and _CUT_NUMBER_AFTER.match(text, end))


def _goes_on(left: str, right: str) -> bool:
    pair = split_words(left + right)
    return left.isalnum() and right.isalnum() and len(pair) == 1


# -- near --


def _find_near(quote: str, folded_quote: str, words: Sequence[Word], key: PageKey, text: str) -> Verification:
    page = fold(text)
    if not page.text:
        return Verification("not_found", key)
    # Anything below cannot reach ALTERED_FROM once aligned; it only saves work on unrelated pages.
    found = fuzz.partial_ratio_alignment(folded_quote, page.text, score_cutoff=50)
    if found is None:
        return Verification("not_found", key)
    start, end = page.span(found.dest_start, max(found.dest_end, found.dest_start + 1))
    window_start, window_end = _widen(text, start, end, len(quote))
    printed = split_words(text[window_start:window_end])
    pairs = _align(words, printed)
    matched = [printed_index for _, printed_index in pairs if printed_index is not None]
    if not matched:
        return Verification("not_found", key)
    run_start = window_start + printed[matched[0]].start
    run_end = window_start + printed[matched[-1]].end
    similarity = _similarity(folded_quote, fold_plain(text[run_start:run_end]))
    differences: list[Difference] = []
    is_altered = False
    for quoted_words, printed_words in _blocks(words, printed, pairs):
        differences.append(
            Difference(_excerpt(quote, quoted_words), _excerpt(text[window_start:window_end], printed_words))
        )
        is_altered = is_altered or changes_meaning(quoted_words, printed_words)
    verdict: Verdict = "not_found"
    if is_altered and similarity >= ALTERED_FROM:
        verdict = "altered"
    elif not is_altered and similarity >= CLOSE_FROM:
        verdict = "close"
    if verdict == "not_found":
        reordered = _find_reordered(words, text)
        if reordered is None:
            return Verification(verdict, key, similarity=similarity)
        run_start, run_end = reordered
        verdict, differences = "altered", [Difference(quote, text[run_start:run_end])]
    return Verification(
        verdict, key, run_start, run_end, similarity, tuple(differences), ((run_start, run_end),)
    )


def _similarity(quoted: str, printed: str) -> float:
    """0 to 1, confusions of scanning left out of account: `rn` for `m` is a quarter of a short word."""
    return max(
        Levenshtein.normalized_similarity(quoted, printed),
        Levenshtein.normalized_similarity(scan_shape(quoted), scan_shape(printed)),
    )


def _widen(text: str, start: int, end: int, by: int) -> tuple[int, int]:
    """A span of the page widened by so many characters, then to the next white space."""
    start, end = max(0, start - by), min(len(text), end + by)
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and not text[end].isspace():
        end += 1
    return start, end


def _excerpt(text: str, words: Sequence[Word]) -> str:
    return text[words[0].start : words[-1].end] if words else ""


def _align(quoted: Sequence[Word], printed: Sequence[Word]) -> list[tuple[int | None, int | None]]:
    """Align all quoted words with one contiguous run of printed ones, at least cost.

    Gives (index in quoted, index in printed) in order, None where the other side has no counterpart.
    """
    rows, columns = len(quoted) + 1, len(printed) + 1
    # Skipping printed words before and after the run is free; inside, a missing word costs 1.
    costs: list[list[float]] = [[0.0] * columns]
    for row in range(1, rows):
        line = [float(row)] + [0.0] * (columns - 1)
        above, form = costs[row - 1], quoted[row - 1].form
        for column in range(1, columns):
            other = printed[column - 1].form
            swap = _swap_cost(form, other)
            line[column] = min(above[column - 1] + swap, above[column] + 1, line[column - 1] + 1)
        costs.append(line)
    row = rows - 1
    column = min(range(columns), key=costs[row].__getitem__)
    pairs: list[tuple[int | None, int | None]] = []
    while row > 0:
        here = costs[row][column]
        if column > 0:
            form, other = quoted[row - 1].form, printed[column - 1].form
            swap = _swap_cost(form, other)
            if here == costs[row - 1][column - 1] + swap:
                row, column = row - 1, column - 1
                pairs.append((row, column))
                continue
            if here == costs[row][column - 1] + 1:
                column -= 1
                pairs.append((None, column))
                continue
        row -= 1
        pairs.append((row, None))
    return pairs[::-1]


def _swap_cost(form: str, other: str) -> float:
    """Between nothing and just below a word missing on one side, so that words stay paired."""
    return 0.0 if form == other else 0.3 + 0.65 * Levenshtein.normalized_distance(form, other)


def _find_reordered(words: Sequence[Word], text: str) -> tuple[int, int] | None:
    """Where as many printed words (offsets, end exclusive) hold nearly the same ones in another order."""
    printed = split_words(text)
    size, missing = len(words), Counter(word.form for word in words)
    best, best_shared, shared = None, REORDERED_FROM * size, 0
    for index, word in enumerate(printed):
        shared += missing[word.form] > 0
        missing[word.form] -= 1
        if index >= size:
            gone = printed[index - size].form
            missing[gone] += 1
            shared -= missing[gone] > 0
        if index >= size - 1 and shared > best_shared:
            best, best_shared = (printed[index - size + 1].start, word.end), shared
    return best


def _blocks(
    quoted: Sequence[Word], printed: Sequence[Word], pairs: Sequence[tuple[int | None, int | None]]
) -> Iterator[tuple[list[Word], list[Word]]]:
    """The runs of words in which quote and page differ."""
    ours: list[Word] = []
    theirs: list[Word] = []
    for quoted_index, printed_index in pairs:
        one = quoted[quoted_index] if quoted_index is not None else None
        other = printed[printed_index] if printed_index is not None else None
        if one is not None and other is not None and one.form == other.form:
            if ours or theirs:
                yield ours, theirs
            ours, theirs = [], []
            continue
        if one is not None:
            ours.append(one)
        if other is not None:
            theirs.append(other)
    if ours or theirs:
        yield ours, theirs


# -- elsewhere --


def _find_elsewhere(
    folded_quote: str, words: Sequence[Word], named: set[PageKey], pages: PageTexts
) -> Verification | None:
    """The quote on the one other page that has it; None when none or several have."""
    found: Verification | None = None
    for key in pages.search(folded_quote):
        text = pages.text(key) if key not in named else None
        places = find_exact(folded_quote, words, fold(text)) if text is not None else ()
        if not places:
            continue
        if found is not None:
            return None
        found = _at(places, key, "elsewhere")
    return found
