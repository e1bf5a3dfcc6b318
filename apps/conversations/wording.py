"""Which differences between a quote and a page change what is said, word by word.

A misspelt ordinary word, a confusion of scanning and an article do not (spelling.py). Everything else does:
a difference in a number, date, name, negation, modal verb, unit or currency, a word in the place of another,
a word put in or left out. In doubt it does: a reader who is told “altered” looks, one who is told “close” may not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from typing import Literal

from apps.conversations.spelling import is_badly_scanned, is_misspelt
from apps.conversations.words import Word, joined

Kind = Literal[
    "number",
    "negation",
    "modal",
    "unit",
    "name",
    "sign",
    "word",
    "added",
    "left_out",
    "order",
    "ellipsis",
    "spelling",
]
"""What sort of difference: `spelling` is the only one that does not change what is said."""

_NUMBER = re.compile(r"\^?-?[.,]?\d+(?:[.,:/]\d+)*")


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
_OF_MEANING = _NEGATIONS | _MODALS | _UNITS | _QUANTITIES
_UNIT_SIGNS = frozenset("%‰$€£¥°′″")
_ARTICLES = frozenset({"a", "an", "the", "of"})
# Words that with the next one make its opposite, if nothing parts them: in valid, a typical.
_JOINS_TO_OPPOSITE = frozenset({"in", "a"})
_SHORTEST_OPPOSITE = 4

# Negations that deny the words behind them, and those that deny the words before them.
_DENYING_BEFORE = _words("""
    not never no neither nor without cannot cant wont dont doesnt didnt isnt arent wasnt werent hasnt
    havent hadnt shouldnt wouldnt couldnt mustnt neednt shant aint hardly
    nicht nie niemals kein keine keinen keinem keiner keines ohne weder
    ne pas jamais sans aucun aucune no nunca jamás sin ningún ninguna non mai senza nessuno nessuna
    não nem sem niet geen zonder inte ikke не нет ни без δεν δε μη μην όχι لا لم لن ليس ما 不 未 没 沒 無 无
""")
_DENYING_BEHIND = _words("nicht niet नहीं")


def changes_meaning(quoted: Sequence[Word], printed: Sequence[Word], known: Container[str] = ()) -> bool:
    """Whether one run of words standing in the place of another (either may be empty) says something else.

    known: forms that stand elsewhere on the page, words of their own rather than misspelt ones.
    """
    if joined(quoted) == joined(printed):
        return not says_the_same(quoted, printed)
    if len(quoted) == len(printed):
        return any(_word_changes_meaning(*pair, known) for pair in zip(quoted, printed, strict=True))
    if quoted and printed:
        # A misspelt or badly scanned word may also have been cut in two.
        one, other = joined(quoted), joined(printed)
        is_same_word = is_badly_scanned(one, other, known) or is_misspelt(one, other, known)
        return not (is_same_word and critical_forms(quoted) == critical_forms(printed))
    return not all(_is_article(word) for word in (*quoted, *printed))


def says_the_same(quoted: Sequence[Word], printed: Sequence[Word]) -> bool:
    """Whether the same letters, cut into other words, hold the same numbers, negations and modal verbs."""
    # On pages printed with a space after each letter or with none at all, letters have to do.
    fewer, more = sorted((len(quoted), len(printed)))
    if more > 1.5 * fewer + 2:
        return True
    if (
        _sharp_s(quoted) is not None
        and _sharp_s(printed) is not None
        and _sharp_s(quoted) != _sharp_s(printed)
    ):
        return False
    # `1 450` with a no-break space is one number, and as good as two words beside two words.
    return any(
        critical_forms(quoted, is_joined=is_joined) == critical_forms(printed, is_joined=is_joined)
        for is_joined in (False, True)
    )


def critical_forms(words: Sequence[Word], *, is_joined: bool = False) -> list[str]:
    """The numbers, negations, modal verbs and signs among words, sorted.

    is_joined: numbers with no-break spaces inside are taken as one.
    """
    forms: list[str] = []
    for place, word in enumerate(words):
        if word.is_numeric:
            forms += _NUMBER.findall(word.form.replace(" ", "") if is_joined else word.form)
        elif word.form == "cannot":
            forms += ["can", "not"]
        elif word.is_sign or word.form in _NEGATIONS or word.form in _MODALS:
            forms.append(word.form)
        elif word.form in _JOINS_TO_OPPOSITE and place + 1 < len(words):
            follower = words[place + 1]
            if follower.form.isalpha() and len(follower.form) >= _SHORTEST_OPPOSITE:
                forms.append(word.form)
    return sorted(forms)


def denies(word: Word, *, is_before: bool) -> bool:
    """Whether a word standing right before or right behind others denies them."""
    return word.form in (_DENYING_BEFORE if is_before else _DENYING_BEHIND)


def kind_of(quoted: Sequence[Word], printed: Sequence[Word]) -> Kind:
    """What sort of difference that changes what is said two runs of words make, by the gravest of their words."""
    words = [*quoted, *printed]
    for kind, belongs in _KINDS:
        if any(belongs(word) for word in words):
            return kind
    if quoted and printed:
        return "word"
    return "added" if quoted else "left_out"


_KINDS: tuple[tuple[Kind, Callable[[Word], bool]], ...] = (
    ("negation", lambda word: word.form in _NEGATIONS),
    ("number", lambda word: word.is_numeric or word.form in _QUANTITIES),
    ("modal", lambda word: word.form in _MODALS),
    ("unit", lambda word: word.form in _UNITS or word.form in _UNIT_SIGNS),
    ("sign", lambda word: word.is_sign),
    ("name", lambda word: word.is_name),
)


def _is_article(word: Word) -> bool:
    # A capital A may be the name of a schedule.
    return word.form in _ARTICLES and word.given != "A"


def _sharp_s(words: Sequence[Word]) -> int | None:
    """How many words have an ß; None in capitals, which have none."""
    if any(word.given.isupper() and "SS" in word.given for word in words):
        return None
    return sum("ß" in word.form for word in words)


def _word_changes_meaning(quoted: Word, printed: Word, known: Container[str]) -> bool:
    if quoted.form == printed.form or (_is_article(quoted) and _is_article(printed)):
        return False
    if quoted.form in _OF_MEANING and printed.form in _OF_MEANING:
        return True
    if is_badly_scanned(quoted.form, printed.form, known):
        return False
    if quoted.is_name or printed.is_name or {quoted.form, printed.form} & _OF_MEANING:
        return True
    return not is_misspelt(quoted.form, printed.form, known)
