"""How models spell citations, and the one way they are spelt here.

The grammar read is wide; the one written is `[[ordinal:page]]` and `[[ordinal:first-last]]`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from apps.common.markers import PATH_MARKER

PageKey = tuple[int, int]
"""(ordinal, page number), both 1-based."""

PageOfLine = Callable[[str, int, int], tuple[int, int, int] | None]
"""(path, first line, last line) of a file that was sent to (ordinal, first page, last page); None if it was not."""

_OPEN = r"[\[【［]"
_CLOSE = r"[\]】］]"
# No line ends: a marker stands on one line. All of these are among MARKER_CHARACTERS.
_SPACE = r"[ \t\u00a0\u202f\u3000]*"
_COLON = rf"{_SPACE}[:：]{_SPACE}"
_DASH = rf"{_SPACE}[-‐‑‒–—−~]{_SPACE}"
_NUMBER = rf"(?:[pP]\.?{_SPACE})?([0-9]{{1,7}})"
_PAGE = rf"(?:[pP]\.?{_SPACE})?[0-9]{{1,7}}"
_PAIR = rf"[0-9]{{1,6}}{_COLON}{_PAGE}(?:{_DASH}(?:[0-9]{{1,6}}{_COLON})?{_PAGE})?"
_REST = rf"(?:{_PAIR}|{_PAGE}(?:{_DASH}{_PAGE})?)"
_NEXT = rf"{_SPACE}[,;，；、]{_SPACE}"
_BROKEN_NEXT = rf"(?:{_NEXT}|{_SPACE}{_CLOSE}{_SPACE}[,;，；、]?{_SPACE}{_OPEN}{_SPACE})"

DOUBLE = re.compile(rf"{_OPEN}{{2}}{_SPACE}({_PAIR}(?:{_BROKEN_NEXT}{_REST})*){_SPACE}{_CLOSE}{{2}}")
# One bracket, or two opened and one closed. A parenthesis behind it makes it a Markdown link instead. A space
# behind its opening is how a document's own was broken (apps/common/markers.py).
SINGLE = re.compile(
    rf"{_OPEN}{{1,2}}({_PAIR}(?:(?:{_NEXT}|{_CLOSE}{_OPEN}){_REST})*){_SPACE}{_CLOSE}(?![(\]】］])"
)
MARKER_CHARACTERS = re.compile(r"[0-9 \t\u00a0\u202f\u3000:：,;，；、‐‑‒–—−~pP.\[\]【】［］-]*")
_PAIR_PARTS = re.compile(
    rf"(?:([0-9]{{1,6}}){_COLON})?{_NUMBER}(?:{_DASH}(?:[0-9]{{1,6}}{_COLON})?{_NUMBER})?"
)
AFTER_OPEN_BRACKET = re.compile(rf"{_OPEN} ?\Z")
# Where a single bracket is a slice or an index of code: `rows[3:12]`.
AFTER_NAME = re.compile(r"[A-Za-z0-9_)\]]\Z")

_BULLET = re.compile(r"^\s*(?:[-*•+]\s+|\d{1,3}[.)]\s+|>\s*)*")
_QUOTE_PAIRS = (('"', '"'), ("“", "”"), ("„", "“"), ("«", "»"), ("‘", "’"), ("'", "'"))
_WHY = re.compile(r"^[\s.,;]*(?:[-–—]+|\()\s*")


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """One line of the evidence block.

    marker_text: as the model wrote it, empty when it wrote none. ordinal, page, last: None without a marker, or
    when its path is none that was sent. quote: without its quote signs, empty when the line has none. why: what
    the model added behind or before it.
    """

    marker_text: str
    ordinal: int | None
    page: int | None
    quote: str
    why: str = ""
    last: int | None = None


def canonical_marker(ordinal: int, first: int, last: int | None = None) -> str:
    """The one spelling of a marker that leaves this room."""
    return f"[[{ordinal}:{first}]]" if last in (None, first) else f"[[{ordinal}:{first}-{last}]]"


class SentPages(Container[PageKey]):
    """The pages of a manifest as a container of (ordinal, number), kept as ranges."""

    def __init__(self, ranges: Iterable[tuple[int, int, int]]) -> None:
        """ranges: (ordinal, first, last), both ends included, in any order, not overlapping."""
        self._starts: dict[int, list[int]] = {}
        self._ends: dict[int, list[int]] = {}
        for ordinal, first, last in sorted(ranges):
            self._starts.setdefault(ordinal, []).append(first)
            self._ends.setdefault(ordinal, []).append(last)

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, tuple) or len(key) != 2:
            return False
        ordinal, number = key
        starts = self._starts.get(ordinal)
        if starts is None:
            return False
        index = bisect_right(starts, number) - 1
        return index >= 0 and bool(number <= self._ends[ordinal][index])


def parse_pairs(body: str) -> list[tuple[int, int, int]]:
    """The (ordinal, first, last) named inside a marker's brackets; a bare page takes the ordinal before it."""
    pairs: list[tuple[int, int, int]] = []
    ordinal = 0
    for match in _PAIR_PARTS.finditer(body):
        ordinal = int(match[1]) if match[1] else ordinal
        first = int(match[2])
        last = int(match[3]) if match[3] else first
        pairs.append((ordinal, min(first, last), max(first, last)))
    return pairs


def parse_evidence_line(line: str) -> EvidenceLine | None:
    """Read one line of the block; None when it is neither marked nor a quote.

    The quote runs from the first to the last quote sign of the line. A marker may stand behind it.
    """
    body = line[_BULLET.match(line).end() :].strip()  # type: ignore[union-attr]
    match = DOUBLE.match(body) or SINGLE.match(body) or PATH_MARKER.match(body)
    if match:
        rest = body[match.end() :].lstrip().removeprefix(":").lstrip()
    elif body[:1] in ('"', "“", "„", "«"):
        rest = body
        match = _last_match(body)
        if match:
            rest = (body[: match.start()] + body[match.end() :]).strip()
    else:
        return None
    quote, why = _quote_and_why(rest)
    if match is None or match.re is PATH_MARKER:
        return EvidenceLine(match[0] if match else "", None, None, quote, why)
    ordinal, first, last = parse_pairs(match[1])[0]
    return EvidenceLine(match[0], ordinal, first, quote, why, last)


def _last_match(body: str) -> re.Match[str] | None:
    closing = max(body.rfind(end) for _, end in _QUOTE_PAIRS)
    return DOUBLE.search(body, closing)


def _quote_and_why(rest: str) -> tuple[str, str]:
    for start, end in _QUOTE_PAIRS:
        first, last = rest.find(start), rest.rfind(end)
        before = rest[:first].strip(" -–—:")
        # Straight double quotes were asked for. Others may as well be apostrophes inside a sentence.
        if first != -1 and last > first and (start == '"' or not before):
            after = _WHY.sub("", rest[last + 1 :]).strip()
            return rest[first + 1 : last].strip(), " … ".join(part for part in (before, after) if part)
    # Unquoted words behind a marker are still words to look for; verification decides what they are.
    return rest.strip().lstrip("-–— ").strip('"“”'), ""
