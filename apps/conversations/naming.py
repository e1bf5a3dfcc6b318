"""Documents and their pages as people call them: short where there is little room."""

from __future__ import annotations

import re
from pathlib import PurePath

LONGEST_SHORT_NAME = 18
LONGEST_SHORT_LABEL = 24
LONGEST_NUMBER = 12
"""Characters of a label that may be a page's number: `12`, `xxxviii`, `A-3`, `SMITH-000123`."""


_NO_NUMBER = re.compile(r"[ /]|[A-Za-z]\S*:")
_LINES_OF_FILE = re.compile(r"\S:[0-9]+(?:–[0-9]+)?\Z")


def short_name(name: str) -> str:
    """A document's name as a chip has room for it: without extension, cut at a word where there is one."""
    return _cut(PurePath(name).stem or name, LONGEST_SHORT_NAME)


def page_words(label: str, last_label: str = "") -> str:
    """A page as it is spoken of: “p. xii”, “p. 12–14”; a heading or a path stands for itself.

    label: as printed; last_label: of the last page of a range.
    """
    words = label if last_label in ("", label) else f"{label}–{last_label}"
    is_number = len(label) <= LONGEST_NUMBER and not _NO_NUMBER.search(label)
    return f"p.\u00a0{words}" if is_number else words


def short_page_words(label: str, last_label: str = "") -> str:
    """`page_words` as a chip has room for it; of a path, its file."""
    if not last_label and _LINES_OF_FILE.search(label):
        return label.rpartition("/")[2]
    return page_words(_cut(label, LONGEST_SHORT_LABEL), _cut(last_label, LONGEST_SHORT_LABEL))


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    cut = text[:longest]
    word = cut.rpartition(" ")[0]
    return f"{(word if len(word) > longest // 2 else cut).rstrip(' ,;:(–—-')}…"
