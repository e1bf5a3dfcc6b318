"""Where the quotes of an answer stand in a page's text, to be marked there. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from apps.conversations.verification import find_places


def quoted_spans(text: str, quotes: Iterable[str], *, is_code: bool = False) -> tuple[tuple[int, int], ...]:
    """Places (start, end exclusive, code points) where quotes stand word for word; apart and ascending."""
    found = sorted(place for quote in quotes for place in find_places(quote, text, is_code=is_code))
    apart: list[tuple[int, int]] = []
    for start, end in found:
        if apart and start <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return tuple(apart)
