"""Which differences between a quote and a page change what is said, word by word.

A misspelt ordinary word and a confusion of scanning do not. A difference in a number, date, name, negation,
modal verb, unit or currency does; so does any word put in the place of another. In doubt it does: a reader
who is told “altered” looks, one who is told “close” may not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

# Letters joined by apostrophes, or at a line's end by a hyphen (quotes have a space there); scripts without spaces character by character.
_CHARACTER_SCRIPTS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af"
)
_WORD = re.compile(
    rf"[{_CHARACTER_SCRIPTS}]"
    # A number may hold separators and, as scans have it, letters: 1,200.50, 12/03/2024, 12O, 1st.
    r"|(?:(?<![\w\)\]%])[-−–])?\d(?:[^\W_]|[.,:/](?=\d|[OoIlSsBZ](?![^\W\d_])))*"
    rf"|[^\W\d_](?:[^\W_{_CHARACTER_SCRIPTS}]|['’](?=[^\W\d_])|(?:-\s+|\u00ad\s*)(?=[^\W\d_]))*"
    r"|[%‰$€£¥₹₽₩¢°<>≤≥=±×§]"
)
_NUMBER = re.compile(r"-?\d+(?:[.,:/]\d+)*")
_LINE_HYPHEN = re.compile(r"-\s+|\u00ad\s*")
_SENTENCE_END = re.compile(r"(?:^|[.!?:;•\n])[\s\"'“”‘’»«(\[\d.\-–—•*]*\Z")

# How scans confuse, one form for each group. Only letters and digits against each other, never two digits.
_SCAN_GROUPS = (("rn", "m"), ("cl", "d"), ("vv", "w"), ("ii", "u"), ("li", "h"))
_SCAN_LETTERS = str.maketrans("015826|!", "olsbzbll")
_SCAN_SAME = str.maketrans("ij", "ll")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NEGATIONS = _words("""
    no not none nor never neither nobody nothing nowhere without cannot cant wont dont doesnt didnt isnt arent
    wasnt werent hasnt havent hadnt shouldnt wouldnt couldnt mustnt neednt shant aint except unless only hardly
    nicht kein keine keinen keinem keiner keines nie niemals ohne weder noch außer nur
    ne n pas non jamais sans aucun aucune sauf ni sin nunca ningún ninguna excepto senza mai nessuno nessuna
    niet geen nooit zonder não nem sem inte ikke ingen не нет без никогда
""")
_MODALS = _words("""
    shall must may might can could will would should ought need needs
    muss müssen musst soll sollen sollte darf dürfen kann können könnte wird werden würde
    doit doivent devra devront peut peuvent pourra pourront debe deben deberá podrá puede pueden
    deve devono può possono moet moeten mag kan zal pode podem deverá
""")
_UNITS = _words("""
    usd eur gbp chf jpy cny dollar dollars euro euros pound pounds cent cents percent per cent pct bps
    mm cm m km mi ft inch inches yd mile miles meter meters metre metres kilometer kilometers
    mg g kg t lb lbs oz ton tons tonne tonnes ml l dl gal liter liters litre litres
    ms s sec min h hr hrs second seconds minute minutes hour hours day days week weeks month months quarter
    quarters year years annum daily weekly monthly quarterly yearly annually am pm
    w kw mw gw kwh mwh v kv ma hz khz mhz ghz k c f pa kpa mpa bar psi n kn j kj
    b kb mb gb tb kib mib gib bit bits byte bytes sq acre acres hectare hectares µg mcg mmol mol
    tag tage tagen woche wochen monat monate monaten jahr jahre jahren stunde stunden
""")
_QUANTITIES = _words("""
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million
    billion trillion half third quarter dozen once twice thrice first second fourth fifth sixth seventh eighth
    ninth tenth single double triple all any some each every both either most more less least fewer many few
    minimum maximum plus minus above below over under before after until and or
    january february march april june july august september october november december jan feb mar apr jun jul
    aug sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday
    eins zwei drei vier fünf sechs sieben acht neun zehn
""")
_CRITICAL = _NEGATIONS | _MODALS | _UNITS | _QUANTITIES
_ARTICLES = frozenset({"a", "an", "the", "of"})
_OPPOSITE_PREFIXES = ("un", "in", "im", "ir", "il", "non", "dis", "mis", "de", "a", "ab", "anti", "counter")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text. form: folded for comparing. start, end: offsets in the text, end exclusive."""

    form: str
    start: int
    end: int
    is_name: bool

    @property
    def is_numeric(self) -> bool:
        return any(character.isdigit() for character in self.form)

    @property
    def is_critical(self) -> bool:
        return self.is_numeric or self.is_name or self.form in _CRITICAL or not self.form[0].isalnum()


def split_words(text: str) -> list[Word]:
    """The words, numbers and meaningful signs of a text, in order; other punctuation says nothing here."""
    words: list[Word] = []
    for match in _WORD.finditer(text):
        given = _LINE_HYPHEN.sub("", match[0])
        form = unicodedata.normalize("NFKC", given).casefold().replace("’", "").replace("'", "")
        form = form.replace("−", "-").replace("–", "-")
        if not form:
            continue
        before = text[max(0, match.start() - 40) : match.start()]
        is_name = given[0].isupper() and not _SENTENCE_END.search(before)
        words.append(Word(form, match.start(), match.end(), is_name))
    return words


def changes_meaning(quoted: Sequence[Word], printed: Sequence[Word]) -> bool:
    """Whether one run of words standing in the place of another (either may be empty) says something else."""
    one, other = ("".join(word.form for word in words) for words in (quoted, printed))
    if one == other:
        return not says_the_same(quoted, printed)
    if len(quoted) == len(printed):
        return any(_word_changes_meaning(a, b) for a, b in zip(quoted, printed, strict=True))
    if quoted and printed:
        # A misspelt or badly scanned word may also have been cut in two.
        is_same_word = _looks_alike(one, other) or _is_misspelling(one, other)
        return not (is_same_word and critical_forms(quoted) == critical_forms(printed))
    # A printed word left out may be a harmless one; a word put in is not on the page at all.
    return any(
        word.form not in _ARTICLES and (word.is_critical or bool(quoted)) for word in (*quoted, *printed)
    )


def says_the_same(quoted: Sequence[Word], printed: Sequence[Word]) -> bool:
    """Whether the same letters, cut into other words, hold the same numbers, negations and modal verbs."""
    # On pages printed with a space after each letter, words are not to be had: letters have to do.
    is_spaced_out = len(printed) > 1.5 * len(quoted) + 2
    return is_spaced_out or critical_forms(quoted) == critical_forms(printed)


def critical_forms(words: Sequence[Word]) -> list[str]:
    """The numbers, negations and modal verbs among words, sorted."""
    forms: list[str] = []
    for word in words:
        if word.is_numeric:
            forms += _NUMBER.findall(word.form)
        elif word.form == "cannot":
            forms += ["can", "not"]
        elif word.form in _NEGATIONS or word.form in _MODALS:
            forms.append(word.form)
    return sorted(forms)


def _looks_alike(one: str, other: str) -> bool:
    """Whether a scan may have made one of the other: equal once shapes that are confused are made one."""
    if _digits_differ(one, other):
        return False
    return scan_shape(one) == scan_shape(other)


def scan_shape(form: str) -> str:
    """One form for all that a scan confuses."""
    form = form.translate(_SCAN_LETTERS)
    for written, read in _SCAN_GROUPS:
        form = form.replace(written, read)
    return form.translate(_SCAN_SAME)


def _digits_differ(one: str, other: str) -> bool:
    """Whether at some place both have a digit, and not the same one."""
    if len(one) != len(other):
        return sorted(filter(str.isdigit, one)) != sorted(filter(str.isdigit, other))
    return any(a != b and a.isdigit() and b.isdigit() for a, b in zip(one, other, strict=True))


def _word_changes_meaning(quoted: Word, printed: Word) -> bool:
    one, other = quoted.form, printed.form
    if one == other or (one in _ARTICLES and other in _ARTICLES):
        return False
    if one in _CRITICAL and other in _CRITICAL:
        return True
    if _looks_alike(one, other):
        return False
    if quoted.is_critical or printed.is_critical:
        return True
    return not _is_misspelling(one, other)


def _is_misspelling(one: str, other: str) -> bool:
    """Whether two ordinary words are one word written wrongly, as far as letters can tell.

    It cannot tell `form` from `from` by meaning; opposites that differ in a prefix or in -or/-ee are known.
    """
    short, long = sorted((one, other), key=len)
    if len(short) < 4:
        return False
    if any(long == prefix + short for prefix in _OPPOSITE_PREFIXES):
        return False
    if short.endswith("less") != long.endswith("less") or short.endswith("ful") != long.endswith("ful"):
        return False
    if any(a.endswith(("er", "or")) and b.endswith("ee") for a, b in ((one, other), (other, one))):
        return False
    distance = Levenshtein.distance(one, other)
    return distance <= 1 or (
        distance <= 2 and len(short) >= 8 and one[0] == other[0] and one[-1] == other[-1]
    )
