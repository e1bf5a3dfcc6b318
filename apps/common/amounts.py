"""Money as text for programs: plain decimals, no exponent, no trailing zeros."""

from __future__ import annotations

from decimal import Decimal


def amount_text(amount: Decimal | None) -> str | None:
    """Decimal("0.0170000000") → "0.017"; None stays None: no price is known."""
    if amount is None:
        return None
    return f"{amount.normalize():f}" if amount else "0"
