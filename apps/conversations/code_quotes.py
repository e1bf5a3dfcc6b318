"""Quoted code against the page that it is said to be on: sign by sign, where prose is compared word by word. Pure.

White space and the kind of quote signs say nothing; everything else does: case, operators, brackets, numbers. A
sign that opens each line of a comment may be left out where the whole quote stands in that comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

from apps.conversations.alignment import Difference, Pairs, excerpt
from apps.conversations.wording import Kind
from apps.conversations.words import CHARACTER_SCRIPTS, Word

Span = tuple[int, int]

_LETTER = rf"[^\W{CHARACTER_SCRIPTS}]"
_QUOTE_SIGNS = "\"'`‘’‚“”„«»"
_OPERATOR = (
    r"<<=|>>=|===|!==|\*\*=|\.\.\.|\.\.=|<=>|==|!=|<=|>=|=>|->|<-|:=|::|&&|\|\||<<|>>|\*\*|\+\+|--|\+=|-=|\*=|/=|%=|&="
    r"|\|=|\^=|=~|!~|\?\?|\?\.|//|/\*|\*/|\.\."
)
_TOKEN = re.compile(
    rf"\d+(?:\.\d+)*{_LETTER}*|{_LETTER}+|[{CHARACTER_SCRIPTS}]|\"\"|''|{_OPERATOR}|[^\w\s{_QUOTE_SIGNS}]"
)
# Typed in several ways, and what stands for each of them.
_FORMS = dict.fromkeys("‐‑‒–—−", "-") | {"''": '""'}
_FORM_PATTERNS = {"-": "[-‐‑‒–—−]", '""': "(?:\"\"|'')"}
# What may open each line of a comment.
_SIGN = r"(?:#+|//[/!]*|/?\*+|--+|;+|%+)"
_COMMENT_LINE = re.compile(rf"[ \t]*({_SIGN})(?=\s|\Z)")
_COMMENT_BREAK = rf"[ \t]*(?:\n[ \t]*{_SIGN}[ \t]*){{1,3}}"
_MOST_PLACES = 20
_LONGEST_OPERATOR = 3
_DENYING_SIGNS = frozenset("!~-")
_DENIALS = frozenset(("!", "not", "~", "!=", "!==", "!~"))
_SHARED_WORDS = 3


def split_code(text: str) -> list[Word]:
    """Names, numbers and operators of code, in order; quote signs alone are none, an empty string is one."""
    return [
        Word(_FORMS.get(match[0], match[0]), match[0], match.start(), match.end())
        for match in _TOKEN.finditer(text)
    ]


def find_code(quote: str, text: str) -> tuple[Span, ...]:
    """Places (start, end exclusive) where quoted code stands as it is, white space aside; at most twenty.

    A place right behind a sign that denies it is none: cut out of `!is_open(x)`, `is_open(x)` is not what it says.
    """
    words = split_code(quote)
    if not words:
        return ()
    spans = list(islice(_matches(_pattern(words, in_comment=False), text), _MOST_PLACES))
    if not spans:
        inside = (
            span for span in _matches(_pattern(words, in_comment=True), text) if _is_in_comment(text, *span)
        )
        spans = list(islice(inside, _MOST_PLACES))
    return tuple(span for span in spans if not _denial_before(text, span[0]))


def code_differences(
    quote: str, quoted: Sequence[Word], text: str, printed: Sequence[Word], pairs: Pairs
) -> Iterator[Difference]:
    """The runs in which quote and page differ, in order; each of them matters. text: what `printed` is of."""
    begin = 0
    while begin < len(pairs):
        end = begin
        while end < len(pairs) and not _is_same(quoted, printed, pairs[end]):
            end += 1
        if end > begin:
            ours = [quoted[index] for index, _ in pairs[begin:end] if index is not None]
            theirs = [printed[index] for _, index in pairs[begin:end] if index is not None]
            shared = pairs[max(0, begin - _SHARED_WORDS) : begin], pairs[end : end + _SHARED_WORDS]
            before, after = ([quoted[index] for index, _ in part if index is not None] for part in shared)
            yield Difference(
                _kind_of(ours, theirs),
                excerpt(quote, ours),
                excerpt(text, theirs),
                excerpt(quote, before),
                excerpt(quote, after),
            )
        begin = end + 1


def code_cut_off(text: str, start: int, end: int) -> Iterator[Difference]:
    """What a span of a page leaves out right beside it and must not: the sign that denies it."""
    if denial := _denial_before(text, start):
        yield Difference("negation", "", denial, "", " ".join(text[start:end].split()[:3]))


def _pattern(words: Sequence[Word], *, in_comment: bool) -> re.Pattern[str]:
    parts = [_form_pattern(words[0])]
    for before, word in pairwise(words):
        gap = f"[\\s{_QUOTE_SIGNS}]{'+' if _run_together(before, word) else '*'}"
        parts.append(f"(?:{gap}|{_COMMENT_BREAK})" if in_comment else gap)
        parts.append(_form_pattern(word))
    return re.compile("".join(parts))


def _form_pattern(word: Word) -> str:
    return _FORM_PATTERNS.get(word.form) or re.escape(word.form)


def _run_together(before: Word, word: Word) -> bool:
    """Whether the two would be one without white space between them."""
    return len(split_code(before.form[-1] + word.form[0])) == 1


def _matches(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    match = pattern.search(text)
    while match:
        if _is_whole(text, *match.span()):
            yield match.span()
        match = pattern.search(text, match.start() + 1)


def _is_in_comment(text: str, start: int, end: int) -> bool:
    """Whether all lines of a span open with the sign of a comment."""
    lines = text[text.rfind("\n", 0, start) + 1 : end].split("\n")
    signs = [match and match[1].lstrip("/")[:1] for match in map(_COMMENT_LINE.match, lines)]
    return None not in signs and len(set(signs)) == 1


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether a span cuts no name, number or operator in two."""
    offset = max(0, start - _LONGEST_OPERATOR)
    words = split_code(text[offset : end + _LONGEST_OPERATOR])
    return not any(word.start < border - offset < word.end for word in words for border in (start, end))


def _denial_before(text: str, start: int) -> str:
    """The sign or word that denies what begins here, on the same line; empty without one."""
    line = text[max(text.rfind("\n", 0, start) + 1, start - 24) : start]
    words = split_code(line)
    if not words:
        return ""
    last = words[-1]
    if last.form == "not":
        return last.given
    is_unary = len(words) == 1 or not re.match(r"[\w)\]]", words[-2].form[-1])
    return last.given if last.form in _DENYING_SIGNS and last.end == len(line) and is_unary else ""


def _is_same(quoted: Sequence[Word], printed: Sequence[Word], pair: tuple[int | None, int | None]) -> bool:
    one, other = pair
    return one is not None and other is not None and quoted[one].form == printed[other].form


def _kind_of(quoted: Sequence[Word], printed: Sequence[Word]) -> Kind:
    forms = [word.form for word in (*quoted, *printed)]
    if not _DENIALS.isdisjoint(forms):
        return "negation"
    if any(form[0].isdigit() for form in forms):
        return "number"
    if not any(form[0].isalpha() or form[0] == "_" for form in forms):
        return "sign"
    if quoted and printed:
        return "name"
    return "added" if quoted else "left_out"
