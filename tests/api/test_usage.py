from __future__ import annotations

import csv
import io
import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db.models import QuerySet

from apps.usage.models import LedgerEntry
from apps.workspaces.models import AuditEntry, Workspace
from tests.api.conftest import Caller, error_code
from tests.factories import make_user, make_workspace


def book(workspace: Workspace, day: str, amount: str | None, **fields: object) -> None:
    entry = LedgerEntry.objects.create(
        **{
            "workspace_id": workspace.pk,
            "answer_id": uuid.uuid4(),
            "kind": "one_pass",
            "endpoint_id": "deepinfra-scout",
            "model_id": "scout",
            "family": "scout",
            "input_tokens": 1000,
            "cached_tokens": 100,
            "output_tokens": 50,
            "amount": None if amount is None else Decimal(amount),
            **fields,
        }
    )
    QuerySet(LedgerEntry).filter(pk=entry.pk).update(
        created_at=datetime.fromisoformat(day).replace(tzinfo=UTC)
    )


@pytest.fixture
def booked(workspace: Workspace, bob: Caller) -> Workspace:
    book(workspace, "2026-03-01T00:00:00", "0.10", user_id=bob.user.pk)
    book(workspace, "2026-03-01T23:59:59", "0.20", user_id=bob.user.pk)
    book(workspace, "2026-03-02T12:00:00", None, endpoint_id="ollama-scout")
    book(workspace, "2026-04-01T00:00:00", "7")
    book(make_workspace("Globex"), "2026-03-01T12:00:00", "5")
    return workspace


MARCH = {"from": "2026-03-01", "to": "2026-03-31"}


def test_rows_carry_the_grouped_keys_and_figures(alice: Caller, bob: Caller, booked: Workspace) -> None:
    rows = alice.get("/usage", query_params={**MARCH, "group_by": "day,endpoint"}).json()
    assert rows == {
        "items": [
            {
                "day": "2026-03-01",
                "endpoint": "deepinfra-scout",
                "answers": 2,
                "entries": 2,
                "input_tokens": 2000,
                "cached_tokens": 200,
                "output_tokens": 100,
                "cost_usd": "0.3",
            },
            {
                "day": "2026-03-02",
                "endpoint": "ollama-scout",
                "answers": 1,
                "entries": 1,
                "input_tokens": 1000,
                "cached_tokens": 100,
                "output_tokens": 50,
                "cost_usd": None,
            },
        ],
        "next": None,
    }
    by_person = alice.get("/usage", query_params={**MARCH, "group_by": "user,workspace"}).json()["items"]
    assert {(row["user"], row["workspace"]) for row in by_person} == {
        (str(bob.user.pk), str(booked.pk)),
        (None, str(booked.pk)),
    }
    total = alice.get("/usage", query_params=MARCH).json()["items"]
    assert [(row["entries"], row["cost_usd"]) for row in total] == [(3, "0.3")]


def test_rows_come_page_by_page(alice: Caller, booked: Workspace) -> None:
    asked = {**MARCH, "group_by": "day,endpoint", "limit": 1}
    first = alice.get("/usage", query_params=asked).json()
    second = alice.get("/usage", query_params={**asked, "cursor": first["next"]}).json()
    assert [page["items"][0]["day"] for page in (first, second)] == ["2026-03-01", "2026-03-02"]
    assert second["next"] is None
    refused = alice.get("/usage", query_params={**MARCH, "group_by": "user", "cursor": first["next"]})
    assert error_code(refused) == "bad_cursor"


def test_csv_holds_every_row_and_leaves_a_trace(alice: Caller, booked: Workspace) -> None:
    response = alice.get(
        "/usage", query_params={**MARCH, "group_by": "day", "limit": 1}, headers={"Accept": "text/csv"}
    )
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"].startswith("attachment;")
    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert [row["day"] for row in rows] == ["2026-03-01", "2026-03-02"]
    assert Decimal(rows[0]["cost_usd"]) == Decimal("0.3")
    assert AuditEntry.objects.filter(action="usage.export", actor_id=alice.user.pk).exists()


def test_usage_is_for_administrators(
    adam: Caller, bob: Caller, vera: Caller, charlie: Caller, booked: Workspace
) -> None:
    assert adam.get("/usage", query_params=MARCH).status_code == 200
    for caller in (bob, vera, charlie):
        assert (caller.get("/usage").status_code, error_code(caller.get("/usage"))) == (403, "forbidden")
    own = {"workspace": str(booked.pk)}
    assert [caller.get("/usage", query_params=own).status_code for caller in (adam, bob, charlie)] == [
        200,
        403,
        404,
    ]


def test_an_instance_administrator_sees_the_whole_installation(booked: Workspace) -> None:
    olga = Caller(make_user("olga@example.org", is_staff=True))
    rows = olga.get("/usage", query_params={**MARCH, "group_by": "workspace"}).json()["items"]
    assert sum(Decimal(row["cost_usd"]) for row in rows) == Decimal("5.3")
    assert olga.get("/usage", query_params={"workspace": str(booked.pk)}).status_code == 404


@pytest.mark.parametrize(
    "asked",
    [
        {"from": "yesterday"},
        {"from": "2026-03-02", "to": "2026-03-01"},
        {"from": "2020-01-01", "to": "2026-01-01"},
        {"group_by": "colour"},
        {"group_by": "day,\x00"},
        {"to": "99999-01-01"},
    ],
    ids=str,
)
def test_a_period_that_is_none_is_refused(alice: Caller, booked: Workspace, asked: dict[str, str]) -> None:
    refused = alice.get("/usage", query_params=asked)
    assert (refused.status_code, error_code(refused)) == (422, "bad_period")
