"""Usage rows as CSV (RFC 4180), for people who open them in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from apps.usage.reports import GroupKey, UsageRow

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_FIGURES = ("answers", "entries", "input_tokens", "cached_tokens", "output_tokens", "cost_usd")


def guard_cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula: text that looks like one gets a leading quote sign.

    Numbers are ours and stay numbers, negative ones too.
    """
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, int):
        return str(value)
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def usage_csv(
    rows: Iterable[UsageRow],
    group_by: Sequence[GroupKey],
    names: Mapping[GroupKey, Mapping[Any, str]] | None = None,
) -> str:
    """A header line, then one line a row: the keys, then the figures; costs in USD, in full.

    names: what ids are called, by key; a key with names gets a column of them beside its ids.
    """
    names = names or {}
    out = io.StringIO()
    writer = csv.writer(out)
    header: list[str] = []
    for key in group_by:
        header += [f"{key}_id", key] if key in names else [key]
    writer.writerow([*header, *_FIGURES])
    for row in rows:
        cells: list[object] = []
        for key in group_by:
            value = row.keys[key]
            cells += [value, names[key].get(value, "")] if key in names else [value]
        cost = row.cost_usd if row.has_price else None
        figures = (row.answers, row.entries, row.input_tokens, row.cached_tokens, row.output_tokens, cost)
        writer.writerow([guard_cell(cell) for cell in (*cells, *figures)])
    return out.getvalue()
