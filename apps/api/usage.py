"""What was spent: rows by day, person, workspace, model and endpoint, as JSON or CSV."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

from django.http import HttpResponse, QueryDict
from ninja import Field, Query, Router, Schema

from apps.api.auth import ApiRequest
from apps.api.paging import Paging, read_cursor, write_cursor
from apps.api.schemas import ListPage, UsageRowOut
from apps.common.amounts import amount_text
from apps.common.http import Refused
from apps.usage.csv_export import usage_csv
from apps.usage.forms import PeriodForm
from apps.usage.reports import GROUP_KEYS, GroupKey, UsageRow, usage_rows
from apps.usage.screen import names_of
from apps.workspaces.access import Right, workspace_for, workspaces_of
from apps.workspaces.audit import record

router = Router(tags=["Usage"])


class UsageQuery(Schema):
    from_: str = Field(
        "", alias="from", description="UTC day, inclusive; by default the first of this month."
    )
    to: str = Field("", description="UTC day, inclusive; by default today.")
    group_by: str = Field("", max_length=100, description="Comma-separated: " + ", ".join(GROUP_KEYS))
    workspace: str = Field("", max_length=60, description="Only this one; by default all you administer.")


@router.get("/usage", response=ListPage[UsageRowOut], exclude_unset=True, summary="What was spent")
def get_usage(request: ApiRequest, asked: Query[UsageQuery], paging: Query[Paging]) -> Any:
    """For administrators of workspaces; instance administrators see the whole installation.

    CSV of all rows with `Accept: text/csv`. `cost_usd` adds what has a price and is null where nothing has one.
    """
    workspaces = _workspaces(request, asked.workspace)
    first, last, keys = _period(asked)
    rows = usage_rows(workspaces, first, last, keys)
    if request.get_preferred_type(["application/json", "text/csv"]) == "text/csv":
        return _csv(request, rows, keys, first, last)
    return _page(rows, keys, paging)


def _workspaces(request: ApiRequest, workspace: str) -> list[uuid.UUID] | None:
    """The workspaces to add up; None for the whole installation."""
    if workspace:
        return [workspace_for(request.user, workspace, Right.ADMINISTER).pk]
    if request.user.is_staff:
        return None
    administered = workspaces_of(request.user, Right.ADMINISTER)
    if not administered:
        raise Refused("forbidden", "Usage is for administrators of a workspace.", status=403)
    return [each.pk for each in administered]


def _period(asked: UsageQuery) -> tuple[date, date, tuple[GroupKey, ...]]:
    data = QueryDict(mutable=True)
    data["grouped"] = "1"
    for name, value in (("from", asked.from_), ("to", asked.to)):
        if value:
            data[name] = value
    data.setlist("group_by", [key for word in asked.group_by.split(",") if (key := word.strip())])
    form = PeriodForm(data)
    if not form.is_valid():
        problems = [f"{name}: {' '.join(map(str, sentences))}" for name, sentences in form.errors.items()]
        raise Refused("bad_period", " ".join(problems), status=422)
    return *form.period, form.keys


def _page(rows: Sequence[UsageRow], keys: tuple[GroupKey, ...], paging: Paging) -> dict[str, Any]:
    name = "usage:" + ",".join(keys)
    ordered = sorted(rows, key=lambda row: _place(row, keys))
    if paging.cursor:
        after = read_cursor(name, paging.cursor, len(keys))
        ordered = [row for row in ordered if _place(row, keys) > after]
    shown = ordered[: paging.limit]
    following = write_cursor(name, _place(shown[-1], keys)) if len(ordered) > len(shown) else None
    return {"items": [_shape(row, keys) for row in shown], "next": following}


def _place(row: UsageRow, keys: tuple[GroupKey, ...]) -> list[str]:
    return [str(row.keys[key]) for key in keys]


def _shape(row: UsageRow, keys: tuple[GroupKey, ...]) -> dict[str, Any]:
    return {
        **{key: None if row.keys[key] is None else str(row.keys[key]) for key in keys},
        "answers": row.answers,
        "entries": row.entries,
        "input_tokens": row.input_tokens,
        "cached_tokens": row.cached_tokens,
        "output_tokens": row.output_tokens,
        "cost_usd": amount_text(row.cost_usd) if row.has_price else None,
    }


def _csv(
    request: ApiRequest, rows: Sequence[UsageRow], keys: tuple[GroupKey, ...], first: date, last: date
) -> HttpResponse:
    record(request.user, "usage.export", rows=len(rows))
    response = HttpResponse(
        usage_csv(rows, keys, names_of(rows, keys)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="usage-{first}-{last}.csv"'
    return response
