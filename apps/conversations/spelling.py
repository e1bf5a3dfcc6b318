"""Whether two words are one word, misspelt or badly scanned, as far as letters can tell."""

from __future__ import annotations

import re
from collections.abc import Container

from rapidfuzz.distance import OSA

# How scans confuse letters and digits, never two digits: character by character, and in groups.
_SCAN_CHARACTERS = str.maketrans("015826|!ig", "olsbzblllq")
_SCAN_GROUPS = (("rn", "m"), ("cl", "d"), ("vv", "w"), ("ii", "u"), ("li", "h"))
# Letters that may stand for a digit first, last and inside a number. At its ends others are its own: `12B`.
_FIRST_READ, _LAST_READ, _INNER_READ = "oli", "ol", "olisbz"
_NUMBER = re.compile(r"\^?-?[.,]?\d[\d.,:/]*")
_ROMAN = re.compile(r"m{0,3}(?:cm|cd|d?c{0,3})(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})")
_SHORTEST_SCANNED = 4
_SHORTEST_MISSPELT = 6

# Words of their own that look like another word misspelt or badly scanned.
_NEIGHBOUR_PAIRS = """
    county/country statute/statue patient/patent patients/patents thorough/through adverse/averse
    contract/contact contracts/contacts reality/realty existing/exiting existing/exciting planning/planing
    infection/inflection desert/dessert martial/marital casual/causal casually/causally perform/preform
    perfect/prefect cavalry/calvary ordnance/ordinance complaint/compliant lightning/lightening
    fiction/friction faction/fraction united/untied silver/sliver barely/barley minister/minster
    sacred/scared recent/resent dissent/descent course/curse capello/cappello immoral/immortal starred/stared
    close/dose closed/dosed clear/dear clearly/dearly modern/modem stern/stem fail/fall fails/falls
    failing/falling tail/tall mail/mall hail/hall bail/ball burn/bum corn/com torn/tom barn/bam aims/alms
    clock/dock clown/down guilt/quilt guest/quest
"""
_NEIGHBOURS = frozenset(frozenset(pair.split("/")) for pair in _NEIGHBOUR_PAIRS.split())


def is_badly_scanned(quoted: str, printed: str, known: Container[str] = ()) -> bool:
    """Whether a scan may have made one folded form of the other. known: forms that are words of their own."""
    for number, read in ((quoted, printed), (printed, quoted)):
        if _NUMBER.fullmatch(number):
            return _is_number_badly_read(number, read)
    if min(len(quoted), len(printed)) < _SHORTEST_SCANNED or _are_words_apart(quoted, printed, known):
        return False
    if _digits_differ(quoted, printed):
        return False
    return any(shape(quoted) == shape(printed) for shape in (_scan_characters, scan_shape))


def is_misspelt(quoted: str, printed: str, known: Container[str] = ()) -> bool:
    """Whether one folded form is the other with a letter doubled, dropped, put in or changing places inside it.

    A letter in the place of another makes too many words of their own (`nitrate`, `nitrite`), and so do the
    letters at either end (`insurer`, `insured`). known: forms that are words of their own.
    """
    short, long = sorted((quoted, printed), key=len)
    if len(short) < _SHORTEST_MISSPELT or not long.isalpha() or _are_words_apart(quoted, printed, known):
        return False
    if short[0] != long[0] or short[-2:] != long[-2:] or OSA.distance(short, long) != 1:
        return False
    return len(short) < len(long) or _swapped(short, long) not in {None, "ei", "ie"}


def scan_shape(form: str) -> str:
    """One form for all that a scan confuses."""
    for written, read in _SCAN_GROUPS:
        form = form.replace(written, read)
    return _scan_characters(form)


def _scan_characters(form: str) -> str:
    return form.translate(_SCAN_CHARACTERS)


def _is_number_badly_read(number: str, read: str) -> bool:
    if len(number) != len(read) or _scan_characters(number) != _scan_characters(read):
        return False
    last = len(read) - 1
    for place, (digit, letter) in enumerate(zip(number, read, strict=True)):
        allowed = _FIRST_READ if place == 0 else _LAST_READ if place == last else _INNER_READ
        if digit != letter and letter not in allowed:
            return False
    return last > 0


def _are_words_apart(quoted: str, printed: str, known: Container[str]) -> bool:
    """Whether both are words of their own: both on the page, well-known neighbours, or Roman numerals."""
    return (
        quoted in known
        or frozenset((quoted, printed)) in _NEIGHBOURS
        or (_ROMAN.fullmatch(quoted) is not None and _ROMAN.fullmatch(printed) is not None)
    )


def _digits_differ(one: str, other: str) -> bool:
    """Whether at some place both have a digit, and not the same one."""
    if len(one) != len(other):
        return sorted(filter(str.isdigit, one)) != sorted(filter(str.isdigit, other))
    return any(a != b and a.isdigit() and b.isdigit() for a, b in zip(one, other, strict=True))


def _swapped(one: str, other: str) -> str | None:
    """The two letters that changed places between forms of one length; None when others differ.

    `ei` and `ie` tell German tenses apart: verleihen, verliehen.
    """
    place = next(place for place, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
    pair = one[place : place + 2]
    return pair if other[place : place + 2] == pair[::-1] else None
