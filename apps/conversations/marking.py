"""Where the quotes of an answer stand in a page's text, to be marked there. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from apps.common.folding import fold, fold_plain
from apps.conversations.verification import find_exact
from apps.conversations.words import split_words


def quoted_spans(text: str, quotes: Iterable[str]) -> tuple[tuple[int, int], ...]:
    """Places (start, end exclusive, code points) where quotes stand word for word; apart and ascending."""
    page = fold(text)
    found = sorted(
        place for quote in quotes for place in find_exact(fold_plain(quote), split_words(quote), page)
    )
    apart: list[tuple[int, int]] = []
    for start, end in found:
        if apart and start <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return tuple(apart)
