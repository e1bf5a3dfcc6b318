"""Sentences of a text that share rare words with a question: pure, no model, no index.

Sentences are ranked as BM25 ranks documents: a rare word counts more than a common one, a short sentence more
than a long one. Words are compared by a light stem; Chinese, Japanese and Korean by pairs of characters.
"""

import math
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_QUOTES = 5
MOST_WORDS = 40
_LEAST_WORDS, _LEAST_CHARACTERS = 4, 16
# A quote must carry this share of the question's rarity, and of the best quote's score.
_LEAST_COVERAGE = 0.3
_LEAST_OF_BEST = 0.4
_MOST_TERMS = 24  # each costs time at every word of the text
_LEAST_RARITY = 0.2
_K1, _B, _TYPICAL_WORDS = 1.2, 0.6, 20

_WORD = re.compile(r"[^\W_]+")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_LIGATURE = re.compile("[ﬀ-ﬆ]")
_HYPHENATED = re.compile(r"(?<=[^\W\d_])-\n(?=[^\W\d_])")
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_HIRAGANA = re.compile("[\u3040-\u309f]")  # grammar rather than meaning
_CJK_RUN = re.compile(f"[{_CJK}]+")
# A sentence ends at its mark, at a blank line, or before a bullet; lines of code count as sentences, too.
_SENTENCE_END = re.compile(
    r"(?<=[.!?])[\"'”’)\]]*\s+(?=[^\sa-z])|(?<=[。！？])|\n\s*\n|\n(?=\s*[•▪–*-]\s)|(?<=[;{}])\n"
    # Numbered clauses: “6.1 The deposit …”.
    r"|\n(?=\d{1,3}\.(?:\d{1,3}\.?)*\s+[^\Wa-z\d_])"
)

_WORDS = tomllib.loads(Path(__file__).with_name("quote_words.toml").read_text(encoding="utf-8"))
_SUFFIXES: tuple[str, ...] = tuple(_WORDS.pop("suffixes").split())
_STOP_SETS = {language: frozenset(words["stop_words"].split()) for language, words in _WORDS.items()}
_ALL_STOP_WORDS: frozenset[str] = frozenset().union(*_STOP_SETS.values())


@dataclass(frozen=True, slots=True)
class Sentences:
    """What the quote finder says around its quotes, in one language."""

    found: str
    nothing: str
    openings: str


@dataclass(frozen=True, slots=True)
class PackedPage:
    """One page as it stands in a prompt. text: what follows the marker line, stripped."""

    ordinal: int
    number: int
    text: str

    @property
    def marker(self) -> str:
        return f"[[{self.ordinal}:{self.number}]]"


@dataclass(frozen=True, slots=True)
class FoundQuote:
    """A verbatim run of words of one page, on one line, at most 40 words."""

    page: PackedPage
    quote: str
    score: float


def language_of(question: str) -> str:
    """The code of the language whose small words a question uses most; "en" when none stands out."""
    words = [word.lower() for word in _WORD.findall(question)]
    counts = {language: sum(word in stop for word in words) for language, stop in _STOP_SETS.items()}
    best = max(counts, key=lambda language: counts[language])
    return best if counts[best] > counts["en"] else "en"


def sentences_for(question: str) -> Sentences:
    """The sentences in the language of a question."""
    words = _WORDS[language_of(question)]
    return Sentences(words["found"], words["nothing"], words["openings"])


def question_terms(question: str) -> list[str]:
    """The stems a question turns on, each once, in its order, at most 24; small words are left out."""
    terms: dict[str, None] = {}
    for word in _WORD.findall(question.lower()):
        terms.update(dict.fromkeys(_terms_of(word)))
    return list(terms)[:_MOST_TERMS]


def find_quotes(pages: Iterable[PackedPage], question: str, *, most: int = MOST_QUOTES) -> list[FoundQuote]:
    """The quotes that answer a question's words best, best first; empty when nothing fits.

    Reads a million tokens in about a second. Without any telling word (“What is this about?”) the openings of
    the first pages are given.
    """
    terms = question_terms(question)
    if not terms:
        return _openings(pages, most)
    finder = _term_pattern(terms)
    wanted = frozenset(terms)
    sentences_with: Counter[str] = Counter()
    candidates: list[tuple[PackedPage, str, Counter[str], int]] = []
    sentence_count = 0
    for page in pages:
        # Most pages of a long text hold none of the words; one search tells.
        sentence_count += 1 + len(page.text) // 120
        if finder.search(_fold(page.text)) is None:
            continue
        for sentence in _sentences(page.text):
            found = Counter(
                term
                for match in finder.finditer(_fold(sentence))
                for term in _terms_of(match.group().lower())
                if term in wanted
            )
            if found:
                sentences_with.update(found.keys())
                candidates.append((page, sentence, found, len(sentence) // 6 + 1))
    rarity = _rarities(terms, sentences_with, sentence_count)
    whole = sum(rarity.values())
    scored = []
    for page, sentence, found, words in candidates:
        coverage = sum(rarity[term] for term in found) / whole
        if coverage >= _LEAST_COVERAGE:
            scored.append((_score(found, rarity, words) * (0.5 + coverage), page, sentence))
    scored.sort(key=lambda row: (-row[0], row[1].ordinal, row[1].number))
    return _distinct(scored, finder, most)


def cut_to_quote(sentence: str, finder: re.Pattern[str] | None = None) -> str:
    """A run of at most 40 words of a sentence on one line, the one that holds most matches of finder."""
    words = sentence.split()
    if len(words) <= MOST_WORDS:
        return " ".join(words)
    hits = [int(finder is not None and finder.search(_fold(word)) is not None) for word in words]
    best_start, best_hits = 0, sum(hits[:MOST_WORDS])
    current = best_hits
    for start in range(1, len(words) - MOST_WORDS + 1):
        current += hits[start + MOST_WORDS - 1] - hits[start - 1]
        if current > best_hits:
            best_start, best_hits = start, current
    return " ".join(words[best_start : best_start + MOST_WORDS])


def _rarities(terms: Sequence[str], sentences_with: Counter[str], sentence_count: int) -> dict[str, float]:
    """How much each term tells. One that stands nowhere tells as much as the others on average: it must neither
    sink every sentence nor count for nothing."""
    present = {
        term: math.log(1 + max(sentence_count - count, 0) / (count + 0.5)) + _LEAST_RARITY
        for term, count in sentences_with.items()
    }
    average = sum(present.values()) / len(present) if present else 1.0
    return {term: present.get(term, average) for term in terms}


def _score(found: Counter[str], rarity: dict[str, float], words: int) -> float:
    length = 1 - _B + _B * words / _TYPICAL_WORDS
    return sum(rarity[term] * count * (_K1 + 1) / (count + _K1 * length) for term, count in found.items())


def _distinct(
    scored: Sequence[tuple[float, PackedPage, str]], finder: re.Pattern[str], most: int
) -> list[FoundQuote]:
    quotes: list[FoundQuote] = []
    seen: set[str] = set()
    for score, page, sentence in scored:
        if len(quotes) == most or score < _LEAST_OF_BEST * scored[0][0]:
            break
        quote = cut_to_quote(sentence, finder)
        folded = "".join(_WORD.findall(quote.lower()))
        if folded not in seen:
            seen.add(folded)
            quotes.append(FoundQuote(page, quote, score))
    return quotes


def _openings(pages: Iterable[PackedPage], most: int) -> list[FoundQuote]:
    quotes: list[FoundQuote] = []
    documents: set[int] = set()
    for page in pages:
        sentence = next(_sentences(page.text), "")
        if sentence and page.ordinal not in documents:
            documents.add(page.ordinal)
            quotes.append(FoundQuote(page, cut_to_quote(sentence), 0.0))
            if len(quotes) == most:
                break
    return quotes


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for end in [*(match.span() for match in _SENTENCE_END.finditer(text)), (len(text), len(text))]:
        sentence = text[start : end[0]].strip()
        start = end[1]
        if len(sentence) >= _LEAST_CHARACTERS and (
            len(sentence.split(None, _LEAST_WORDS)) >= _LEAST_WORDS or _CJK_RUN.search(sentence)
        ):
            yield sentence


def _term_pattern(terms: Sequence[str]) -> re.Pattern[str]:
    roots = "|".join(re.escape(term) for term in sorted(terms, key=len, reverse=True))
    cjk = f"|[{_CJK}]+" if _CJK_RUN.search(roots) else ""
    return re.compile(rf"(?<![^\W_])(?:{roots})[^\W_]*{cjk}", re.IGNORECASE)


def _terms_of(word: str) -> list[str]:
    """The stem of a lower-case word, the pairs of a run of CJK characters, or nothing for a small word."""
    runs = _CJK_RUN.findall(word)
    if runs:
        pairs = [run[index : index + 2] for run in runs for index in range(max(1, len(run) - 1))]
        return [pair for pair in pairs if not _HIRAGANA.search(pair)]
    if word in _ALL_STOP_WORDS or (len(word) < 2 and not word.isdigit()):
        return []
    return [_stem(word)]


def _fold(text: str) -> str:
    """The text as it reads: ligatures and words hyphenated at a line end are put together for searching."""
    if _LIGATURE.search(text):
        text = text.translate(_LIGATURES)
    return _HYPHENATED.sub("", text) if "-\n" in text else text


def _stem(word: str) -> str:
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 4:
            return word[: -len(suffix)]
    return word
