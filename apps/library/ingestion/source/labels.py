"""What a page of a file or a text is called, and how many tokens it takes behind that."""

from __future__ import annotations

from apps.common.markers import neutralise, packed_tail
from apps.llm.tokens import count_tokens


def page_label(path: str, first_line: int, last_line: int) -> str:
    """What a slice is called: `src/app.py:1–120`, of a single line `src/app.py:7`."""
    return f"{path}:{first_line}" if first_line == last_line else f"{path}:{first_line}–{last_line}"


def page_tokens(label: str, text: str) -> int:
    """Tokens of a page behind its marker and label, as prompts pack it; 0 for blanks, which are not sent."""
    if not text or text.isspace():
        return 0
    return count_tokens(packed_tail(text, label=packed_label(label)))


def packed_label(label: str) -> str:
    """A label as prompts write it: blanks are one, and nothing in it looks like a marker."""
    return neutralise(" ".join(label.split())).lstrip('"')
