"""Labels of pages that exist only in our layout: the heading they stand under, and which page of it they are."""

from __future__ import annotations

from collections.abc import Sequence

from apps.library.ingestion.readers.base import OutlineEntry

_LONGEST_HEADING = 80


def heading_labels(outline: Sequence[OutlineEntry], pages: int) -> tuple[str, ...]:
    """One label per page, by position: “Notice” for the page it begins on, then “Notice · 2”, “Notice · 3”.

    A page on which several headings begin is named after the first of them, the pages behind it after the last.
    Without a heading, before the first one, or under one without words, the position itself.
    """
    first: dict[int, str] = {}
    last: dict[int, str] = {}
    for entry in outline:
        if 1 <= entry.number <= pages:
            first.setdefault(entry.number, entry.title)
            last[entry.number] = entry.title
    labels = []
    heading, since = "", 0
    for number in range(1, pages + 1):
        if number in first:
            label = _short(first[number])
            heading, since = _short(last[number]), number
        else:
            label = f"{heading} · {number - since + 1}" if heading else ""
        labels.append(label or str(number))
    return tuple(labels)


def _short(heading: str) -> str:
    return heading if len(heading) <= _LONGEST_HEADING else f"{heading[: _LONGEST_HEADING - 1].rstrip()}…"
