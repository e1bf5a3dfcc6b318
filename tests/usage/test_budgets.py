from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone
from pytest_django.fixtures import Settings

from apps.accounts.models import User
from apps.common.http import Refused
from apps.usage.budgets import budget_state, month_start, reserve, set_monthly_limit, settle
from apps.usage.models import Budget, LedgerEntry, Reservation
from apps.workspaces.models import AuditEntry, Workspace
from tests.usage.conftest import Booking


def limit_to(workspace: Workspace, amount: str) -> None:
    Budget.objects.update_or_create(workspace=workspace, defaults={"monthly_limit": Decimal(amount)})


def test_without_a_budget_nothing_is_refused(workspace: Workspace) -> None:
    assert reserve(workspace, uuid.uuid4(), Decimal(1000)).amount == 1000
    state = budget_state(workspace)
    assert (state.limit, state.left, state.reserved) == (None, None, Decimal(1000))


def test_the_installations_budget_is_a_ceiling_for_the_workspaces_own(
    workspace: Workspace, settings: Settings
) -> None:
    settings.MONTHLY_BUDGET_USD = Decimal(5)
    assert budget_state(workspace).limit == 5
    for own, holds in (("3", 3), ("7", 5), ("0", 5)):
        limit_to(workspace, own)
        assert budget_state(workspace).limit == holds
    settings.MONTHLY_BUDGET_USD = Decimal(0)
    assert budget_state(workspace).limit is None


def test_a_question_beyond_the_budget_is_refused_with_the_numbers(
    workspace: Workspace, book: Booking
) -> None:
    limit_to(workspace, "1")
    book(cost="0.25")
    reserve(workspace, uuid.uuid4(), Decimal("0.50"))
    with pytest.raises(Refused) as refused:
        reserve(workspace, uuid.uuid4(), Decimal("0.2500000001"))
    assert refused.value.status == 409
    assert refused.value.code == "over_budget"
    assert {key: Decimal(value) for key, value in refused.value.details.items()} == {
        "limit": Decimal(1),
        "spent": Decimal("0.25"),
        "reserved": Decimal("0.50"),
        "asked": Decimal("0.2500000001"),
    }
    assert "$0.25" in refused.value.sentence
    assert reserve(workspace, uuid.uuid4(), Decimal("0.25"))


def test_what_has_no_price_is_never_refused(workspace: Workspace, book: Booking) -> None:
    limit_to(workspace, "1")
    book(cost="3")
    assert reserve(workspace, uuid.uuid4(), Decimal(0))


def test_settling_releases_what_was_not_spent_once(workspace: Workspace, book: Booking) -> None:
    limit_to(workspace, "1")
    answer_id = uuid.uuid4()
    reserve(workspace, answer_id, Decimal("0.90"))
    book(cost="0.10", answer_id=answer_id)
    assert settle(answer_id) is True
    assert settle(answer_id) is False
    state = budget_state(workspace)
    assert (state.spent, state.reserved, state.left) == (Decimal("0.10"), Decimal(0), Decimal("0.90"))


def test_what_a_running_answer_has_spent_is_not_counted_twice(workspace: Workspace, book: Booking) -> None:
    limit_to(workspace, "1")
    answer_id = uuid.uuid4()
    reserve(workspace, answer_id, Decimal("0.90"))
    book(cost="0.30", answer_id=answer_id)
    state = budget_state(workspace)
    assert (state.spent, state.reserved, state.left) == (Decimal("0.30"), Decimal("0.60"), Decimal("0.10"))


def test_an_answer_that_cost_more_than_reserved_reserves_nothing_more(
    workspace: Workspace, book: Booking
) -> None:
    limit_to(workspace, "1")
    answer_id = uuid.uuid4()
    reserve(workspace, answer_id, Decimal("0.10"))
    book(cost="0.40", answer_id=answer_id)
    state = budget_state(workspace)
    assert (state.reserved, state.left) == (Decimal(0), Decimal("0.60"))


def test_reserving_twice_for_one_answer_holds_its_money_once(workspace: Workspace) -> None:
    answer_id = uuid.uuid4()
    first = reserve(workspace, answer_id, Decimal("0.40"))
    assert reserve(workspace, answer_id, Decimal("0.40")).pk == first.pk
    assert budget_state(workspace).reserved == Decimal("0.40")


def test_a_settled_reservation_opens_anew_against_the_budget(workspace: Workspace, book: Booking) -> None:
    limit_to(workspace, "1")
    answer_id = uuid.uuid4()
    reserve(workspace, answer_id, Decimal("0.40"))
    book(cost="0.30", answer_id=answer_id)
    settle(answer_id)
    with pytest.raises(Refused):
        reserve(workspace, answer_id, Decimal("0.80"))
    assert reserve(workspace, answer_id, Decimal("0.70")).settled_at is None
    assert budget_state(workspace).reserved == Decimal("0.70")
    assert Reservation.objects.count() == 1


def test_last_month_is_not_counted(workspace: Workspace, book: Booking) -> None:
    entry = book(cost="3")
    QuerySet(LedgerEntry).filter(pk=entry.pk).update(
        created_at=month_start(timezone.now()) - timedelta(seconds=1)
    )
    assert budget_state(workspace).spent == 0


def test_another_workspace_is_not_counted(workspace: Workspace, book: Booking) -> None:
    book(cost="3", workspace_id=uuid.uuid4())
    reserve(Workspace.objects.create(name="Other", slug="other"), uuid.uuid4(), Decimal(2))
    state = budget_state(workspace)
    assert (state.spent, state.reserved) == (0, 0)


def test_months_begin_in_utc() -> None:
    eastern = datetime.fromisoformat("2026-12-01T00:30:00+02:00")
    assert month_start(eastern) == datetime(2026, 11, 1, tzinfo=UTC)


def test_setting_a_budget_is_on_record(workspace: Workspace, alice: User) -> None:
    set_monthly_limit(alice, workspace, Decimal("12.50"))
    assert budget_state(workspace).limit == Decimal("12.50")
    entry = AuditEntry.objects.get(action="budget.set")
    assert (entry.actor_id, entry.details) == (alice.pk, {"monthly_limit": "12.50"})
    set_monthly_limit(alice, workspace, None)
    assert not Budget.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_against_a_budget_for_one_let_exactly_one_through(workspace: Workspace) -> None:
    limit_to(workspace, "1")
    together = threading.Barrier(20)
    outcomes: list[str] = []

    def ask() -> None:
        try:
            together.wait(timeout=30)
            reserve(workspace, uuid.uuid4(), Decimal("0.60"))
            outcomes.append("reserved")
        except Refused as refused:
            outcomes.append(refused.code)
        except Exception as error:
            outcomes.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(outcomes) == ["over_budget"] * 19 + ["reserved"]
    assert Reservation.objects.count() == 1
