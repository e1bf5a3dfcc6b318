"""Days that count: business days and ends of months."""

from calendar import monthrange
from collections.abc import Container
from datetime import date, timedelta

SATURDAY = 5


def is_business_day(day: date, holidays: Container[date] = ()) -> bool:
    """Monday to Friday, public holidays excepted."""
    return day.weekday() < SATURDAY and day not in holidays


def add_business_days(day: date, count: int, holidays: Container[date] = ()) -> date:
    """The business day that comes `count` business days after a day, which itself does not count."""
    while count:
        day += timedelta(days=1)
        if is_business_day(day, holidays):
            count -= 1
    return day


def end_of_month(day: date) -> date:
    """The last day of the month in which a day lies."""
    return day.replace(day=monthrange(day.year, day.month)[1])
