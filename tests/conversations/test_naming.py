"""Documents and pages as people call them."""

from __future__ import annotations

import pytest

from apps.conversations.naming import page_words, short_name, short_page_words


@pytest.mark.parametrize(
    ("label", "last", "words"),
    [
        ("12", "", "p.\u00a012"),
        ("xii", "xiv", "p.\u00a0xii–xiv"),
        ("12", "12", "p.\u00a012"),
        ("SMITH-000123", "", "p.\u00a0SMITH-000123"),
        ("src/app.py:1–120", "", "src/app.py:1–120"),
        ("The second chapter", "", "The second chapter"),
    ],
)
def test_a_page_is_called_by_what_is_printed_on_it(label: str, last: str, words: str) -> None:
    assert page_words(label, last) == words


def test_what_is_long_is_cut_at_a_word() -> None:
    assert short_name("Supplementary agreement on the courtyard.pdf") == "Supplementary…"
    assert short_name("Donaudampfschifffahrtsgesellschaft.pdf") == "Donaudampfschifffa…"
    assert short_page_words("Appendix xxxviii to Schedule B, continued") == "Appendix xxxviii to…"
