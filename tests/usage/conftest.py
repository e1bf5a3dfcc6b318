"""Usage, attempts and ledger entries of the money tests."""

from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

import pytest

from apps.llm.types import Usage
from apps.usage.ledger import Attempt, append_entry
from apps.usage.models import LedgerEntry
from apps.usage.prices import PriceQuote
from apps.workspaces.models import Workspace
from tests.people import alice, bob, charlie, operator, workspace  # noqa: F401 (fixtures)

SCOUT_PRICE = PriceQuote(
    input=Decimal("0.10"), cached_input=None, output=Decimal("0.30"), from_date=date(2026, 1, 1)
)


class Booking(Protocol):
    def __call__(self, cost: str | None = None, **fields: Any) -> LedgerEntry: ...


def a_usage(
    input_tokens: int = 1000, cached_tokens: int = 0, output_tokens: int = 100, **fields: Any
) -> Usage:
    return Usage(
        input_tokens=input_tokens,
        cached_tokens=cached_tokens,
        output_tokens=output_tokens,
        **{"estimated": False, **fields},
    )


def an_attempt(**fields: Any) -> Attempt:
    return Attempt(
        **{
            "workspace_id": uuid.uuid4(),
            "user_id": None,
            "conversation_id": None,
            "answer_id": uuid.uuid4(),
            "reading_pass_id": uuid.uuid4(),
            "attempt": 1,
            "kind": LedgerEntry.Kind.ONE_PASS,
            "endpoint_id": "deepinfra-scout",
            "model_id": "meta-llama/Llama-4-Scout-17B-16E-Instruct",
            "family": "scout",
            **fields,
        }
    )


@pytest.fixture
def book(workspace: Workspace) -> Booking:  # noqa: F811 (the fixture)
    """Append an entry of the workspace; `cost` is what the host says it charged."""

    def book(cost: str | None = None, **fields: Any) -> LedgerEntry:
        tokens = {
            key: fields.pop(key)
            for key in ("input_tokens", "cached_tokens", "output_tokens")
            if key in fields
        }
        usage = a_usage(**tokens, cost_usd=None if cost is None else Decimal(cost))
        price = fields.pop("price", SCOUT_PRICE)
        return append_entry(an_attempt(**{"workspace_id": workspace.pk, **fields}), usage, price)

    return book
