"""Database connections outside Django's request handling, and locks on rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar

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


def insert_rows(model: type[models.Model], rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows, each by the names of its columns; all have the same, and no defaults but the database's.

    For thousands of them: a third of the time of bulk_create, which builds an expression for every value.
    """
    rows = list(rows)
    if not rows:
        return
    fields = {field.attname: field for field in model._meta.concrete_fields}
    names = list(rows[0])
    # What a database takes as it is needs no preparation.
    prepared = {
        name: fields[name].get_db_prep_save
        for name in names
        if isinstance(fields[name], models.ForeignKey | models.UUIDField | models.JSONField)
    }
    values = [
        [prepared[name](row[name], connection) if name in prepared else row[name] for name in names]
        for row in rows
    ]
    quote = connection.ops.quote_name
    columns = ", ".join(map(quote, names))
    marks = ", ".join(["%s"] * len(names))
    with connection.cursor() as cursor:
        # Every name is one of the model's own.
        cursor.executemany(
            f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({marks})",  # noqa: S608
            values,
        )
