"""What the usage screen and its CSV show, put together from the reports."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from apps.accounts.models import User
from apps.llm.names import family_name
from apps.usage import reports
from apps.usage.chart import Chart, usage_chart
from apps.usage.forms import LABELS
from apps.usage.links import conversation_links
from apps.usage.reports import AnswerCost, GroupKey, UsageRow
from apps.workspaces.models import Workspace

MOST_ROWS = 500  # a page people read; the CSV has all of them

Names = dict[GroupKey, dict[Any, str]]


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row of the table: what its keys are called, then its figures."""

    labels: tuple[str, ...]
    figures: UsageRow


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """One of the dearest questions; url is empty where the reader may not open it."""

    cost: AnswerCost
    person: str
    workspace: str
    model: str
    url: str


@dataclass(frozen=True, slots=True)
class Preset:
    """A period often wanted, as the query of its link."""

    label: str
    query: str
    is_chosen: bool


def shown_rows(rows: Sequence[UsageRow], keys: Sequence[GroupKey]) -> list[ShownRow]:
    """The first MOST_ROWS rows with names for ids. At most two queries."""
    names = names_of(rows, keys)
    return [
        ShownRow(tuple(_label(key, row.keys[key], names) for key in keys), row) for row in rows[:MOST_ROWS]
    ]


def names_of(rows: Iterable[UsageRow], keys: Sequence[GroupKey]) -> Names:
    """What the ids in rows are called now; those who left are called so. At most two queries."""
    names: Names = {}
    if "user" in keys:
        names["user"] = _people({row.keys["user"] for row in rows})
    if "workspace" in keys:
        names["workspace"] = _workspaces({row.keys["workspace"] for row in rows})
    return names


def chart_of(
    workspaces: list[uuid.UUID] | None, from_date: date, to_date: date, keys: Sequence[GroupKey]
) -> Chart | None:
    """Bars by day, stacked by the first thing grouped by, else by model. At most three queries."""
    series_key: GroupKey = next((key for key in keys if key != "day"), "model")
    rows = reports.usage_rows(workspaces, from_date, to_date, ["day", series_key])
    names = names_of(rows, [series_key])
    labels = {row.keys[series_key]: _label(series_key, row.keys[series_key], names) for row in rows}
    return usage_chart(rows, series_key, labels, from_date, to_date)


def dearest(
    user: User, workspaces: list[uuid.UUID] | None, from_date: date, to_date: date
) -> list[ShownAnswer]:
    """The dearest questions, each with a link where this reader may open it."""
    answers = reports.dearest_answers(workspaces, from_date, to_date)
    links = conversation_links(user, {each.conversation_id for each in answers if each.conversation_id})
    people = _people({each.user_id for each in answers})
    names = _workspaces({each.workspace_id for each in answers})
    return [
        ShownAnswer(
            cost=each,
            person=people.get(each.user_id, ""),
            workspace=names.get(each.workspace_id, ""),
            model=family_name(each.family),
            url=links.get(each.conversation_id, "") if each.conversation_id else "",
        )
        for each in answers
    ]


def presets(chosen: tuple[date, date], keys: Sequence[GroupKey]) -> list[Preset]:
    """This month, the last one, and the last 30 and 90 days, with the grouping kept."""
    today = timezone.now().date()
    month = today.replace(day=1)
    before = (month - timedelta(days=1)).replace(day=1)
    periods = {
        "This month": (month, today),
        "Last month": (before, month - timedelta(days=1)),
        "30 days": (today - timedelta(days=29), today),
        "90 days": (today - timedelta(days=89), today),
    }
    grouping = "&grouped=1" + "".join(f"&group_by={key}" for key in keys)
    return [
        Preset(label, f"?from={first}&to={last}{grouping}", (first, last) == chosen)
        for label, (first, last) in periods.items()
    ]


def _label(key: GroupKey, value: Any, names: Mapping[GroupKey, Mapping[Any, str]]) -> str:
    if key in names:
        return names[key].get(value, "–")
    if key == "model":
        return family_name(value)
    return f"{value:%-d %b %Y}" if key == "day" else str(value)


def _people(ids: set[uuid.UUID | None]) -> dict[Any, str]:
    found = {user.pk: str(user) for user in User.objects.filter(pk__in=[each for each in ids if each])}
    return {each: found.get(each, "somebody removed") if each else "–" for each in ids}


def _workspaces(ids: set[uuid.UUID]) -> dict[Any, str]:
    found = dict(Workspace.objects.filter(pk__in=ids).values_list("pk", "name"))
    return {each: found.get(each, "a removed workspace") for each in ids}


def column_labels(keys: Sequence[GroupKey]) -> list[str]:
    return [LABELS[key] for key in keys]
