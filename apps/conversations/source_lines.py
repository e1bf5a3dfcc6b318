"""Lines of the files that an answer was given: `[[src/app.py:42]]` to the page that holds them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from apps.conversations.marker_grammar import PageOfLine, SentPages
from apps.library.models import Document, Page

_LINES = r"(?P<first>[0-9]{1,9})(?:[–-](?P<last>[0-9]{1,9}))?"
_LABEL = re.compile(rf"(?P<path>.+):{_LINES}", re.DOTALL)
_TEXT_LABEL = re.compile(rf"(?:.+ · )?lines? {_LINES}", re.DOTALL)

# Files of words, whose quotes are compared as those of any document; everything else is compared sign by sign.
_PROSE = frozenset((".md", ".markdown", ".rst", ".adoc", ".org", ".txt", ".text", ".tex", ".po"))
_PROSE_NAMES = frozenset(
    ("README", "LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS", "CHANGELOG", "NEWS")
)

_Slice = tuple[int, int, int, int]
"""(first line, last line, ordinal, page number)"""


class SourceLines:
    """Finds pages by path and line; call it as `PageOfLine`.

    A path that two documents of the prompt have names neither: the model did not say which one it means. One that a
    model cut at its beginning (`app.py` for `src/app.py`) names the only file that was sent and ends so, if there is one.
    """

    def __init__(self, pages: Iterable[tuple[int, int, str]]) -> None:
        """pages: (ordinal, number, label) of slices as they were sent, labelled `src/app.py:1–120`."""
        self._slices: dict[str, list[_Slice]] = {}
        for ordinal, number, label in pages:
            if match := _LABEL.fullmatch(label):
                place = (int(match["first"]), int(match["last"] or match["first"]), ordinal, number)
                self._slices.setdefault(match["path"], []).append(place)
        for slices in self._slices.values():
            slices.sort()

    def __call__(self, path: str, first: int, last: int) -> tuple[int, int, int] | None:
        """(ordinal, first page, last page) of these lines, 1-based; None when they were not sent."""
        path = path.strip().removeprefix("./").removeprefix("/")
        slices = self._slices.get(path) or self._slices.get(self._whole(path), [])
        if len({ordinal for _, _, ordinal, _ in slices}) != 1:
            return None
        begins, ends = _holding(slices, min(first, last)), _holding(slices, max(first, last))
        return (begins[2], begins[3], ends[3]) if begins and ends else None

    def _whole(self, path: str) -> str:
        """The only path that ends so; empty where none does, or several do."""
        found = [one for one in self._by_name.get(path.rpartition("/")[2], ()) if one.endswith(f"/{path}")]
        return found[0] if len(found) == 1 else ""

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for path in self._slices:
            names.setdefault(path.rpartition("/")[2], []).append(path)
        return names


def _holding(slices: list[_Slice], line: int) -> _Slice | None:
    at = bisect_right(slices, line, key=lambda one: one[0]) - 1
    return slices[at] if at >= 0 and line <= slices[at][1] else None


def source_lines(manifest: list[dict[str, Any]]) -> PageOfLine | None:
    """The lines of a manifest's repositories; None, and no query, without any. One query a repository."""
    entries = [entry for entry in manifest if entry["kind"] == Document.Kind.REPOSITORY]
    if not entries:
        return None
    return SourceLines(
        (entry["ordinal"], number, label) for entry in entries for number, label in _labels(entry)
    )


def path_of(label: str) -> str:
    """The file that a slice is of, by its label; empty for a page that is no slice."""
    match = _LABEL.fullmatch(label)
    return match["path"] if match else ""


def first_line(label: str) -> int:
    """The first line of a slice of a file or of a text by its label, 1-based; 1 for a page that is no slice."""
    match = _LABEL.fullmatch(label) or _TEXT_LABEL.fullmatch(label)
    return int(match["first"]) if match else 1


def cited_label(label: str, lines: Sequence[int] | None, *, last: int | None = None) -> str:
    """The label narrowed down to the quoted lines: `src/app.py:42–45`; as it is where nobody knows them.

    lines: first and last. last: where the quote goes on to on the next page.
    """
    match = _LABEL.fullmatch(label)
    if match is None or not lines:
        return label
    first, end = lines[0], last or lines[1]
    return f"{match['path']}:{first}" if first == end else f"{match['path']}:{first}–{end}"


def joined_label(label: str, last_label: str) -> str:
    """Of several slices of a file as one: `src/app.py:1–240`; empty where they are not of one file."""
    match, last = _LABEL.fullmatch(label), _LABEL.fullmatch(last_label)
    if match is None or last is None or match["path"] != last["path"]:
        return ""
    return f"{match['path']}:{match['first']}–{last['last'] or last['first']}"


def is_code(label: str) -> bool:
    """Whether a slice is of a file in which every sign counts; not so of documentation, and of no slice at all."""
    path = PurePosixPath(path_of(label))
    return bool(path.name) and path.suffix.lower() not in _PROSE and path.stem.upper() not in _PROSE_NAMES


def _labels(entry: dict[str, Any]) -> Iterable[tuple[int, str]]:
    ordinal = entry["ordinal"]
    sent = SentPages((ordinal, first, last) for first, last in entry["ranges"])
    rows = Page.objects.filter(revision_id=entry["revision_id"]).values_list("number", "label")
    return ((number, label) for number, label in rows.iterator(chunk_size=5000) if (ordinal, number) in sent)
