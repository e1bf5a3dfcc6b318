"""Two wordings laid side by side, word by word, and what differs between them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from apps.common.folding import fold_plain
from apps.conversations.spelling import scan_shape
from apps.conversations.wording import Kind, changes_meaning, kind_of
from apps.conversations.words import Word

Pairs = Sequence[tuple[int | None, int | None]]
"""Indices among the quoted and the printed words, in order; None where the other side has no counterpart."""

# The same words in another order: parties that changed places.
_REORDERED_FROM = 0.85
# A printed word left out costs less than any word put in its place, else it would pair with a quote's end.
_LEFT_OUT = 0.9
_SHARED_WORDS = 3
# The careful alignment takes a microsecond or two for each pair of words, and no thread may hold all others up.
_MOST_PAIRS = 20_000
_LONGEST_EXCERPT = 300


@dataclass(frozen=True, slots=True)
class Difference:
    """What the quote says and what the page says in its place; either may be empty.

    before, after: up to three words on either side that both have.
    """

    kind: Kind
    quoted: str
    printed: str
    before: str = ""
    after: str = ""

    @property
    def matters(self) -> bool:
        """Whether it changes what is said."""
        return self.kind != "spelling"

    def to_json(self) -> dict[str, str | bool]:
        return {
            "kind": self.kind,
            "quoted": self.quoted[:_LONGEST_EXCERPT],
            "printed": self.printed[:_LONGEST_EXCERPT],
            "before": self.before,
            "after": self.after,
            "matters": self.matters,
        }


def find_differences(
    quote: str, quoted: Sequence[Word], text: str, printed: Sequence[Word], pairs: Pairs
) -> Iterator[Difference]:
    """The runs of words in which quote and page differ, in order. text: what the words of `printed` are of."""
    known: Container[str] = {word.form for word in printed}
    for begin, end in _runs(quoted, printed, pairs):
        ours = [quoted[index] for index, _ in pairs[begin:end] if index is not None]
        theirs = [printed[index] for _, index in pairs[begin:end] if index is not None]
        matters = changes_meaning(ours, theirs, known)
        yield Difference(
            kind_of(ours, theirs) if matters else "spelling",
            excerpt(quote, ours),
            excerpt(text, theirs),
            excerpt(quote, _quoted_of(quoted, pairs[max(0, begin - _SHARED_WORDS) : begin])),
            excerpt(quote, _quoted_of(quoted, pairs[end : end + _SHARED_WORDS])),
        )


def excerpt(text: str, words: Sequence[Word]) -> str:
    """The text from the first of its words to the last, with single spaces."""
    return " ".join(text[words[0].start : words[-1].end].split()) if words else ""


def align(quoted: Sequence[Word], printed: Sequence[Word]) -> Pairs:
    """Align all quoted words with one contiguous run of printed ones, at least cost."""
    if len(quoted) * len(printed) > _MOST_PAIRS:
        return _align_roughly([word.form for word in quoted], [word.form for word in printed])
    rows, columns = len(quoted) + 1, len(printed) + 1
    # Skipping printed words before and after the run is free; inside, a missing word costs 1.
    costs: list[list[float]] = [[0.0] * columns]
    for row in range(1, rows):
        line = [float(row)] + [0.0] * (columns - 1)
        above, form = costs[row - 1], quoted[row - 1].form
        for column in range(1, columns):
            swap = _swap_cost(form, printed[column - 1].form)
            line[column] = min(above[column - 1] + swap, above[column] + 1, line[column - 1] + _LEFT_OUT)
        costs.append(line)
    row = rows - 1
    column = min(range(columns), key=costs[row].__getitem__)
    pairs: list[tuple[int | None, int | None]] = []
    while row > 0:
        here = costs[row][column]
        if column > 0:
            swap = _swap_cost(quoted[row - 1].form, printed[column - 1].form)
            if here == costs[row - 1][column - 1] + swap:
                row, column = row - 1, column - 1
                pairs.append((row, column))
                continue
            if here == costs[row][column - 1] + _LEFT_OUT:
                column -= 1
                pairs.append((None, column))
                continue
        row -= 1
        pairs.append((row, None))
    return pairs[::-1]


def _align_roughly(quoted: Sequence[str], printed: Sequence[str]) -> Pairs:
    """The same for long quotes, in a fraction of the time: words in the place of others pair as they come."""
    run = fuzz.partial_ratio_alignment(quoted, printed)
    if run is None:
        return []
    pairs: list[tuple[int | None, int | None]] = []
    for edit in Levenshtein.opcodes(quoted, printed[run.dest_start : run.dest_end]):
        ours: list[int | None] = list(range(edit.src_start, edit.src_end))
        theirs: list[int | None] = [run.dest_start + at for at in range(edit.dest_start, edit.dest_end)]
        length = max(len(ours), len(theirs))
        ours += [None] * (length - len(ours))
        theirs += [None] * (length - len(theirs))
        pairs += zip(ours, theirs, strict=True)
    while pairs and pairs[0][0] is None:
        del pairs[0]
    while pairs and pairs[-1][0] is None:
        pairs.pop()
    return pairs


def find_reordered(words: Sequence[Word], printed: Sequence[Word]) -> tuple[int, int] | None:
    """Where as many printed words (offsets, end exclusive) hold nearly the same ones in another order."""
    size, missing = len(words), Counter(word.form for word in words)
    best, best_shared, shared = None, _REORDERED_FROM * size, 0
    for index, word in enumerate(printed):
        shared += missing[word.form] > 0
        missing[word.form] -= 1
        if index >= size:
            gone = printed[index - size].form
            missing[gone] += 1
            shared -= missing[gone] > 0
        if index >= size - 1 and shared > best_shared:
            best, best_shared = (printed[index - size + 1].start, word.end), shared
    return best


def likeness(quoted: str, printed: str) -> float:
    """0 to 1, confusions of scanning left out of account: `rn` for `m` is a quarter of a short word."""
    one, other = fold_plain(quoted), fold_plain(printed)
    return max(
        Levenshtein.normalized_similarity(one, other),
        Levenshtein.normalized_similarity(scan_shape(one), scan_shape(other)),
    )


def _swap_cost(form: str, other: str) -> float:
    """Between nothing and just below a word missing on one side, so that words stay paired."""
    return 0.0 if form == other else 0.3 + 0.65 * Levenshtein.normalized_distance(form, other)


def _runs(quoted: Sequence[Word], printed: Sequence[Word], pairs: Pairs) -> Iterator[tuple[int, int]]:
    """Ranges of `pairs` without a pair of equal words."""
    begin = 0
    for place, (one, other) in enumerate(pairs):
        if one is not None and other is not None and quoted[one].form == printed[other].form:
            if begin < place:
                yield begin, place
            begin = place + 1
    if begin < len(pairs):
        yield begin, len(pairs)


def _quoted_of(quoted: Sequence[Word], pairs: Pairs) -> list[Word]:
    return [quoted[index] for index, _ in pairs if index is not None]
