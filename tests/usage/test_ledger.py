from __future__ import annotations

import random
import uuid
from decimal import Decimal

import pytest

from apps.llm.types import Usage
from apps.usage.ledger import append_correction, append_entry, entry_cost, total_amount
from apps.usage.models import LedgerEntry
from apps.usage.prices import PriceQuote
from tests.usage.conftest import SCOUT_PRICE, Booking, a_usage, an_attempt

CACHED_PRICE = PriceQuote(
    input=Decimal("0.35"),
    cached_input=Decimal("0.17"),
    output=Decimal("1.00"),
    from_date=SCOUT_PRICE.from_date,
)
FREE = PriceQuote(
    input=Decimal(0), cached_input=Decimal(0), output=Decimal(0), from_date=SCOUT_PRICE.from_date
)


@pytest.mark.parametrize(
    ("usage", "price", "cost"),
    [
        (a_usage(327_680, 0, 0), SCOUT_PRICE, "0.032768"),
        (a_usage(1000, 0, 100), SCOUT_PRICE, "0.00013"),
        (a_usage(1, 0, 0), SCOUT_PRICE, "0.0000001"),
        (a_usage(1000, 400, 100), SCOUT_PRICE, "0.00013"),
        (a_usage(1000, 400, 100), CACHED_PRICE, "0.000378"),
        (a_usage(1000, 1000, 0), CACHED_PRICE, "0.00017"),
        (a_usage(1000, 5000, 0), CACHED_PRICE, "0.00017"),
        (a_usage(-5, -5, -5), CACHED_PRICE, "0"),
        (a_usage(10_000_000, 0, 8192), FREE, "0"),
        (a_usage(1000, 0, 100, cost_usd=Decimal("0.0042")), SCOUT_PRICE, "0.0042"),
        (a_usage(1000, 0, 100, cost_usd=Decimal("0.0042")), None, "0.0042"),
        (a_usage(1000, 0, 100, cost_usd=Decimal(0)), SCOUT_PRICE, "0"),
        (a_usage(1000, 0, 100, cost_usd=Decimal(-1)), SCOUT_PRICE, "0.00013"),
        (a_usage(1000, 0, 100, cost_usd=Decimal("NaN")), SCOUT_PRICE, "0.00013"),
        (a_usage(1000, 0, 100, cost_usd=Decimal("1e30")), SCOUT_PRICE, "0.00013"),
        (a_usage(1000, 0, 100), None, None),
    ],
    ids=[
        "full Scout window",
        "input and output",
        "one token",
        "cached tokens in full where no cached price is known",
        "cached tokens at their price",
        "everything cached",
        "more cached than sent",
        "negative counts",
        "free",
        "cost given by the host",
        "cost given, no price known",
        "host says it was free",
        "negative cost is not believed",
        "NaN is not believed",
        "absurd cost is not believed",
        "no price known",
    ],
)
def test_cost_of_an_attempt(usage: Usage, price: PriceQuote | None, cost: str | None) -> None:
    assert entry_cost(usage, price) == (None if cost is None else Decimal(cost))


def test_an_entry_keeps_tokens_price_and_cost(book: Booking) -> None:
    entry = book(input_tokens=2000, cached_tokens=500, output_tokens=10, price=CACHED_PRICE)
    kept = LedgerEntry.objects.get(pk=entry.pk)
    assert (kept.input_tokens, kept.cached_tokens, kept.output_tokens) == (2000, 500, 10)
    assert (kept.price_input, kept.price_cached_input, kept.price_output) == (
        Decimal("0.35"),
        Decimal("0.17"),
        Decimal("1.00"),
    )
    assert kept.amount == Decimal("0.00062")
    assert kept.currency == "USD"


def test_no_price_is_kept_as_none_never_as_zero(book: Booking) -> None:
    assert LedgerEntry.objects.get(pk=book(price=None).pk).amount is None


def test_booking_an_attempt_again_gives_the_entry_that_is_there(book: Booking) -> None:
    reading_pass_id = uuid.uuid4()
    first = book(reading_pass_id=reading_pass_id, input_tokens=1000)
    again = book(reading_pass_id=reading_pass_id, input_tokens=9999)
    assert again.pk == first.pk
    assert again.input_tokens == 1000
    assert LedgerEntry.objects.count() == 1


def test_each_attempt_of_a_pass_is_booked(book: Booking) -> None:
    reading_pass_id = uuid.uuid4()
    book(reading_pass_id=reading_pass_id, attempt=1)
    book(reading_pass_id=reading_pass_id, attempt=2)
    assert LedgerEntry.objects.count() == 2


def test_calls_outside_a_pass_are_booked_one_by_one(book: Booking) -> None:
    book(reading_pass_id=None, kind=LedgerEntry.Kind.MODERATION)
    book(reading_pass_id=None, kind=LedgerEntry.Kind.MODERATION)
    assert LedgerEntry.objects.count() == 2


def test_an_entry_cannot_be_changed_or_deleted(book: Booking) -> None:
    entry = book()
    entry.amount = Decimal(0)
    with pytest.raises(TypeError, match="never changed"):
        entry.save()
    with pytest.raises(TypeError, match="never deleted"):
        entry.delete()
    assert LedgerEntry.objects.get(pk=entry.pk).amount == Decimal("0.00013")


def test_a_correction_is_a_new_entry_with_the_difference(book: Booking) -> None:
    entry = book(input_tokens=1000, output_tokens=100)
    correction = append_correction(entry, a_usage(900, 0, 150))
    assert correction is not None
    assert correction.corrects == entry.pk
    assert (correction.input_tokens, correction.output_tokens) == (-100, 50)
    assert correction.amount == Decimal("0.000005")
    assert total_amount(LedgerEntry.objects.all()) == Decimal("0.000135")


def test_correcting_to_what_the_books_say_appends_nothing(book: Booking) -> None:
    entry = book(input_tokens=1000, output_tokens=100)
    append_correction(entry, a_usage(900, 0, 150))
    assert append_correction(entry, a_usage(900, 0, 150)) is None
    assert append_correction(entry, a_usage(1000, 0, 100)) is not None
    assert total_amount(LedgerEntry.objects.all()) == entry.amount


def test_totals_equal_the_entries_to_the_last_digit(book: Booking) -> None:
    rng = random.Random(7)
    amounts = [Decimal(rng.randrange(10**13)) / 10**10 for _ in range(300)]
    for amount in amounts:
        book(cost=f"{amount:f}")
    assert total_amount(LedgerEntry.objects.all()) == sum(amounts)


def test_a_host_that_reports_absurd_counts_cannot_break_the_books(db: None) -> None:
    entry = append_entry(an_attempt(), a_usage(10**30, 10**31, 10**30), SCOUT_PRICE)
    kept = LedgerEntry.objects.get(pk=entry.pk)
    assert kept.input_tokens == kept.cached_tokens == kept.output_tokens == 1_000_000_000
