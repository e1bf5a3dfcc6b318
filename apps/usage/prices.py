"""What a token costs, by endpoint and day: prices.toml, an operator's file merged over it. Makes no query."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

SHIPPED_FILE = Path(__file__).with_name("prices.toml")

# The ledger keeps ten decimals of an amount; a price per million with four has ten per token.
MOST_DECIMALS = 4
MOST_PER_MILLION = Decimal(10_000)  # a price above it is a slip: somebody wrote per token or in cents

_KEYS = {"endpoint", "from", "input", "cached_input", "output"}


class PriceError(ValueError):
    """The prices hold nonsense; the sentence names file and entry."""


@dataclass(frozen=True, slots=True)
class PriceQuote:
    """USD per million tokens. cached_input: None where cached tokens cost as much as others."""

    input: Decimal
    cached_input: Decimal | None
    output: Decimal
    from_date: date
    currency: str = "USD"

    def cost(self, *, input_tokens: int, cached_tokens: int, output_tokens: int) -> Decimal:
        """(input − cached)·input + cached·cached_input + output·output in USD, exactly.

        cached_tokens: the part of input_tokens that the host had kept.
        """
        cached_price = self.input if self.cached_input is None else self.cached_input
        per_million = (
            (input_tokens - cached_tokens) * self.input
            + cached_tokens * cached_price
            + output_tokens * self.output
        )
        return per_million.scaleb(-6)


def price_of(endpoint_id: str, on: date) -> PriceQuote | None:
    """The price of an endpoint on a day (UTC), or None when none is known. Raises PriceError.

    Both files are read once per process.
    """
    quotes = _load(os.environ.get("DOCANALYST_PRICES", "")).get(endpoint_id, ())
    begun = [quote for quote in quotes if quote.from_date <= on]
    return begun[-1] if begun else None


def load_prices() -> dict[str, tuple[PriceQuote, ...]]:
    """All prices by endpoint id, oldest first. Raises PriceError."""
    return dict(_load(os.environ.get("DOCANALYST_PRICES", "")))


@cache
def _load(operators_file: str) -> dict[str, tuple[PriceQuote, ...]]:
    prices = _read(SHIPPED_FILE)
    if operators_file:
        # A contract's price holds whatever the public list says later, so it replaces the endpoint's whole list.
        prices |= _read(Path(operators_file))
    return prices


def _read(path: Path) -> dict[str, tuple[PriceQuote, ...]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise PriceError(f"{path}: cannot be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PriceError(f"{path}: {error}.") from None
    if set(content) - {"prices"} or not isinstance(content.get("prices", []), list):
        raise PriceError(f"{path}: write a list of [[prices]] and nothing else.")
    found: dict[str, dict[date, PriceQuote]] = {}
    for number, entry in enumerate(content.get("prices", []), start=1):
        endpoint_id, quote = _parse(entry, f"{path}: entry {number}")
        of_endpoint = found.setdefault(endpoint_id, {})
        if quote.from_date in of_endpoint:
            raise PriceError(f"{path}: entry {number}: {endpoint_id} has two prices from {quote.from_date}.")
        of_endpoint[quote.from_date] = quote
    return {key: tuple(quotes[day] for day in sorted(quotes)) for key, quotes in found.items()}


def _parse(entry: object, where: str) -> tuple[str, PriceQuote]:
    if not isinstance(entry, dict):
        raise PriceError(f"{where}: write a table with endpoint, from, input and output.")
    endpoint_id = entry.get("endpoint")
    if not isinstance(endpoint_id, str) or not endpoint_id:
        raise PriceError(f"{where}: endpoint is missing.")
    where = f"{where} ({endpoint_id})"
    if unknown := sorted(set(entry) - _KEYS):
        raise PriceError(f"{where}: unknown key {unknown[0]}.")
    begins = entry.get("from")
    if not isinstance(begins, date) or isinstance(begins, datetime):
        raise PriceError(f"{where}: from is {begins!r}; write a day such as 2026-11-21.")
    cached = entry.get("cached_input")
    return endpoint_id, PriceQuote(
        input=_amount(entry, "input", where),
        cached_input=None if cached is None else _amount(entry, "cached_input", where),
        output=_amount(entry, "output", where),
        from_date=begins,
    )


def _amount(entry: dict[str, Any], key: str, where: str) -> Decimal:
    value = entry.get(key)
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise InvalidOperation
        amount = Decimal(value)
    except InvalidOperation:
        raise PriceError(
            f"{where}: {key} is {value!r}; write USD per million tokens, such as 0.10."
        ) from None
    if not amount.is_finite() or not 0 <= amount <= MOST_PER_MILLION:
        raise PriceError(f"{where}: {key} is {value}; write 0 to {MOST_PER_MILLION} USD per million tokens.")
    if amount != round(amount, MOST_DECIMALS):
        raise PriceError(f"{where}: {key} is {value}; write at most {MOST_DECIMALS} decimals.")
    return amount
