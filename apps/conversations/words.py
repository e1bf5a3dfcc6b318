"""The words of a text as a comparison of wordings needs them: words, numbers and the signs that say something."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

# Scripts without spaces are compared character by character.
CHARACTER_SCRIPTS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af"
)
# Accents written apart and vowel signs: part of the word, though Python's `\w` leaves them out.
_MARKS = "".join(
    chr(code) for code in range(0x300, 0x2000) if unicodedata.category(chr(code)) in {"Mn", "Mc"}
)
_SUPERSCRIPTS = "\u2070\u00b9\u00b2\u00b3\u2074-\u2079"
DASH = "[-‐‑‒–—−]"
_ALNUM = rf"[^\W_{CHARACTER_SCRIPTS}]"
_TOKEN = re.compile(
    rf"[{CHARACTER_SCRIPTS}]"
    # Fewer without their article than with it.
    r"|(?<![^\W_])[Aa]\s+(?:few|little)(?![^\W_])"
    # A currency printed close to its amount.
    r"|(?:USD|EUR|GBP|CHF|JPY|CNY|AUD|CAD)(?=\d)"
    # The dash of a range, which is no sign of the number behind it, and the bracket of a negative amount: (4,310).
    rf"|(?<=\d)(?:\s*{DASH}\s+|{DASH})(?=\d)"
    r"|\(\s?(?=[$€£¥]?[\d.,]+\s?\))"
    # A number may hold a sign, separators, no-break spaces, an exponent and, as scans have it, letters:
    # -5, .5, 1,200.50, 12/03/2024, 1 450, 10⁻³, 12O, 1st.
    r"|(?:(?<![\w)\]%])[-−–])?(?:(?<![\w.,])[.,])?\d"
    rf"(?:{_ALNUM}|[.,:/．，：／](?=\d|[OoIlSsBZ]+(?![^\W\d_]))"
    rf"|[\u00a0\u2009\u202f](?=\d{{3}}(?!\d))|[⁺⁻](?=[{_SUPERSCRIPTS}]))*"
    # The letter of a list: (a). It is no article.
    r"|(?<=\()[^\W\d_](?=\))"
    # A word may hold apostrophes and hyphens, one at a line's end too.
    rf"|[^\W\d_](?:{_ALNUM}|[{_MARKS}]|['’](?=[^\W\d_])|(?:[-\u2010\u2011]\s*|\u00ad\s*)(?=[^\W\d_]))*"
    # Feet and inches, minutes and seconds, typed as quote signs too.
    r"|(?<=\d)[′″]|(?<=\d)(?P<measure>''|[\"'’”])(?![^\W\d_])"
    r"|(?P<sign>[^\w\s])"
)
_IN_WORD = re.compile(r"['’]|(?:[-\u2010\u2011]\s*|\u00ad\s*)(?=[^\W\d_])")
_EXPONENT = re.compile(rf"(?<=\d)([⁺⁻]?[{_SUPERSCRIPTS}]+)")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−", "-"))
_OPENING_QUOTE = re.compile(r"(?<!\w)[\"'‘’‚“”„]")
_PRIMES = {"'": "′", "’": "′", "''": "′′", '"': "′′", "”": "′′"}
_SPEAKING = frozenset("%‰§&")
# Bullets, marks of trade and the rules of tables; a minus apart from its number is a dash.
_MUTE = frozenset("●■▪▫◦∙►▶➢➤❖□|−©®™℠")
_SHARP_S = "ß"


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text.

    form: folded for comparing; a no-break space inside a number is kept as a space. given: as written.
    start, end: offsets in the text, end exclusive.
    """

    form: str
    given: str
    start: int
    end: int

    @property
    def is_numeric(self) -> bool:
        return any(character.isdigit() for character in self.form)

    @property
    def is_name(self) -> bool:
        """Capitalised. The first word of a sentence is taken for one too: a reader looks once too often."""
        return self.given[0].isupper()

    @property
    def is_sign(self) -> bool:
        return not self.is_numeric and not self.form[0].isalnum()


def split_words(text: str) -> list[Word]:
    """The words, numbers and speaking signs of a text, in order; other punctuation says nothing here."""
    words: list[Word] = []
    for match in _TOKEN.finditer(text):
        given = match[0].strip()
        if match["sign"] and not _speaks(given):
            continue
        if match["measure"] and _OPENING_QUOTE.search(text, 0, match.start()):
            continue  # it ends what was quoted: “the lease of 2019”
        if form := _form(given):
            start = match.start() + len(match[0]) - len(match[0].lstrip())
            words.append(Word(form, given, start, start + len(given)))
    return words


def joined(words: Sequence[Word]) -> str:
    """The forms of words without what parts them."""
    return "".join(word.form for word in words).replace(" ", "")


def _speaks(sign: str) -> bool:
    return sign in _SPEAKING or (unicodedata.category(sign) in {"Sc", "Sm", "So"} and sign not in _MUTE)


def _form(given: str) -> str:
    if given in _PRIMES:
        return _PRIMES[given]
    form = _EXPONENT.sub(r"^\1", given)
    form = unicodedata.normalize("NFKC", _IN_WORD.sub("", form))
    # `ß` is kept, for in „in Maßen“ it is not `ss`.
    form = _SHARP_S.join(part.casefold() for part in form.split(_SHARP_S))
    return form.translate(_DASHES)
