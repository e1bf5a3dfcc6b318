"""What paths cost before the lines of a label: all that differs between pages of one content under two names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apps.library.ingestion.jobs import job
from apps.library.ingestion.source.labels import packed_label, page_label
from apps.llm.tokens import count_tokens

_AT_ONCE = 1_000


@job("tree.paths", counts_tokens=True)
def _count_paths(data: memoryview, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """{"tokens": [...]} for pieces of args["paths"], in their order.

    A label is the path, a colon and digits, which are words of their own whatever stands before them: so labels of
    the same lines differ by as many tokens whichever lines these are. Each is counted as of the first two lines.
    """
    paths = args["paths"]
    for start in range(0, len(paths), _AT_ONCE):
        yield {"tokens": [_tokens(path) for path in paths[start : start + _AT_ONCE]]}


def _tokens(path: str) -> int:
    return count_tokens(f"]] {packed_label(page_label(path, 1, 2))}")
