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
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from rapidfuzz import fuzz

from apps.common.folding import FoldedText, fold, fold_plain
from apps.conversations.alignment import Difference, align, find_differences, find_reordered, likeness
from apps.conversations.marker_grammar import PageKey
from apps.conversations.wording import denies, says_the_same
from apps.conversations.words import DASH, Word, split_words

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
MOST_PLACES = 20
"""Of a quote on one page."""
_MOST_DIFFERENCES = 8

EDGES = " \t\n\r.,;:…\"'“”‘’„«»‹›「」『』"
"""Signs around a quote that are not looked for."""


class PageTexts(Protocol):
    """The pages an answer was given, as they were sent."""

    def text(self, key: PageKey) -> str | None:
        """A page's text, None when it was not sent."""

    def keys(self) -> Iterable[PageKey]:
        """All pages that were sent."""

    def search(self, folded: str) -> Iterable[PageKey]:
        """The pages whose fold (`folding.fold_plain`) contains `folded`, lazily."""


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
    quote = quote.strip(EDGES)
    words = split_words(quote)
    if _is_too_short(quote, words):
        return _page_only(quote, words, named)
    folded_quote = fold_plain(quote)
    for key, text in named:
        places = find_exact(folded_quote, words, fold(text))
        if places:
            return _at(places, key, "exact")
    near = [
        _find_parts(quote, key, text) or _find_near(quote, folded_quote, words, key, text)
        for key, text in named
    ]
    best = max(near, key=lambda found: (found.verdict == "close", found.similarity), default=None)
    if best is not None and best.verdict == "close":
        return best
    moved = _find_elsewhere(folded_quote, words, {key for key, _ in named}, pages)
    if moved is not None:
        return replace(moved, verdict="exact") if _is_named(moved.page_key, page_key, last) else moved
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


def _is_named(key: PageKey | None, first: PageKey | None, last: int | None) -> bool:
    """Whether a page lies in a range, of which _named_pages looks at the beginning alone."""
    return bool(key and first and key[0] == first[0] and first[1] <= key[1] <= (last or first[1]))


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
    """Places where a folded quote stands on a page as whole words with the same numbers and negations.

    A place beside a negation is none: cut out of “never open the valve”, “open the valve” is not what it says.
    """
    spans = _find_spans(folded_quote, words, page)
    return tuple(span for span in spans if _denial_beside(page.source, *span) is None)


def _find_spans(folded_quote: str, words: Sequence[Word], page: FoldedText) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    position = page.text.find(folded_quote) if folded_quote and words else -1
    while position != -1 and len(spans) < MOST_PLACES:
        start, end = page.span(position, position + len(folded_quote))
        if start and words[0].form.startswith("-") and page.source[start - 1] in "-−–":
            start -= 1  # the sign of a number, which the fold takes for a hyphen
        if _is_whole(page.source, start, end) and says_the_same(words, split_words(page.source[start:end])):
            spans.append((start, end))
        position = page.text.find(folded_quote, position + 1)
    return spans


_CUT_NUMBER_BEFORE = re.compile(rf"(?:\d[.,:/]|\d{DASH}|(?<!\w)[.,]|(?<![\w)\]%])[-−–])\Z")
_CUT_NUMBER_AFTER = re.compile(rf"[.,:/]\d|{DASH}\d|[⁺⁻²³¹⁰⁴-⁹]")
_HYPHENS = "-\u2010\u2011"


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether a span cuts no word and no number in two: “lawful” of “unlawful”, “200” of “1,200”."""
    first, last = text[start], text[end - 1]
    if _goes_on(text[max(0, start - 2) : start], text[start : start + 2]):
        return False
    if _goes_on(text[max(0, end - 2) : end], text[end : end + 2]):
        return False
    if first.isdigit() and _CUT_NUMBER_BEFORE.search(text, max(0, start - 4), start):
        return False
    return not (last.isdigit() and _CUT_NUMBER_AFTER.match(text, end))


def _goes_on(left: str, right: str) -> bool:
    """Whether a word goes on from one side to the other, hyphens between them or not."""
    if not left or not right:
        return False
    if right[0] in _HYPHENS:
        right = right[1:]
    elif left[-1] in _HYPHENS:
        left = left[:-1]
    pair = left[-1:] + right[:1]
    return len(pair) == 2 and pair.isalnum() and len(split_words(pair)) == 1


def _denial_beside(text: str, start: int, end: int) -> tuple[Word, bool] | None:
    """The negation that a span of a page leaves out right beside it, and whether it stands before."""
    before = text[max(0, start - 20) : start]
    if (
        (words := split_words(before))
        and denies(words[-1], is_before=True)
        and not before[words[-1].end :].strip()
    ):
        return words[-1], True
    after = text[end : end + 20]
    if (
        (words := split_words(after))
        and denies(words[0], is_before=False)
        and not after[: words[0].start].strip()
    ):
        return words[0], False
    return None


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
    start, end = _widen(text, start, end, len(quote))
    window = text[start:end]
    printed = split_words(window)
    pairs = align(words, printed)
    matched = [printed_index for _, printed_index in pairs if printed_index is not None]
    if not matched:
        return Verification("not_found", key)
    run_start, run_end = start + printed[matched[0]].start, start + printed[matched[-1]].end
    similarity = likeness(quote, text[run_start:run_end])
    differences = (
        *find_differences(quote, words, window, printed, pairs),
        *_cut_off(text, run_start, run_end),
    )
    is_altered = any(difference.matters for difference in differences)
    verdict: Verdict = "not_found"
    if is_altered and similarity >= ALTERED_FROM:
        verdict = "altered"
    elif not is_altered and similarity >= CLOSE_FROM:
        verdict = "close"
    if verdict == "not_found":
        return _reordered(quote, words, key, text) or Verification(verdict, key, similarity=similarity)
    place = run_start, run_end
    return Verification(verdict, key, *place, similarity, differences[:_MOST_DIFFERENCES], (place,))


def _cut_off(text: str, start: int, end: int) -> Iterator[Difference]:
    """What a span of a page leaves out right beside it and must not: a negation, half a number or word."""
    beside = _denial_beside(text, start, end)
    if beside is not None:
        word, is_before = beside
        there = " ".join(text[start:end].split()[:3] if is_before else text[start:end].split()[-3:])
        yield Difference("negation", "", word.given, *(("", there) if is_before else (there, "")))
    if not _is_whole(text, start, end):
        whole_start, whole_end = _widen(text, start, end, 0)
        for cut, whole in (
            (text[start:end].split()[0], text[whole_start:end].split()[0]),
            (text[start:end].split()[-1], text[start:whole_end].split()[-1]),
        ):
            if cut != whole and fold_plain(cut) != fold_plain(whole.strip(EDGES)):
                yield Difference("number" if any(map(str.isdigit, cut)) else "word", cut, whole)


def _reordered(quote: str, words: Sequence[Word], key: PageKey, text: str) -> Verification | None:
    place = find_reordered(words, split_words(text))
    if place is None:
        return None
    printed = text[slice(*place)]
    difference = Difference("order", quote, " ".join(printed.split()))
    return Verification("altered", key, *place, likeness(quote, printed), (difference,), (place,))


def _widen(text: str, start: int, end: int, by: int) -> tuple[int, int]:
    """A span of the page widened by so many characters, then to the next white space."""
    start, end = max(0, start - by), min(len(text), end + by)
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and not text[end].isspace():
        end += 1
    return start, end


# -- with its middle left out --

_ELLIPSIS = re.compile(r"[\[(]\s*(?:…|\.{3,}|(?:\.\s){2}\.)\s*[\])]|…+|\.{3,}|(?:\.\s){2}\.")


def _find_parts(quote: str, key: PageKey, text: str) -> Verification | None:
    """A quote that leaves out its middle: its parts in their order on the page, as close together as they are.

    Never better than `altered`, for what was left out may be what matters; the difference holds those words.
    """
    parts = [part for given in _ELLIPSIS.split(quote) if (part := given.strip(EDGES))]
    if len(parts) < 2:
        return None
    page = fold(text)
    spans = [_find_spans(fold_plain(part), split_words(part), page) for part in parts]
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
