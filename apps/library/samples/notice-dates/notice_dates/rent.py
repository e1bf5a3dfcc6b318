"""What a lease costs: the index, its cap, and the compensation for ending early."""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
CAP = Decimal("0.035")
"""The rent rises by 3.5 per cent a year at most; what exceeds that is not carried forward."""

COMPENSATION_MONTHS = 4
"""Months of rent that a tenant owes for ending the lease early."""


def indexed_rent(rent: Decimal, index_before: Decimal, index_now: Decimal, *, floor: Decimal) -> Decimal:
    """The rent from April on: changed as the index changed, capped, and never below the floor."""
    change = min(index_now / index_before - 1, CAP)
    return max((rent * (1 + change)).quantize(CENT, ROUND_HALF_UP), floor)


def compensation(monthly_rent: Decimal, *, by_tenant: bool) -> Decimal:
    """A tenant who ends the lease early owes four months of rent; a landlord owes nothing."""
    return monthly_rent * COMPENSATION_MONTHS if by_tenant else Decimal(0)
