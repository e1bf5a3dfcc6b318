"""What paths cost before the lines of a label: all that differs between pages of one content under two names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apps.library.ingestion.jobs import job
from apps.llm.tokens import count_tokens

_AT_ONCE = 1_000


@job("tree.paths", counts_tokens=True)
def _count_paths(data: memoryview, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """{"tokens": [...]} for pieces of args["paths"], in their order.

    A label is the path, a colon and digits, which are words of their own whatever stands before them: so the tokens
    of a packed page are those up to the colon and those behind it.
    """
    paths = args["paths"]
    for start in range(0, len(paths), _AT_ONCE):
        yield {"tokens": [count_tokens(f"]] {path}:") for path in paths[start : start + _AT_ONCE]]}
