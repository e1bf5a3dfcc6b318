from __future__ import annotations

import csv
import io
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from django.db.models import QuerySet, Sum
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from apps.accounts.models import User
from apps.usage.budgets import reserve, settle
from apps.usage.csv_export import guard_cell, usage_csv
from apps.usage.ledger import append_correction
from apps.usage.models import LedgerEntry
from apps.usage.reports import GROUP_KEYS, complete_until, dearest_answers, total_row, usage_rows
from apps.workspaces.models import Workspace
from tests.usage.conftest import Booking, a_usage

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)
EVERY_GROUPING = [keys for size in range(6) for keys in combinations(GROUP_KEYS, size)]


def book_at(book: Booking, moment: str, **fields: Any) -> LedgerEntry:
    entry = book(**fields)
    QuerySet(LedgerEntry).filter(pk=entry.pk).update(
        created_at=datetime.fromisoformat(moment).replace(tzinfo=UTC)
    )
    return entry


@pytest.fixture
def busy_month(book: Booking, alice: User, bob: User) -> None:
    answer_id = uuid.uuid4()
    book_at(book, "2026-11-01T00:00:00", user_id=alice.pk, cost="0.0000000001")
    book_at(book, "2026-11-03T10:00:00", user_id=alice.pk, answer_id=answer_id, input_tokens=400_000)
    book_at(book, "2026-11-03T10:01:00", user_id=alice.pk, answer_id=answer_id, family="maverick", attempt=2)
    book_at(book, "2026-11-03T11:00:00", user_id=bob.pk, price=None, endpoint_id="vllm-scout")
    book_at(book, "2026-11-30T23:59:59.999999", user_id=bob.pk, cost="1.23", cached_tokens=300)


@pytest.mark.parametrize("keys", EVERY_GROUPING, ids=lambda keys: "+".join(keys) or "nothing")
def test_totals_equal_the_ledger_however_grouped(busy_month: None, workspace: Workspace, keys: Any) -> None:
    rows = usage_rows([workspace.pk], FIRST, LAST, keys)
    ledger = LedgerEntry.objects.aggregate(Sum("input_tokens"), Sum("cached_tokens"), Sum("output_tokens"))
    amounts = [entry.amount for entry in LedgerEntry.objects.all() if entry.amount is not None]
    assert sum(row.input_tokens for row in rows) == ledger["input_tokens__sum"]
    assert sum(row.cached_tokens for row in rows) == ledger["cached_tokens__sum"]
    assert sum(row.output_tokens for row in rows) == ledger["output_tokens__sum"]
    assert sum(row.entries for row in rows) == 5
    assert sum(row.unpriced_entries for row in rows) == 1
    assert sum((row.cost_usd for row in rows), Decimal(0)) == sum(amounts)
    assert all(set(row.keys) == set(keys) for row in rows)


def test_rows_carry_their_keys_in_order(busy_month: None, workspace: Workspace) -> None:
    rows = usage_rows([workspace.pk], FIRST, LAST, ["model", "day"])
    assert [(row.keys["day"], row.keys["model"], row.entries) for row in rows] == [
        (date(2026, 11, 1), "scout", 1),
        (date(2026, 11, 3), "maverick", 1),
        (date(2026, 11, 3), "scout", 2),
        (date(2026, 11, 30), "scout", 1),
    ]


def test_an_answer_of_several_calls_counts_once(busy_month: None, workspace: Workspace) -> None:
    assert total_row([workspace.pk], FIRST, LAST).answers == 4


def test_a_group_without_any_price_says_so(busy_month: None, workspace: Workspace) -> None:
    rows = {row.keys["endpoint"]: row for row in usage_rows([workspace.pk], FIRST, LAST, ["endpoint"])}
    assert rows["vllm-scout"].has_price is False
    assert rows["deepinfra-scout"].has_price is True


@pytest.mark.parametrize(
    ("first", "last", "entries"),
    [
        (date(2026, 11, 1), date(2026, 11, 1), 1),
        (date(2026, 11, 2), date(2026, 11, 29), 3),
        (date(2026, 11, 30), date(2026, 11, 30), 1),
        (date(2026, 12, 1), date(9999, 12, 31), 0),
        (date(1, 1, 1), date(9999, 12, 31), 5),
    ],
)
def test_both_days_are_inclusive(
    busy_month: None, workspace: Workspace, first: date, last: date, entries: int
) -> None:
    assert total_row([workspace.pk], first, last).entries == entries


def test_other_workspaces_are_left_out_unless_all_are_asked_for(
    busy_month: None, workspace: Workspace, book: Booking
) -> None:
    book_at(book, "2026-11-05T00:00:00", workspace_id=uuid.uuid4())
    assert total_row([workspace.pk], FIRST, LAST).entries == 5
    assert total_row(None, FIRST, LAST).entries == 6
    assert total_row([], FIRST, LAST).entries == 0


def test_a_correction_is_part_of_the_totals(book: Booking, workspace: Workspace) -> None:
    today = timezone.now().date()
    entry = book(input_tokens=1000, output_tokens=100)
    append_correction(entry, a_usage(500, 0, 100))
    total = total_row([workspace.pk], today - timedelta(days=1), today)
    assert (total.answers, total.entries, total.input_tokens) == (1, 2, 500)
    assert total.cost_usd == Decimal("0.00008")


def test_nothing_booked_is_no_row_and_a_total_of_zeros(workspace: Workspace) -> None:
    assert usage_rows([workspace.pk], FIRST, LAST) == []
    assert usage_rows([workspace.pk], FIRST, LAST, ["day"]) == []
    assert total_row([workspace.pk], FIRST, LAST).cost_usd == 0


def test_a_report_is_one_query_however_long(
    busy_month: None, workspace: Workspace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        usage_rows([workspace.pk], FIRST, LAST, GROUP_KEYS)


def test_dearest_answers_come_first_and_free_ones_not_at_all(busy_month: None, workspace: Workspace) -> None:
    costs = [each.cost_usd for each in dearest_answers([workspace.pk], FIRST, LAST, limit=2)]
    assert costs == [Decimal("1.23"), Decimal("0.04016")]
    assert len(dearest_answers([workspace.pk], FIRST, LAST)) == 3


def test_the_books_are_complete_until_the_oldest_running_answer(workspace: Workspace) -> None:
    answer_id = uuid.uuid4()
    held = reserve(workspace, answer_id, Decimal(1))
    assert complete_until([workspace.pk]) == (held.created_at, 1)
    assert complete_until(None) == (held.created_at, 1)
    assert complete_until([uuid.uuid4()])[1] == 0
    settle(answer_id)
    until, running = complete_until([workspace.pk])
    assert running == 0
    assert timezone.now() - until < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("Acme = us", "Acme = us"),
        (-5, "-5"),
        (Decimal("-0.0000001"), "-0.0000001"),
        (None, ""),
    ],
)
def test_cells_that_look_like_formulas_are_guarded(value: object, cell: str) -> None:
    assert guard_cell(value) == cell


def test_csv_holds_ids_names_and_exact_figures(busy_month: None, workspace: Workspace, alice: User) -> None:
    rows = usage_rows([workspace.pk], FIRST, LAST, ["user", "model"])
    text = usage_csv(rows, ["user", "model"], {"user": {alice.pk: '=HYPERLINK("http://x")'}})
    lines = list(csv.DictReader(io.StringIO(text)))
    assert list(lines[0]) == [
        "user_id",
        "user",
        "model",
        "answers",
        "entries",
        "input_tokens",
        "cached_tokens",
        "output_tokens",
        "cost_usd",
    ]
    of_alice = [line for line in lines if line["user_id"] == str(alice.pk)]
    assert all(line["user"] == '\'=HYPERLINK("http://x")' for line in of_alice)
    assert sum(Decimal(line["cost_usd"]) for line in lines if line["cost_usd"]) == sum(
        row.cost_usd for row in rows
    )
