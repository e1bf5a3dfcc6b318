"""Lists, page by page: `?limit&cursor` in, {items, next} out.

A cursor holds the sort keys of the last row shown, so that rows which come or go meanwhile neither repeat nor
hide others. It is signed: what comes back is what was given out, for the same list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.core import signing
from django.db.models import Model, Q, QuerySet
from ninja import Field, Schema

from apps.common.http import Refused

MOST_ROWS = 200

Row = TypeVar("Row", bound=Model)


class Paging(Schema):
    limit: int = Field(50, ge=1, le=MOST_ROWS, description="Rows at most, 1 to 200.")
    cursor: str = Field("", max_length=2_000, description="`next` of the page before.")


def page_of(
    rows: QuerySet[Row], order: Sequence[str], paging: Paging, shape: Callable[[Row], Any], *, name: str
) -> dict[str, Any]:
    """One page of a query. Raises Refused (422, `bad_cursor`). One query.

    order: fields, descending with a leading minus, the last one unique. name: of the list, for its cursors.
    """
    fields = [field.lstrip("-") for field in order]
    if paging.cursor:
        rows = rows.filter(_after(order, read_cursor(name, paging.cursor, len(order))))
    found = list(rows.order_by(*order)[: paging.limit + 1])
    shown = found[: paging.limit]
    following = None
    if len(found) > len(shown):
        following = write_cursor(name, [_plain(shown[-1], field) for field in fields])
    return {"items": [shape(row) for row in shown], "next": following}


def write_cursor(name: str, keys: list[Any]) -> str:
    return signing.dumps(keys, salt=f"cursor:{name}")


def read_cursor(name: str, cursor: str, length: int) -> list[Any]:
    try:
        keys = signing.loads(cursor, salt=f"cursor:{name}")
    except signing.BadSignature as error:
        raise Refused(
            "bad_cursor", "`cursor` is the `next` of this list's page before.", status=422
        ) from error
    if len(keys) != length:
        raise Refused("bad_cursor", "`cursor` belongs to the list with other parameters.", status=422)
    return list(keys)


def _after(order: Sequence[str], keys: list[Any]) -> Q:
    """(a, b) after (x, y): a > x, or a = x and b > y; descending fields turned round."""
    beyond, same = Q(pk__in=[]), Q()
    for field, key in zip(order, keys, strict=True):
        plain = field.lstrip("-")
        beyond |= same & Q(**{f"{plain}__{'lt' if field.startswith('-') else 'gt'}": key})
        same &= Q(**{plain: key})
    return beyond


def _plain(row: Model, field: str) -> Any:
    value = getattr(row, field)
    return (
        value
        if isinstance(value, int | str)
        else value.isoformat()
        if hasattr(value, "isoformat")
        else str(value)
    )
