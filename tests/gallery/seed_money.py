"""Usage, budgets and connections of the gallery."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from unittest.mock import patch

from django.utils import timezone

from apps.accounts.models import User
from apps.connections.models import Connection
from apps.llm.catalogue import load_catalogue
from apps.usage.models import Budget, LedgerEntry
from apps.workspaces.models import Workspace
from tests.gallery.addresses import MAVERICK, SCOUT, UNHEALTHY

DAYS = 24


def set_budget(workspace: Workspace, limit: str) -> None:
    Budget.objects.update_or_create(workspace=workspace, defaults={"monthly_limit": Decimal(limit)})


def book_usage(workspace: Workspace, people: Sequence[User]) -> None:
    """Some weeks of questions: two models, three people, days without any."""
    now = timezone.now()
    for day in range(DAYS):
        if day % 6 == 5:
            continue
        # A row is given the moment it is written, and the ledger takes no changes.
        with patch("django.utils.timezone.now", return_value=now - timedelta(days=day)):
            for turn in range(1 + day % 4):
                entry_of(workspace, people[(day + turn) % len(people)], day, turn).save()


def entry_of(workspace: Workspace, person: User, day: int, turn: int) -> LedgerEntry:
    endpoint_id, family = ((SCOUT, "scout"), (MAVERICK, "maverick"))[(day + turn) % 2]
    input_tokens = 4_000 + 17_500 * ((day * 7 + turn * 3) % 11)
    output_tokens = 300 + 90 * turn
    price_input, price_output = Decimal("0.20"), Decimal("0.80")
    return LedgerEntry(
        workspace_id=workspace.pk,
        user_id=person.pk,
        conversation_id=uuid.uuid4(),
        answer_id=uuid.uuid4(),
        reading_pass_id=uuid.uuid4(),
        kind=LedgerEntry.Kind.ONE_PASS,
        endpoint_id=endpoint_id,
        model_id=endpoint_id,
        family=family,
        input_tokens=input_tokens,
        cached_tokens=input_tokens // 3,
        output_tokens=output_tokens,
        price_input=price_input,
        price_output=price_output,
        amount=(input_tokens * price_input + output_tokens * price_output).scaleb(-6),
    )


def make_connections() -> None:
    """What probes saw: hosts that work, and one whose key was refused."""
    now = timezone.now()
    for endpoint_id in (SCOUT, MAVERICK):
        Connection.objects.create(
            endpoint_id=endpoint_id,
            base_url=load_catalogue()[endpoint_id].base_url,
            probed_at=now,
            is_healthy=True,
            probe_facts={
                "reachable": True, "latency_ms": 84, "ids": [SCOUT, MAVERICK], "ids_count": 2, "serves_model": True,
            },
        )  # fmt: skip
    Connection.objects.create(
        endpoint_id=UNHEALTHY,
        base_url=load_catalogue()[UNHEALTHY].base_url,
        probed_at=now,
        is_healthy=False,
        unhealthy_since=now - timedelta(hours=3),
        probe_sentence="The host refuses the key. Put in another one.",
        probe_facts={"reachable": True, "latency_ms": 212},
    )
