"""Whether the text layer of a page is gibberish: fonts that tell shapes and not letters.

Such a page looks right, copies as nonsense, and is better read from its picture. Judged by the text
alone. Three signs, each with what it leaves alone:

- words made of signs that are no text: controls, replacement signs, private use. Lone ones are notes of music,
  bullets, operators of a formula;
- letters whose frequencies are natural but belong to the wrong letters: a font that renames them. Code, tables,
  formulas, sequences and keys have unnatural frequencies, and other scripts have no such letters;
- hardly anything but ASCII punctuation, of many kinds: glyph numbers in the order of first use. Code has letters.

Not caught: a page of few words, one where only a part is gibberish, and renamed letters of other scripts.
"""

from __future__ import annotations

import re
from math import log2

_NO_TEXT = r"\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff"
_SIGN = re.compile(f"[{_NO_TEXT}]")
_GARBLED_SHARE = 0.4
_LEAST_SIGNS = 40
_SHORTEST_WORD = 3

# Letters per hundred, the mean of ten European languages; ground letters only. Own languages of a text, and its
# subject, move it by less than half a bit from there.
_USUAL = dict(
    zip(
        b"abcdefghijklmnopqrstuvwxyz",
        (8.9, 1.5, 2.9, 4.2, 13.0, 1.5, 1.9, 3.0, 8.0, 0.7, 1.6, 4.2, 2.9,
         7.5, 6.5, 2.3, 0.5, 6.5, 6.3, 6.8, 4.2, 1.4, 1.2, 0.3, 1.3, 1.2),
        strict=True,
    )
)  # fmt: skip
_FREQUENT, _FREQUENT_SHARE = b"aeinorst", 0.5
_LEAST_LETTERS = 200
_NATURAL_BITS = (3.7, 4.45)
"""Entropy of the letters of running text; keys lie above, sequences and hexadecimal numbers below."""
_WRONG_BITS = 0.9

_PUNCTUATION = b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_PUNCTUATION_SHARE = 0.45
_LEAST_KINDS = 12

SENTENCE = "The text layer of the page is gibberish: its fonts do not say which letters they draw."


def is_garbled(text: str) -> bool:
    """text: of the page as MuPDF gives it, before controls are dropped."""
    if _SIGN.search(text) and _has_words_of_no_text(text):
        return True
    plain = text.encode("ascii", "ignore").lower()
    if len(plain) < _LEAST_LETTERS:
        return False
    letters = len(plain) - len(plain.translate(None, bytes(_USUAL)))
    if letters < 0.2 * len(text):
        return _is_punctuation(plain, len(text))
    # Nearly every page ends here.
    if len(plain) - len(plain.translate(None, _FREQUENT)) >= _FREQUENT_SHARE * letters:
        return False
    return letters >= _LEAST_LETTERS and _has_renamed_letters(plain, letters)


def _has_words_of_no_text(text: str) -> bool:
    words = text.split()
    # A space itself may be such a sign, which makes one long word of many.
    garbled = sum(
        len(word)
        for word in words
        if len(word) >= _SHORTEST_WORD and 3 * len(_SIGN.findall(word)) >= len(word)
    )
    return garbled >= _LEAST_SIGNS and garbled >= _GARBLED_SHARE * sum(map(len, words))


def _has_renamed_letters(plain: bytes, letters: int) -> bool:
    shares = [(plain.count(letter) / letters, usual) for letter, usual in _USUAL.items()]
    entropy = -sum(share * log2(share) for share, _ in shares if share)
    if not _NATURAL_BITS[0] <= entropy <= _NATURAL_BITS[1]:
        return False
    return -sum(share * log2(usual / 100) for share, usual in shares) - entropy >= _WRONG_BITS


def _is_punctuation(plain: bytes, length: int) -> bool:
    counts = [count for sign in _PUNCTUATION if (count := plain.count(sign))]
    # The most frequent sign does not count: dots and lines lead from a heading to its page.
    return len(counts) >= _LEAST_KINDS and sum(counts) - max(counts) >= _PUNCTUATION_SHARE * (
        length - sum(map(plain.count, b" \n\t"))
    )
