"""Text without what printing, scanning and typing change: the form in which quotes are looked for.

White space, hyphens and quote signs go, ligatures and compatibility forms are taken apart, case is folded.
Each character folds by itself, so a fold is a table look-up and maps back to the text it came from. What the
fold gives up (`5-10` and `510` fold alike) is checked on the text itself by verification.py.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property

_HYPHENS = "-\u00ad\u058a\u05be\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe58\ufe63\uff0d"
_QUOTES = "\"'`\u00ab\u00b4\u00bb\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2032\u2033\u2039\u203a\u300c\u300d\u300e\u300f\uff02\uff07"
_INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u0640\ufffd"
_DROPPED = frozenset(_HYPHENS + _QUOTES + _INVISIBLE)


class _FoldTable(dict[int, str | None]):
    """Filled as characters are met. None drops a character, and keeps `str.translate` on its fast path."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        if character in _DROPPED or character.isspace():
            folded = ""
        else:
            plain = unicodedata.normalize("NFKD", character).casefold()
            folded = unicodedata.normalize("NFKD", plain)
            folded = "".join(c for c in folded if c not in _DROPPED and not c.isspace())
        self[code] = folded or None
        return self[code]


_TABLE = _FoldTable()


_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_DROPPED_SIGN = re.compile(f"[{''.join(sign for sign in sorted(_DROPPED) if not sign.isascii())}]")
_ASCII_FOLDED = bytes(range(128)).decode().lower().encode() + bytes(range(128, 256))
_ASCII_DROPPED = bytes(code for code in range(128) if not _TABLE[code])
# Looking up each sign outside ASCII by itself is faster than one pass over the table as long as they are few.
_FEW_SIGNS = 1.2


def fold_bytes(text: str) -> bytes:
    """The folded text in UTF-8, for searching many pages: some ten nanoseconds a letter in Latin scripts."""
    encoded = text.encode("utf-8", "surrogatepass")
    if len(encoded) > _FEW_SIGNS * len(text):
        return text.translate(_TABLE).encode("utf-8", "surrogatepass")
    if len(encoded) > len(text):
        text = _DROPPED_SIGN.sub("", text)
        encoded = _NOT_ASCII.sub(_folded_sign, text).encode("utf-8", "surrogatepass")
    return encoded.translate(_ASCII_FOLDED, _ASCII_DROPPED)


def _folded_sign(match: re.Match[str]) -> str:
    return _TABLE[ord(match[0])] or ""


def fold_plain(text: str) -> str:
    """The folded text alone: what `fold(text).text` is."""
    return fold_bytes(text).decode("utf-8", "surrogatepass")


@dataclass(frozen=True)
class FoldedText:
    """A text and its fold. Offsets are code points; ends are exclusive."""

    source: str
    text: str = field(repr=False)

    @cached_property
    def origins(self) -> list[int]:
        """For each character of the fold, the offset of the character of the source it came from."""
        origins: list[int] = []
        for offset, character in enumerate(self.source):
            length = len(_TABLE[ord(character)] or "")
            if length == 1:
                origins.append(offset)
            elif length:
                origins.extend([offset] * length)
        return origins

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The offsets in the source of a non-empty span of the fold."""
        return self.origins[start], self.origins[end - 1] + 1


def fold(text: str) -> FoldedText:
    """Fold a text: NFKD, case, white space, hyphens (so hyphenation too), ligatures, quote signs."""
    return FoldedText(text, fold_plain(text))


def places_of(needle: str, haystack: str) -> list[int]:
    """Where a non-empty folded needle begins in a folded text, overlapping ones too."""
    places = []
    place = haystack.find(needle)
    while place != -1:
        places.append(place)
        place = haystack.find(needle, place + 1)
    return places
