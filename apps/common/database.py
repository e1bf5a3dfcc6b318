"""Database connections outside Django's request handling, and locks on rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections, connection, models

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


def is_transient(error: Exception) -> bool:
    """Whether a database may accept later what it refused now: locked, restarting, out of connections or room."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    # Class 54 of SQLSTATE says that what was sent is past a limit of the server: it stays so.
    return not str(getattr(error.__cause__, "sqlstate", None) or "").startswith("54")


def lock_row(model: type[models.Model], pk: object) -> None:
    """Hold a row until the transaction ends; rows that only point to it can be written meanwhile. One query.

    SQLite has no row locks and needs none: its transactions here are IMMEDIATE and run one after the other.
    """
    if connection.features.has_select_for_update:
        model._default_manager.select_for_update(no_key=True).values_list("pk").get(pk=pk)
