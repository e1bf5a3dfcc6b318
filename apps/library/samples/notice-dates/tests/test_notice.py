from datetime import date, timedelta

import pytest
from notice_dates.notice import latest_day_to_give_notice, received_on, takes_effect_on


def test_notice_ends_the_lease_with_the_month_in_which_the_days_are_over() -> None:
    assert takes_effect_on(date(2029, 5, 10)) == date(2029, 9, 30)


def test_no_notice_takes_effect_before_the_earliest_end() -> None:
    assert takes_effect_on(date(2026, 6, 1)) == date(2029, 3, 31)


def test_a_notice_on_the_latest_day_is_in_time_and_one_day_later_it_is_not() -> None:
    end = date(2030, 6, 30)
    latest = latest_day_to_give_notice(end)
    assert takes_effect_on(latest) == end
    assert takes_effect_on(latest + timedelta(days=1)) == date(2030, 7, 31)


def test_a_letter_posted_before_a_weekend_counts_from_the_middle_of_the_week() -> None:
    friday = date(2029, 6, 1)
    assert received_on(friday) == date(2029, 6, 6)


def test_a_lease_ends_with_a_month() -> None:
    with pytest.raises(ValueError, match="last day of a month"):
        latest_day_to_give_notice(date(2030, 6, 29))
