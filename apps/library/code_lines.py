"""Lines of source text as HTML: coloured, numbered, with what is quoted marked and what is invisible shown. Pure.

Built here and not by a template, because a file has up to two thousand lines and each some twenty pieces.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape

from apps.library.ingestion.colours import KINDS

LONGEST_SHOWN = 2_000
"""Characters of a line that are shown; what is beyond them stays one click away."""
_BEFORE_MARK = 400
"""Characters before a quote that are shown of a line that is longer."""

# Signs that change how text reads without being seen: controls of direction, of control codes all but the tab,
# spaces without width, separators that some programs take for line ends, and tags. Joiners belong to scripts.
_SIGNS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Piece:
    start: int
    end: int
    kind: int


def lines_html(
    text: str,
    runs: Sequence[int],
    *,
    first_line: int = 1,
    marks: Sequence[Span] = (),
    marked_lines: Sequence[Span] = (),
    notes: dict[int, str] | None = None,
    whole_href: Callable[[int], str],
) -> str:
    """All lines of a text, one element each, its number with the id `L<number>`; safe to insert as it is.

    text: lines end at "\\n" alone. runs: of the whole text (`highlighting.colour_runs`). first_line: the number of
    its first line, 1-based. marks: quoted places (start, end exclusive, code points of text), apart and ascending.
    marked_lines: (first, last) inclusive, as numbered. notes: a short word at the end of a line, by its number.
    whole_href: where a line of this number that is too long is shown whole.
    """
    notes = notes or {}
    html: list[str] = []
    pieces, spans = _Cursor(_pieces(runs)), _Cursor(_Piece(start, end, 1) for start, end in marks)
    at = 0
    for number, line in enumerate(_lines(text), first_line):
        end = at + len(line)
        shown = _shown(at, end, spans.over(at, end))
        is_marked = any(first <= number <= last for first, last in marked_lines)
        html.append(
            # The id stands beside the class that changes: htmx keeps the class of what has the same id for a moment.
            f'<span class="code-line{" cited-line" if is_marked else ""}">'
            f'<a class="code-number" id="L{number}" href="#L{number}" tabindex="-1" aria-label="Line {number}" data-number="{number}"></a>'
            f'<span class="code-text">{_line(text, shown, (at, end), pieces, spans, partial(whole_href, number))}\n</span>'
            f"{_note(notes.get(number, ''))}</span>"
        )
        at = end + 1
    return "".join(html)


def _lines(text: str) -> list[str]:
    """A text that ends in a line end has no empty line behind it."""
    return text.removesuffix("\n").split("\n") if text else []


def _pieces(runs: Sequence[int]) -> Iterator[_Piece]:
    at = 0
    for length, kind in zip(runs[::2], runs[1::2], strict=True):
        yield _Piece(at, at + length, kind)
        at += length


class _Cursor:
    """Pieces in growing order, asked for by ranges that only move on."""

    def __init__(self, pieces: Iterator[_Piece]) -> None:
        self._coming = pieces
        self._held: list[_Piece] = []

    def over(self, start: int, end: int) -> list[_Piece]:
        """Those that touch a range."""
        self._held = [piece for piece in self._held if piece.end > start]
        while not self._held or self._held[-1].end < end:
            piece = next(self._coming, None)
            if piece is None:
                break
            if piece.end > start:
                self._held.append(piece)
        return [piece for piece in self._held if piece.start < end]


def _shown(start: int, end: int, marks: Sequence[_Piece]) -> Span:
    """What is shown of a line: all, or so much of a very long one that its first quote is in it."""
    if end - start <= LONGEST_SHOWN:
        return start, end
    begin = max(start, marks[0].start - _BEFORE_MARK) if marks else start
    begin = min(begin, end - LONGEST_SHOWN)
    return begin, begin + LONGEST_SHOWN


def _line(
    text: str, shown: Span, line: Span, pieces: _Cursor, marks: _Cursor, whole_href: Callable[[], str]
) -> str:
    begin, end = shown
    parts = [_left_out(begin - line[0], whole_href)]
    at = begin
    for mark in marks.over(begin, end):
        start, stop = max(mark.start, begin), min(mark.end, end)
        if start < stop:
            parts.append(_coloured(text, at, start, pieces))
            parts.append(f"<mark>{_coloured(text, start, stop, pieces)}</mark>")
            at = stop
    parts += [_coloured(text, at, end, pieces), _left_out(line[1] - end, whole_href)]
    return "".join(parts)


def _coloured(text: str, start: int, end: int, pieces: _Cursor) -> str:
    if start >= end:
        return ""
    parts = []
    for piece in pieces.over(start, end):
        words = _escaped(text[max(piece.start, start) : min(piece.end, end)])
        if words:
            parts.append(f'<span class="hl-{KINDS[piece.kind]}">{words}</span>' if piece.kind else words)
    return "".join(parts)


def _escaped(text: str) -> str:
    return _SIGNS.sub(_sign, escape(text))


def _sign(match: re.Match[str]) -> str:
    name = unicodedata.name(match[0], "control code").lower()
    return f'<span class="code-sign" title="{escape(name)}">U+{ord(match[0]):04X}</span>'


def _left_out(characters: int, whole_href: Callable[[], str]) -> str:
    if characters <= 0:
        return ""
    href = escape(whole_href())
    return (
        f'<a class="code-cut" href="{href}" hx-get="{href}" hx-target="#viewer" hx-swap="outerHTML">'
        f"{characters:,} more characters</a>"
    )


def _note(words: str) -> str:
    return f'<span class="code-note">{escape(words)}</span>' if words else ""
