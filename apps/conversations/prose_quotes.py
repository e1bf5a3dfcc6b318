"""Quoted words against the page that they are said to be on, up to what printing and typing change. Pure.

White space, hyphenation, ligatures, quote signs and case say nothing; cut words, numbers and denials do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from apps.common.folding import FoldedText, fold, fold_plain
from apps.conversations.alignment import Difference
from apps.conversations.wording import denies, says_the_same
from apps.conversations.words import DASH, Word, split_words

MOST_PLACES = 20
"""Of a quote on one page."""
EDGES = " \t\n\r.,;:…\"'“”‘’„«»‹›「」『』"
"""Signs around a quote that are not looked for."""
# Minified code has lines of a million letters without a space between.
_LONGEST_WORD = 500
_FIRST_WORD, _LAST_WORD = re.compile(r"\S*"), re.compile(r"\S*\Z")


def find_prose(quote: str, text: str) -> tuple[tuple[int, int], ...]:
    words = split_words(quote)
    return find_exact(fold_plain(quote), words, fold(text)) if words else ()


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


def find_prose_parts(quote: str, text: str) -> Sequence[tuple[int, int]]:
    return _find_spans(fold_plain(quote), split_words(quote), fold(text))


def prose_cut_off(text: str, start: int, end: int) -> Iterator[Difference]:
    """What a span of a page leaves out right beside it and must not: a negation, half a number or word."""
    beside = _denial_beside(text, start, end)
    if beside is not None:
        word, is_before = beside
        there = " ".join(text[start:end].split()[:3] if is_before else text[start:end].split()[-3:])
        yield Difference("negation", "", word.given, *(("", there) if is_before else (there, "")))
    if not _is_whole(text, start, end):
        whole_start, whole_end = widen(text, start, end, 0)
        for cut, whole in (
            (text[start:end].split()[0], text[whole_start:end].split()[0]),
            (text[start:end].split()[-1], text[start:whole_end].split()[-1]),
        ):
            if cut != whole and fold_plain(cut) != fold_plain(whole.strip(EDGES)):
                yield Difference("number" if any(map(str.isdigit, cut)) else "word", cut, whole)


def widen(text: str, start: int, end: int, by: int) -> tuple[int, int]:
    """A span of the page widened by so many characters, then to the next white space, if a word is no longer."""
    start, end = max(0, start - by), min(len(text), end + by)
    before, after = text[max(0, start - _LONGEST_WORD) : start], text[end : end + _LONGEST_WORD]
    return start - len(_LAST_WORD.search(before)[0]), end + len(_FIRST_WORD.match(after)[0])  # type: ignore[index]
