"""Where the second half of a cut answer meets the first. Pure.

A model that goes on is asked to begin with its last line once more (`prompt.GO_ON`): models are bad at beginning
inside a word, a marker or a quote, and behind words that stand in both halves the seam is found for certain.
What a model does instead is taken as it is: one that repeats nothing went on exactly where it stopped, white
space included, and nothing is put between. A greeting, a tag or a code fence before repeated words goes with
them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice

LONGEST_OPENING = 200
"""Characters that may stand before the repeated words."""
_OPENING = re.compile(r"\s*(?:```\w*|~~~\w*|<evidence>|[^\n]*:)[ \t]*\n", re.IGNORECASE)
"""A line that a model puts before what it repeats: a fence, a tag, “Here is the rest:”."""
FEWEST_LETTERS = 8
"""Of the repeated words, since fewer may stand in both halves by chance. A whole last line hardly does, nor a word
that would stick to the one before it: three will do there."""


class Seam:
    """Takes what comes after a cut and gives what is new of it, however it is cut into chunks.

    before: all that was written until the cut; without it everything is new. Decides once the text leaves what
    was written before; what is decided depends on the text alone, never on its chunks.
    """

    def __init__(self, before: str) -> None:
        self._before = before.rstrip()
        self._space = before[len(self._before) :]
        self._held = ""
        self._ruled_out = 0
        """Of the starts, from the first: what follows them stands nowhere before, and a longer text changes nothing."""
        self._is_joined = not self._before

    def feed(self, text: str) -> str:
        """The next chunk; gives what of it and of the chunks held back is new."""
        if self._is_joined:
            return text
        self._held += text
        return self._join(final=False)

    def finish(self) -> str:
        """The stream is over: what was held back."""
        return "" if self._is_joined else self._join(final=True)

    def _join(self, *, final: bool) -> str:
        for start in islice(_starts(self._held), self._ruled_out, None):
            if not final and self._held[start:].rstrip() in self._before:
                return ""  # still repeating
            if repeated := self._repeated(start):
                return self._new(self._without_space(self._held[start + repeated :]))
            self._ruled_out += 1
        if final or len(self._held) > LONGEST_OPENING:
            return self._new(self._held)
        return ""

    def _without_space(self, rest: str) -> str:
        """What follows the repeated words, less the white space that stands behind them already."""
        space = rest[: len(rest) - len(rest.lstrip())]
        if self._space.startswith(space):
            return rest[len(space) :]
        return rest.removeprefix(self._space)

    def _new(self, text: str) -> str:
        self._is_joined, self._held = True, ""
        return text

    def _repeated(self, start: int) -> int:
        """Length of the longest piece from `start` on with which the first half ends; 0 when that is chance."""
        before, after = self._before, self._held[start:]
        place = before.find(after[0], max(0, len(before) - len(after)))
        while place >= 0:
            length = len(before) - place
            if after.startswith(before[place:]) and _is_word_start(before, place):
                return length if self._is_no_chance(start, length) else 0
            place = before.find(after[0], place + 1)
        return 0

    def _is_no_chance(self, start: int, length: int) -> bool:
        place = len(self._before) - length
        repeated = self._before[place:]
        if self._before[:place].rstrip(" \t")[-1:] in ("", "\n"):
            return repeated.lstrip().startswith(("```", "~~~")) or _count(str.isalnum, repeated) >= 3
        would_stick = start == 0 and not self._space and self._before[-1].isalnum()
        return _count(str.isalpha, repeated) >= (3 if would_stick else FEWEST_LETTERS)


def _starts(text: str) -> Iterator[int]:
    """Where repeated words may begin: at the first word, and behind each line of an opening."""
    place = 0
    while (start := len(text) - len(text[place:].lstrip())) <= LONGEST_OPENING and start < len(text):
        yield start
        opening = _OPENING.match(text, place)
        if opening is None:
            return
        place = opening.end()


def _count(kind: Callable[[str], bool], text: str) -> int:
    return sum(map(kind, text))


def _is_word_start(text: str, place: int) -> bool:
    return place == 0 or not (text[place - 1].isalnum() and text[place].isalnum())
