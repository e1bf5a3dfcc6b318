"""Texts cut into pages by what people would name: lines, headings, rows. Pure functions of the text."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apps.library.ingestion.readers.base import OutlineEntry
from apps.library.ingestion.source.cutting import MAX_CHARACTERS, MAX_LINES, cut, lines_of

ROWS = 100
"""Of a table on one page, unless they are longer than a page of code may be."""
_LONGEST_HEADING = 200
_MOST_OUTLINE = 5_000

# ATX headings, and lines underlined by = or -. Source: CommonMark 0.31, 4.2 and 4.3.
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]|\Z)")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_NO_PARAGRAPH = re.compile(r"\s*(?:[-+*>|]|\d+[.)]|#)\s*|\s*\Z")
_NUMBER = re.compile(r"[-+]?[\d.,' ]{1,40}%?")

csv.field_size_limit(sys.maxsize)


@dataclass(frozen=True, slots=True)
class Part:
    """A page to be. Its text is not stripped."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Heading:
    """line: 1-based."""

    level: int
    title: str
    line: int


def by_lines(text: str, headings: Sequence[Heading] = ()) -> list[Part]:
    """Slices as of code, called `lines 1–120`, behind the heading that stands above or else first within."""
    parts, passed = [], 0
    for part in cut(text):
        while passed < len(headings) and headings[passed].line <= part.first_line:
            passed += 1
        nearest = headings[max(0, passed - 1) : passed + 1][:1]
        title = nearest[0].title if nearest and nearest[0].line <= part.last_line else ""
        label = _span("line", part.first_line, part.last_line)
        parts.append(Part(f"{title} · {label}" if title else label, part.text))
    return parts


def markdown_headings(text: str) -> list[Heading]:
    """Outside of code fences and of the settings that may stand above all."""
    headings: list[Heading] = []
    lines = text.split("\n")
    fence, before, start = "", "", _behind_front_matter(lines)
    for number, line in enumerate(lines[start:], start + 1):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line.strip(" `~"):
                fence = ""
        elif mark:
            fence = mark[1]
        elif heading := _HEADING.match(line):
            _add(headings, len(heading[1]), _without_closing(line[heading.end() :].strip()), number)
        elif (under := _UNDERLINE.fullmatch(line)) and not _NO_PARAGRAPH.match(before):
            _add(headings, 1 if under[1][0] == "=" else 2, before, number - 1)
        before = "" if fence else line
    return headings


def outline_of(headings: Sequence[Heading], parts: Sequence[Part]) -> tuple[OutlineEntry, ...]:
    ends, line = [], 0
    for part in parts:
        line += part.text.count("\n")
        ends.append(line)
    entries, number = [], 1
    for heading in headings[:_MOST_OUTLINE]:
        while number < len(ends) and ends[number - 1] < heading.line:
            number += 1
        entries.append(OutlineEntry(heading.level, heading.title, number))
    return tuple(entries)


def table_rows(text: str) -> list[Part]:
    """Pages of a table of delimited values, whole rows each, called `rows 1–100`.

    Where the first row names the columns it is no row, and stands again, marked as repeated, above later pages.
    """
    lines = lines_of(text)
    delimiter = max(",;\t|", key=lambda sign: lines[0].count(sign)) if lines else ","
    rows = [row for row in _records(lines, delimiter) if row.strip()]
    cells = list(csv.reader(rows[:2], delimiter=delimiter)) if rows else []
    if not _names_columns(cells):
        return _row_parts(rows)
    parts = _row_parts(rows[1:], taken=len(rows[0]))
    repeated = f"[columns, repeated: {' '.join(rows[0].split())}]\n"
    if not parts:
        return [Part("columns", rows[0])]
    return [
        Part(part.label, (repeated if number else rows[0]) + part.text) for number, part in enumerate(parts)
    ]


def json_rows(text: str) -> list[Part]:
    """A record a line, called `rows 1–100`."""
    return _row_parts([line for line in lines_of(text) if line.strip()])


def _add(headings: list[Heading], level: int, title: str, line: int) -> None:
    if title := " ".join(title.split())[:_LONGEST_HEADING]:
        headings.append(Heading(level, title, line))


def _without_closing(title: str) -> str:
    """Number signs may stand behind a heading, too."""
    shorter = title.rstrip("#")
    return title if shorter and not shorter[-1].isspace() else shorter


def _behind_front_matter(lines: Sequence[str]) -> int:
    if lines[0].rstrip() != "---":
        return 0
    ends = (number for number, line in enumerate(lines[1:], 2) if line.rstrip() in ("---", "..."))
    return next(ends, 0)


def _records(lines: Sequence[str], delimiter: str) -> Iterator[str]:
    """Rows with the line breaks that their quoted cells hold; a row a line where quotes never close."""
    rows, start = [], 0
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        for _ in reader:
            if reader.line_num - start > MAX_LINES:
                return iter(lines)
            rows.append("".join(lines[start : reader.line_num]))
            start = reader.line_num
    except csv.Error:
        return iter(lines)
    return iter(rows)


def _names_columns(rows: Sequence[Sequence[str]]) -> bool:
    if not rows or len(rows[0]) < 2:
        return False
    names = [cell.strip() for cell in rows[0]]
    return len(set(names)) == len(names) and not any(not name or _NUMBER.fullmatch(name) for name in names)


def _row_parts(rows: Sequence[str], taken: int = 0) -> list[Part]:
    """taken: characters of the first page that are spoken for."""
    parts, first = [], 0
    while first < len(rows):
        end, characters = first, taken
        while end < min(first + ROWS, len(rows)):
            characters += len(rows[end])
            if end > first and characters > MAX_CHARACTERS:
                break
            end += 1
        parts.append(Part(_span("row", first + 1, end), "".join(rows[first:end])))
        first, taken = end, 0
    return parts


def _span(unit: str, first: int, last: int) -> str:
    return f"{unit} {first}" if first == last else f"{unit}s {first}–{last}"
