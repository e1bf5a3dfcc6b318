"""How numbers are written for people: units always, no false precision. Loaded in every template."""

from __future__ import annotations

from decimal import Decimal

from django import template

register = template.Library()


@register.filter
def tokens(count: int | None) -> str:
    """429000 → “429 k”, 1048576 → “1.05 M”, 950 → “950”."""
    if count is None:
        return "–"
    if count < 1000:
        return str(count)
    if count < 999_500:
        return f"{count / 1000:.1f} k" if count < 10_000 else f"{count / 1000:,.0f} k"
    return f"{count / 1_000_000:.2f} M"


@register.filter
def money(amount: Decimal | float | str | None) -> str:
    """Dollars; two significant digits below $0.10, cents above. None is “no price known”."""
    if amount is None or amount == "":
        return "no price known"
    value = Decimal(str(amount))
    if value < 0:
        return f"−{money(-value)}"
    if value == 0:
        return "$0"
    if value < Decimal("0.000001"):
        return "under $0.000001"
    if value < Decimal("0.1"):
        exponent = value.adjusted() - 1
        return f"${value.quantize(Decimal(1).scaleb(exponent)):f}"
    return f"${value:,.2f}"


@register.filter
def size(size_bytes: int | None) -> str:
    if size_bytes is None:
        return "–"
    value = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


@register.filter
def seconds(value: float | None) -> str:
    """9.4 → “9 s”, 75 → “1 min 15 s”."""
    if value is None:
        return "–"
    whole = round(value)
    if value < 10:
        return f"{value:.1f} s"
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


@register.filter
def duration(seconds: float | None) -> str:
    """An estimate in one unit: 20 → “less than a minute”, 240 → “about 4 minutes”, 10,800 → “about 3 hours”."""
    if seconds is None:
        return "–"
    if seconds < 45:
        return "less than a minute"
    minutes = max(round(seconds / 60), 1)
    if minutes < 90:
        return f"about {minutes} minute{'s' if minutes > 1 else ''}"
    return f"about {round(minutes / 60)} hours"
