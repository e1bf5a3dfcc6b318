from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from apps.llm.catalogue import load_catalogue
from apps.usage import prices
from apps.usage.prices import PriceError, price_of

SHIPPED = """
[[prices]]
endpoint = "deepinfra-scout"
from = 2026-01-01
input = "1.25"
cached_input = "0.5"
output = 4
"""


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    prices._load.cache_clear()
    yield
    prices._load.cache_clear()


@pytest.fixture
def operators_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "prices.toml"
    monkeypatch.setenv("DOCANALYST_PRICES", str(path))
    return path


def test_a_price_holds_from_its_day_until_the_next_begins() -> None:
    before = price_of("openrouter-maverick", date(2026, 11, 2))
    after = price_of("openrouter-maverick", date(2026, 11, 3))
    assert before is not None
    assert after is not None
    assert (before.input, before.cached_input, before.output) == (Decimal("0.15"), None, Decimal("0.60"))
    assert (after.input, after.cached_input, after.output) == (
        Decimal("0.35"),
        Decimal("0.17"),
        Decimal("1.00"),
    )
    assert after.from_date == date(2026, 11, 3)


def test_no_price_is_known_before_the_first_nor_for_a_server_of_ones_own() -> None:
    assert price_of("deepinfra-scout", date(2020, 1, 1)) is None
    assert price_of("vllm-scout", date(2026, 11, 21)) is None
    assert price_of("unheard-of", date(2026, 11, 21)) is None


def test_every_priced_endpoint_is_in_the_catalogue() -> None:
    assert set(prices.load_prices()) <= set(load_catalogue())


def test_every_endpoint_that_charges_has_a_price() -> None:
    unpriced = set(load_catalogue()) - set(prices.load_prices())
    # Own servers, and a preview that was free of charge and never had a price.
    assert unpriced == {"vllm-scout", "ollama-scout", "ollama-maverick", "meta-scout", "meta-maverick"}


def test_the_quote_finder_costs_nothing() -> None:
    quote = price_of("quote-finder", date(2026, 11, 21))
    assert quote is not None
    assert quote.input == quote.output == 0


def test_an_operators_file_replaces_the_endpoints_it_names(operators_file: Path) -> None:
    operators_file.write_text(SHIPPED)
    quote = price_of("deepinfra-scout", date(2026, 11, 21))
    assert quote is not None
    assert (quote.input, quote.cached_input, quote.output) == (
        Decimal("1.25"),
        Decimal("0.5"),
        Decimal(4),
    )
    assert price_of("deepinfra-maverick", date(2026, 11, 21)) is not None


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("prices = 3", "[[prices]]"),
        ("[[price]]\nendpoint = 'a'", "[[prices]]"),
        ("[[prices]]\nfrom = 2026-01-01\ninput = 1\noutput = 1", "entry 1: endpoint is missing"),
        (SHIPPED + "until = 2026-02-01", "entry 1 (deepinfra-scout): unknown key until"),
        (SHIPPED.replace("2026-01-01", "'soon'"), "entry 1 (deepinfra-scout): from is 'soon'"),
        (SHIPPED.replace("2026-01-01", "2026-01-01T10:00:00"), "from is datetime"),
        (SHIPPED.replace('"1.25"', '"cheap"'), "entry 1 (deepinfra-scout): input is 'cheap'"),
        (SHIPPED.replace('"1.25"', "true"), "input is True"),
        (SHIPPED.replace('"1.25"', '"-1"'), "input is -1"),
        (SHIPPED.replace('"1.25"', '"NaN"'), "input is NaN"),
        (SHIPPED.replace('"1.25"', "inf"), "input is Infinity"),
        (SHIPPED.replace('"1.25"', '"100000"'), "input is 100000"),
        (SHIPPED.replace('"1.25"', '"0.00001"'), "at most 4 decimals"),
        (SHIPPED.replace('input = "1.25"', ""), "input is None"),
        (SHIPPED + SHIPPED, "entry 2: deepinfra-scout has two prices from 2026-01-01"),
        ("[[prices]", "prices.toml"),
    ],
)
def test_nonsense_is_refused_with_file_and_entry(operators_file: Path, content: str, named: str) -> None:
    operators_file.write_text(content)
    with pytest.raises(PriceError) as refused:
        price_of("deepinfra-scout", date(2026, 11, 21))
    assert str(operators_file) in str(refused.value)
    assert named in str(refused.value)


def test_a_missing_file_is_refused(operators_file: Path) -> None:
    with pytest.raises(PriceError, match="cannot be read"):
        price_of("deepinfra-scout", date(2026, 11, 21))
