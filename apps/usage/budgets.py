"""What may be spent: money is set aside before a question is asked and released when its answer has ended."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.utils import timezone

from apps.common.database import lock_row
from apps.common.http import Refused
from apps.common.templatetags.words import money
from apps.usage.ledger import as_amount, exact_sum, total_amount
from apps.usage.models import Budget, LedgerEntry, Reservation
from apps.workspaces.access import Actor
from apps.workspaces.audit import record
from apps.workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class BudgetState:
    """USD in this calendar month (UTC). limit and left: None when there is no limit.

    reserved: what answers still running may yet cost, beyond what they have already cost.
    """

    limit: Decimal | None
    spent: Decimal
    reserved: Decimal

    @property
    def left(self) -> Decimal | None:
        return None if self.limit is None else self.limit - self.spent - self.reserved

    @property
    def spent_percent(self) -> Decimal:
        return self._percent(self.spent)

    @property
    def used_percent(self) -> Decimal:
        """Spent and reserved together."""
        return self._percent(self.spent + self.reserved)

    def _percent(self, amount: Decimal) -> Decimal:
        if not self.limit:
            return Decimal(0)
        return round(min(max(100 * amount / self.limit, Decimal(0)), Decimal(100)), 2)


def budget_state(workspace: Workspace) -> BudgetState:
    """The workspace's month so far. Three queries."""
    spent = total_amount(
        LedgerEntry.objects.filter(workspace_id=workspace.pk, created_at__gte=month_start(timezone.now()))
    )
    return BudgetState(limit=monthly_limit(workspace), spent=spent, reserved=_reserved(workspace))


def monthly_limit(workspace: Workspace) -> Decimal | None:
    """The lower of the workspace's own budget and the installation's; 0 in either is no limit: None.

    The installation's is a ceiling, because anybody who makes a workspace may set its budget.
    """
    limits = [limit for limit in (own_limit(workspace), settings.MONTHLY_BUDGET_USD) if limit]
    return min(limits, default=None)


def own_limit(workspace: Workspace) -> Decimal | None:
    """The workspace's own budget, 0 for no limit; None when the installation's holds."""
    return Budget.objects.filter(workspace=workspace).values_list("monthly_limit", flat=True).first()


def month_start(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def check_budget(workspace: Workspace, amount: Decimal) -> None:
    """Raise Refused (409, `over_budget`) when the month does not hold `amount`. Sets nothing aside.

    Only `reserve` decides: others may spend between a look and a question. What has no price asks nothing, and
    where there is no limit nothing is added up: one query, with a limit four.
    """
    if amount <= 0 or monthly_limit(workspace) is None:
        return
    state = budget_state(workspace)
    if state.left is not None and amount > state.left:
        raise _over_budget(state, state.limit or Decimal(0), amount)


def reserve(workspace: Workspace, answer_id: uuid.UUID, amount: Decimal) -> Reservation:
    """Set aside `amount` for an answer. Raises Refused (409, `over_budget`) when the month does not hold it.

    amount: the most the answer may cost; 0 for what has no price, which is never refused. A reservation that is
    still open is returned as it is; one that was settled is opened anew. A short transaction of its own, under
    a lock on the workspace's row; called inside another one, the lock holds until that one ends.
    """
    with transaction.atomic():
        lock_row(Workspace, workspace.pk)
        held = Reservation.objects.filter(answer_id=answer_id).first()
        if held is not None and held.settled_at is None:
            return held
        check_budget(workspace, amount)
        if held is None:
            return Reservation.objects.create(workspace=workspace, answer_id=answer_id, amount=amount)
        # What the answer cost before is spent; only what it costs from now on draws on the new reservation.
        Reservation.objects.filter(pk=held.pk).update(
            amount=amount, created_at=timezone.now(), settled_at=None
        )
        held.refresh_from_db()
        return held


def extend(workspace: Workspace, answer_id: uuid.UUID, amount: Decimal) -> None:
    """Set aside `amount` more for an answer: what an attempt took that has to be made again.

    Raises Refused (409, `over_budget`) when the month does not hold it; nothing changes then. Does nothing for an
    answer that is settled. The same lock as in `reserve`.
    """
    if amount <= 0:
        return
    with transaction.atomic():
        lock_row(Workspace, workspace.pk)
        check_budget(workspace, amount)
        Reservation.objects.filter(answer_id=answer_id, settled_at=None).update(amount=F("amount") + amount)


def settle(answer_id: uuid.UUID) -> bool:
    """Release what is left of an answer's reservation; False when nothing was open. Idempotent.

    What the answer cost is in the ledger; append its entries first.
    """
    return bool(
        Reservation.objects.filter(answer_id=answer_id, settled_at=None).update(settled_at=timezone.now())
    )


def set_monthly_limit(actor: Actor, workspace: Workspace, limit: Decimal | None) -> None:
    """Give the workspace a budget of its own; 0 is no limit, None returns to the installation's."""
    if limit is None:
        Budget.objects.filter(workspace=workspace).delete()
    else:
        Budget.objects.update_or_create(workspace=workspace, defaults={"monthly_limit": limit})
    record(actor, "budget.set", workspace=workspace, monthly_limit=None if limit is None else str(limit))


def _reserved(workspace: Workspace) -> Decimal:
    spent_since = (
        LedgerEntry.objects.filter(answer_id=OuterRef("answer_id"), created_at__gte=OuterRef("created_at"))
        .order_by()
        .values("answer_id")
        .annotate(steps=exact_sum("amount"))
        .values("steps")
    )
    rows = Reservation.objects.filter(workspace=workspace, settled_at=None)
    return sum(
        (
            max(Decimal(0), amount - as_amount(steps))
            for amount, steps in rows.annotate(steps=Subquery(spent_since)).values_list("amount", "steps")
        ),
        Decimal(0),
    )


def _over_budget(state: BudgetState, limit: Decimal, asked: Decimal) -> Refused:
    left = max(Decimal(0), limit - state.spent - state.reserved)
    held = f", {money(state.reserved)} of it set aside for answers still running" if state.reserved else ""
    return Refused(
        "over_budget",
        f"This may cost {money(asked)}, and {money(left)} is left of this month's {money(limit)} "
        f"({money(state.spent + state.reserved)} used{held}). Ask less, ask a workspace admin for a larger "
        "budget, or wait for the first of the month (UTC).",
        status=409,
        details={
            "limit": f"{limit:f}",
            "spent": f"{state.spent:f}",
            "reserved": f"{state.reserved:f}",
            "asked": f"{asked:f}",
        },
    )
