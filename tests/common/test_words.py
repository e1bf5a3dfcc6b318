"""Amounts in words, as templates write them."""

from __future__ import annotations

import pytest

from apps.common.templatetags.words import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0, "less than a minute"),
        (44, "less than a minute"),
        (45, "about 1 minute"),
        (89, "about 1 minute"),
        (91, "about 2 minutes"),
        (240, "about 4 minutes"),
        (89 * 60, "about 89 minutes"),
        (90 * 60, "about 2 hours"),
        (10_800, "about 3 hours"),
        (20_000 * 10, "about 56 hours"),
    ],
)
def test_an_estimate_is_told_in_one_unit(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words
