"""Printed page numbers from a PDF's label rules. Source: ISO 32000-1, 12.4.2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apps.library.ingestion.clean_text import one_line
from apps.library.ingestion.readers.base import MAX_LABEL

_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
    (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
# Beyond these, rules are nonsense and their labels would be as long as the number is large.
_LARGEST_ROMAN = 9_999
_LARGEST_LETTER = 26 * 10


def page_labels(rules: Sequence[Mapping[str, Any]], pages: int) -> tuple[str, ...]:
    """One label per page, by position; the position itself where no rule gives a label.

    rules: of Document.get_page_labels(), each with startpage (0-based), prefix, style, firstpagenum.
    """
    ordered = sorted(rules, key=lambda rule: int(rule.get("startpage", 0)))
    labels: list[str] = []
    index = -1
    for position in range(pages):
        while index + 1 < len(ordered) and int(ordered[index + 1].get("startpage", 0)) <= position:
            index += 1
        label = ""
        if index >= 0:
            rule = ordered[index]
            number = int(rule.get("firstpagenum", 1) or 1) + position - int(rule.get("startpage", 0))
            label = one_line(
                f"{rule.get('prefix') or ''}{_numeral(number, rule.get('style') or '')}", MAX_LABEL
            )
        labels.append(label or str(position + 1))
    return tuple(labels)


def _numeral(number: int, style: str) -> str:
    match style:
        case "D":
            return str(number)
        case "r" | "R" if 0 < number <= _LARGEST_ROMAN:
            numeral = ""
            for value, letters in _ROMAN:
                count, number = divmod(number, value)
                numeral += letters * count
            return numeral if style == "r" else numeral.upper()
        case "a" | "A" if 0 < number <= _LARGEST_LETTER:
            repeats, letter = divmod(number - 1, 26)
            return chr(ord(style) + letter) * (repeats + 1)
        case "r" | "R" | "a" | "A":
            return str(number)
    return ""
