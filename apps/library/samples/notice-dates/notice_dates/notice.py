"""When a notice is received, and when it takes effect."""

from collections.abc import Container
from datetime import date, timedelta

from notice_dates.days import add_business_days, end_of_month

NOTICE_DAYS = 120
"""A notice is given at least 120 days before it takes effect."""

EARLIEST_END = date(2029, 3, 31)
"""No notice takes effect before this day."""

POST_DAYS = 3
"""Business days after which a registered letter counts as received."""


def received_on(posted_on: date, holidays: Container[date] = ()) -> date:
    """A letter by registered post counts as received on the third business day after posting."""
    return add_business_days(posted_on, POST_DAYS, holidays)


def takes_effect_on(received: date) -> date:
    """The last day of the month in which the 120 days of notice are over, but never before the earliest end."""
    over_on = received + timedelta(days=NOTICE_DAYS)
    return max(end_of_month(over_on), EARLIEST_END)


def latest_day_to_give_notice(wanted_end: date) -> date:
    """The last day on which a notice can be received that is to take effect at the end of a month.

    Raises ValueError for a day that ends no month or lies before the earliest end.
    """
    if wanted_end != end_of_month(wanted_end):
        raise ValueError(f"A lease ends on the last day of a month, and {wanted_end} is none.")
    if wanted_end < EARLIEST_END:
        raise ValueError(f"No notice takes effect before {EARLIEST_END}.")
    return wanted_end - timedelta(days=NOTICE_DAYS)
