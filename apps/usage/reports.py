"""What was spent, added up: rows by day, person, workspace, model and endpoint. Reads only."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal

from django.db.models import Count, Max, Min, Q, Sum
from django.db.models.functions import TruncDate
from django.db.models.query import QuerySet
from django.utils import timezone

from apps.usage.ledger import as_amount, exact_sum
from apps.usage.models import LedgerEntry, Reservation

GroupKey = Literal["day", "user", "workspace", "model", "endpoint"]
GROUP_KEYS: tuple[GroupKey, ...] = ("day", "user", "workspace", "model", "endpoint")

_COLUMNS: dict[GroupKey, str] = {
    "day": "day",
    "user": "user_id",
    "workspace": "workspace_id",
    "model": "family",
    "endpoint": "endpoint_id",
}


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One group. keys: its value for each key grouped by: a date, a UUID or None, a word.

    answers: those answered, each once, however many passes and attempts it took. entries: of the ledger,
    corrections too. cost_usd adds what has a price; unpriced_entries says how many had none.
    """

    keys: dict[GroupKey, Any] = field(hash=False)
    answers: int
    entries: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_usd: Decimal
    unpriced_entries: int
    estimated_entries: int

    @property
    def has_price(self) -> bool:
        return self.entries == 0 or self.unpriced_entries < self.entries


@dataclass(frozen=True, slots=True)
class AnswerCost:
    """What one answer cost within the period."""

    answer_id: uuid.UUID
    conversation_id: uuid.UUID | None
    workspace_id: uuid.UUID
    user_id: uuid.UUID | None
    family: str
    at: datetime
    input_tokens: int
    cost_usd: Decimal


def usage_rows(
    workspaces: Iterable[uuid.UUID] | None,
    from_date: date,
    to_date: date,
    group_by: Collection[GroupKey] = (),
) -> list[UsageRow]:
    """The ledger added up, ordered by the keys. One query.

    workspaces: ids, or None for all of the installation: ask the door first. from_date, to_date: UTC, both
    inclusive. group_by: any combination; none gives one row, or no row when nothing was booked.
    """
    keys = [key for key in GROUP_KEYS if key in group_by]
    entries = _entries(workspaces, from_date, to_date)
    if not keys:
        totals = entries.aggregate(**_SUMS)
        return [_row({}, totals)] if totals["entries"] else []
    if "day" in keys:
        entries = entries.annotate(day=TruncDate("created_at", tzinfo=UTC))
    columns = [_COLUMNS[key] for key in keys]
    groups = entries.values(*columns).annotate(**_SUMS).order_by(*columns)
    return [_row({key: group[_COLUMNS[key]] for key in keys}, group) for group in groups]


def total_row(workspaces: Iterable[uuid.UUID] | None, from_date: date, to_date: date) -> UsageRow:
    """Everything of the period in one row, zeros when there is nothing. One query."""
    rows = usage_rows(workspaces, from_date, to_date)
    return rows[0] if rows else UsageRow({}, 0, 0, 0, 0, 0, Decimal(0), 0, 0)


def dearest_answers(
    workspaces: Iterable[uuid.UUID] | None, from_date: date, to_date: date, *, limit: int = 10
) -> list[AnswerCost]:
    """The answers that cost most in the period, dearest first; free ones are left out. One query."""
    groups = (
        _entries(workspaces, from_date, to_date)
        .exclude(answer_id=None)
        .values("answer_id", "conversation_id", "workspace_id", "user_id")
        .annotate(
            steps=exact_sum("amount"), model=Max("family"), at=Min("created_at"), sent=Sum("input_tokens")
        )
        .filter(steps__gt=0)
        .order_by("-steps", "at")[:limit]
    )
    return [
        AnswerCost(
            answer_id=group["answer_id"],
            conversation_id=group["conversation_id"],
            workspace_id=group["workspace_id"],
            user_id=group["user_id"],
            family=group["model"],
            at=group["at"],
            input_tokens=group["sent"],
            cost_usd=as_amount(group["steps"]),
        )
        for group in groups
        if group["answer_id"] is not None
    ]


def complete_until(workspaces: Iterable[uuid.UUID] | None) -> tuple[datetime, int]:
    """The moment up to which the books are complete, and how many answers are still running. One query.

    An answer books its attempts while it runs, so nothing that began before the oldest open reservation is
    missing; with none open that moment is now.
    """
    running = Reservation.objects.filter(settled_at=None)
    if workspaces is not None:
        running = running.filter(workspace__in=list(workspaces))
    state = running.aggregate(oldest=Min("created_at"), count=Count("id"))
    return state["oldest"] or timezone.now(), state["count"]


def _entries(workspaces: Iterable[uuid.UUID] | None, from_date: date, to_date: date) -> QuerySet[LedgerEntry]:
    entries = LedgerEntry.objects.filter(
        created_at__gte=datetime.combine(from_date, time.min, UTC),
        created_at__lte=datetime.combine(to_date, time.max, UTC),
    ).order_by()
    return entries if workspaces is None else entries.filter(workspace_id__in=list(workspaces))


_SUMS: dict[str, Any] = {
    "answers": Count("answer_id", distinct=True),
    "entries": Count("id"),
    "sent": Sum("input_tokens"),
    "kept": Sum("cached_tokens"),
    "written": Sum("output_tokens"),
    "steps": exact_sum("amount"),
    "unpriced": Count("id", filter=Q(amount=None)),
    "estimated": Count("id", filter=Q(is_estimated=True)),
}


def _row(keys: dict[GroupKey, Any], sums: dict[str, Any]) -> UsageRow:
    return UsageRow(
        keys=keys,
        answers=sums["answers"],
        entries=sums["entries"],
        input_tokens=int(sums["sent"] or 0),
        cached_tokens=int(sums["kept"] or 0),
        output_tokens=int(sums["written"] or 0),
        cost_usd=as_amount(sums["steps"]),
        unpriced_entries=sums["unpriced"],
        estimated_entries=sums["estimated"],
    )
