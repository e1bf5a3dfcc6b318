"""What was spent: entries are appended, once per attempt that reached a host, and never changed."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import BigIntegerField, F, Func, Sum
from django.db.models.query import QuerySet

from apps.usage.models import LedgerEntry
from apps.usage.prices import PriceQuote

if TYPE_CHECKING:
    from apps.llm.types import Usage

AMOUNT_STEP = Decimal("0.0000000001")  # the ten decimals of LedgerEntry.amount
MOST_TOKENS = 1_000_000_000  # no call is larger; a host that reports more is not believed
MOST_COST_USD = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of one pass that reached a host. attempt: 1-based within its pass."""

    workspace_id: uuid.UUID
    user_id: uuid.UUID | None
    conversation_id: uuid.UUID | None
    answer_id: uuid.UUID | None
    reading_pass_id: uuid.UUID | None
    attempt: int
    kind: str
    endpoint_id: str
    model_id: str
    family: str


def entry_cost(usage: Usage, price: PriceQuote | None) -> Decimal | None:
    """(input − cached)·in + cached·cached_in + output·out in USD, exactly; a cost the host gave is taken as given.

    None when neither a price nor a cost is known. Counts that contradict each other (more cached than sent,
    below 0) are bounded.
    """
    if usage.cost_usd is not None and usage.cost_usd.is_finite() and 0 <= usage.cost_usd <= MOST_COST_USD:
        return usage.cost_usd.quantize(AMOUNT_STEP)
    if price is None:
        return None
    input_tokens, cached_tokens, output_tokens = _bounded(usage)
    cost = price.cost(input_tokens=input_tokens, cached_tokens=cached_tokens, output_tokens=output_tokens)
    return cost.quantize(AMOUNT_STEP)


def append_entry(attempt: Attempt, usage: Usage, price: PriceQuote | None) -> LedgerEntry:
    """Book one attempt. Booking the same attempt of the same pass again gives the entry that is there."""
    input_tokens, cached_tokens, output_tokens = _bounded(usage)
    fields = {
        "workspace_id": attempt.workspace_id,
        "user_id": attempt.user_id,
        "conversation_id": attempt.conversation_id,
        "answer_id": attempt.answer_id,
        "kind": attempt.kind,
        "endpoint_id": attempt.endpoint_id,
        "model_id": attempt.model_id,
        "family": attempt.family,
        "input_tokens": input_tokens,
        "cached_tokens": cached_tokens,
        "output_tokens": output_tokens,
        "is_estimated": usage.estimated,
        **_price_fields(price),
        "amount": entry_cost(usage, price),
    }
    if attempt.reading_pass_id is None:
        return LedgerEntry.objects.create(reading_pass_id=None, attempt=attempt.attempt, **fields)
    entry, _ = LedgerEntry.objects.get_or_create(
        reading_pass_id=attempt.reading_pass_id, attempt=attempt.attempt, corrects=None, defaults=fields
    )
    return entry


def append_correction(entry: LedgerEntry, usage: Usage) -> LedgerEntry | None:
    """Make the books say `usage` for an entry, at the entry's own price: a new entry holds the difference.

    usage: the whole truth, not a difference. None when the books already say so. The new entry counts on the
    day it is made.
    """
    with transaction.atomic():
        LedgerEntry.objects.select_for_update().get(pk=entry.pk)
        booked = LedgerEntry.objects.filter(pk=entry.pk) | LedgerEntry.objects.filter(corrects=entry.pk)
        tokens = booked.aggregate(Sum("input_tokens"), Sum("cached_tokens"), Sum("output_tokens"))
        input_tokens, cached_tokens, output_tokens = _bounded(usage)
        truth = entry_cost(usage, price_copied(entry))
        amount = None if truth is None else truth - total_amount(booked)
        changed = {
            "input_tokens": input_tokens - tokens["input_tokens__sum"],
            "cached_tokens": cached_tokens - tokens["cached_tokens__sum"],
            "output_tokens": output_tokens - tokens["output_tokens__sum"],
        }
        if not any(changed.values()) and not amount:
            return None
        return LedgerEntry.objects.create(
            workspace_id=entry.workspace_id,
            user_id=entry.user_id,
            conversation_id=entry.conversation_id,
            answer_id=entry.answer_id,
            reading_pass_id=entry.reading_pass_id,
            attempt=entry.attempt,
            kind=LedgerEntry.Kind.CORRECTION,
            endpoint_id=entry.endpoint_id,
            model_id=entry.model_id,
            family=entry.family,
            is_estimated=usage.estimated,
            **_price_fields(price_copied(entry)),
            **changed,
            amount=amount,
            corrects=entry.pk,
        )


def price_copied(entry: LedgerEntry) -> PriceQuote | None:
    """The price an entry was made with, or None when it had none."""
    if entry.price_input is None or entry.price_output is None:
        return None
    return PriceQuote(
        input=entry.price_input,
        cached_input=entry.price_cached_input,
        output=entry.price_output,
        from_date=entry.created_at.date(),
        currency=entry.currency,
    )


def exact_sum(field: str) -> Sum:
    """A sum of amounts in steps of AMOUNT_STEP, as a whole number; see `as_amount`.

    SQLite adds decimals as floating-point numbers, which loses the last digits; whole numbers add exactly on
    every database. Holds up to 900 million dollars.
    """
    return Sum(_Steps(F(field)), output_field=BigIntegerField())


class _Steps(Func):
    template = "CAST(ROUND(%(expressions)s * 10000000000) AS BIGINT)"
    output_field = BigIntegerField()


def as_amount(steps: int | None) -> Decimal:
    """USD of an `exact_sum`; of none at all it is 0."""
    return int(steps or 0) * AMOUNT_STEP


def total_amount(entries: QuerySet[LedgerEntry]) -> Decimal:
    """What entries cost together, exactly; those without a price add nothing. One query."""
    return as_amount(entries.aggregate(steps=exact_sum("amount"))["steps"])


def _bounded(usage: Usage) -> tuple[int, int, int]:
    input_tokens = min(max(usage.input_tokens, 0), MOST_TOKENS)
    cached_tokens = min(max(usage.cached_tokens, 0), input_tokens)
    return input_tokens, cached_tokens, min(max(usage.output_tokens, 0), MOST_TOKENS)


def _price_fields(price: PriceQuote | None) -> dict[str, Decimal | str | None]:
    if price is None:
        return {"price_input": None, "price_cached_input": None, "price_output": None, "currency": "USD"}
    return {
        "price_input": price.input,
        "price_cached_input": price.cached_input,
        "price_output": price.output,
        "currency": price.currency,
    }
