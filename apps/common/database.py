"""Database connections outside Django's request handling."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

P = ParamSpec("P")
T = TypeVar("T")


def closing_connections(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that queries from a thread of a pool, as Django does for a request: no stale connection is
    used, and none is kept that may not be. Raises what the function raises."""
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()
