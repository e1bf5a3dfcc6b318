"""Stacked bars by day, laid out here and drawn as SVG by the template: no library, no inline style."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

from apps.common.templatetags.words import money, tokens
from apps.usage.reports import GroupKey, UsageRow

WIDTH, HEIGHT = 1000, 200  # units of the picture; it is stretched to its place
MOST_SERIES = 5  # as many tones as can be told apart; the rest is one series
GAP_SHARE = 0.22  # of a day's width
REST = "Others"

Measure = Literal["cost", "tokens"]


@dataclass(frozen=True, slots=True)
class Bar:
    """One segment, in units of the picture from its top left. series: 1-based, as in the legend."""

    x: float
    y: float
    width: float
    height: float
    series: int
    title: str


@dataclass(frozen=True, slots=True)
class ChartDay:
    """One day with the value of each series, in the legend's order."""

    day: date
    values: tuple[Decimal, ...]
    total: Decimal


@dataclass(frozen=True, slots=True)
class Chart:
    """series: names, the largest first. top: the value at the upper edge. days: also those without usage."""

    measure: Measure
    series: tuple[str, ...]
    totals: tuple[Decimal, ...]
    top: Decimal
    days: tuple[ChartDay, ...]
    bars: tuple[Bar, ...]
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def legend(self) -> list[tuple[int, str, Decimal]]:
        return [
            (number, name, total)
            for number, (name, total) in enumerate(zip(self.series, self.totals, strict=True), start=1)
        ]

    @property
    def used_days(self) -> list[ChartDay]:
        return [day for day in self.days if day.total]


def usage_chart(
    rows: Iterable[UsageRow],
    series_key: GroupKey,
    names: Mapping[Any, str],
    from_date: date,
    to_date: date,
) -> Chart | None:
    """The rows, grouped by day and `series_key`, as bars; None when there is nothing to draw.

    Shows money; where nothing cost anything, tokens. names: what the series are called.
    """
    rows = list(rows)
    measure: Measure = "cost" if any(row.cost_usd > 0 for row in rows) else "tokens"
    by_series: dict[Any, dict[date, Decimal]] = {}
    for row in rows:
        by_day = by_series.setdefault(row.keys[series_key], {})
        by_day[row.keys["day"]] = by_day.get(row.keys["day"], Decimal(0)) + _value(row, measure)
    ranked = sorted(by_series, key=lambda key: (-sum(by_series[key].values()), str(key)))
    series = [(names.get(key, str(key)), by_series[key]) for key in ranked[:MOST_SERIES]]
    if len(ranked) > MOST_SERIES:
        series[-1:] = [(REST, _merged(by_series[key] for key in ranked[MOST_SERIES - 1 :]))]
    days = tuple(_day(day, [values for _, values in series]) for day in _days(from_date, to_date))
    highest = max((day.total for day in days), default=Decimal(0))
    if highest <= 0:
        return None
    top = round_up(highest)
    labels = tuple(name for name, _ in series)
    written = money if measure == "cost" else _tokens
    return Chart(
        measure=measure,
        series=labels,
        totals=tuple(sum(values.values(), Decimal(0)) for _, values in series),
        top=top,
        days=days,
        bars=tuple(_bars(days, labels, top, written)),
    )


def round_up(value: Decimal) -> Decimal:
    """The next 1, 2, 2.5 or 5 times a power of ten: an axis ends on a number people can halve."""
    unit = Decimal(1).scaleb(value.adjusted())
    for step in (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5)):
        if value <= step * unit:
            return step * unit
    return 10 * unit


def _value(row: UsageRow, measure: Measure) -> Decimal:
    return row.cost_usd if measure == "cost" else Decimal(row.input_tokens + row.output_tokens)


def _merged(parts: Iterable[Mapping[date, Decimal]]) -> dict[date, Decimal]:
    merged: dict[date, Decimal] = {}
    for part in parts:
        for day, value in part.items():
            merged[day] = merged.get(day, Decimal(0)) + value
    return merged


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def _day(day: date, series: list[dict[date, Decimal]]) -> ChartDay:
    values = tuple(values.get(day, Decimal(0)) for values in series)
    return ChartDay(day, values, sum(values, Decimal(0)))


def _tokens(count: Decimal) -> str:
    return f"{tokens(int(count))} tokens"


def _bars(
    days: tuple[ChartDay, ...], labels: tuple[str, ...], top: Decimal, written: Callable[[Decimal], str]
) -> Iterable[Bar]:
    step = WIDTH / len(days)
    for index, day in enumerate(days):
        floor = float(HEIGHT)
        for number, value in enumerate(day.values, start=1):
            if value <= 0:  # a correction can make a day negative: it stands in the table, not as a bar
                continue
            height = float(value / top) * HEIGHT
            floor -= height
            yield Bar(
                x=round(index * step + step * GAP_SHARE / 2, 2),
                y=round(max(floor, 0.0), 2),
                width=round(step * (1 - GAP_SHARE), 2),
                height=round(height, 2),
                series=number,
                title=f"{labels[number - 1]}, {day.day:%-d %b %Y}: {written(value)}",
            )
