from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from apps.usage.chart import HEIGHT, MOST_SERIES, REST, WIDTH, round_up, usage_chart
from apps.usage.reports import UsageRow


def a_row(day: int, model: str, cost: str, tokens: int = 1000) -> UsageRow:
    keys = {"day": date(2026, 11, day), "model": model}
    return UsageRow(keys, 1, 1, tokens, 0, 0, Decimal(cost), 0, 0)  # type: ignore[arg-type]


ROWS = [a_row(1, "scout", "0.40"), a_row(1, "maverick", "0.60"), a_row(3, "scout", "0.10")]
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 4)


def test_bars_of_a_day_stand_on_each_other_and_measure_its_total() -> None:
    chart = usage_chart(ROWS, "model", {}, FIRST, LAST)
    assert chart is not None
    assert chart.top == 1
    first_day = sorted((bar for bar in chart.bars if bar.x < WIDTH / 4), key=lambda bar: bar.series)
    assert [bar.height for bar in first_day] == [0.6 * HEIGHT, 0.4 * HEIGHT]
    assert first_day[0].y + first_day[0].height == HEIGHT
    assert first_day[1].y + first_day[1].height == first_day[0].y
    assert chart.series == ("maverick", "scout")


def test_days_hold_the_numbers_of_the_rows_and_empty_days_too() -> None:
    chart = usage_chart(ROWS, "model", {"scout": "Scout"}, FIRST, LAST)
    assert chart is not None
    assert [day.total for day in chart.days] == [Decimal("1.00"), 0, Decimal("0.10"), 0]
    assert sum(day.total for day in chart.days) == sum(row.cost_usd for row in ROWS)
    assert [day.day.day for day in chart.used_days] == [1, 3]


def test_what_cost_nothing_is_drawn_in_tokens() -> None:
    chart = usage_chart([a_row(1, "quotes", "0", 500)], "model", {}, FIRST, LAST)
    assert chart is not None
    assert (chart.measure, chart.totals) == ("tokens", (Decimal(500),))


def test_nothing_to_draw_is_no_chart() -> None:
    assert usage_chart([], "model", {}, FIRST, LAST) is None
    assert usage_chart([a_row(1, "quotes", "0", 0)], "model", {}, FIRST, LAST) is None


def test_a_negative_day_draws_no_bar_but_stays_a_number() -> None:
    chart = usage_chart([*ROWS, a_row(4, "scout", "-0.05")], "model", {}, FIRST, LAST)
    assert chart is not None
    assert all(bar.height > 0 for bar in chart.bars)
    assert chart.days[3].total == Decimal("-0.05")


def test_many_series_are_gathered_into_the_last() -> None:
    rows = [a_row(1, f"m{number}", f"{number}") for number in range(1, 9)]
    chart = usage_chart(rows, "model", {}, FIRST, LAST)
    assert chart is not None
    assert len(chart.series) == MOST_SERIES
    assert chart.series[-1] == REST
    assert sum(chart.totals) == sum(row.cost_usd for row in rows)


@pytest.mark.parametrize(
    ("value", "top"),
    [("1", "1"), ("1.01", "2"), ("0.0021", "0.0025"), ("0.03", "0.05"), ("7", "10"), ("2500", "2500")],
)
def test_an_axis_ends_on_a_round_number(value: str, top: str) -> None:
    assert round_up(Decimal(value)) == Decimal(top)
