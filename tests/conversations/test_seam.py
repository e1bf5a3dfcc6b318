"""Where two halves of a cut answer meet: nothing lost, nothing doubled, however the host goes on."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.conversations.seam import Seam

WHOLE = (
    "<evidence>\n"
    '[[1:2]] "Either party may terminate with 120 days written notice"\n'
    '[[1:3]] "The rent is 1,950 euros a month and is due on the third working day"\n'
    "</evidence>\n"
    "## Ending the lease\n\n"
    "Either party may terminate the lease with 120 days' notice [[1:2]]. The notice is given in writing.\n\n"
    "| What | When |\n| --- | --- |\n| Notice | 120 days [[1:2]] |\n| Rent | monthly [[1:3]] |\n\n"
    "```python\ndef notice(days: int) -> bool:\n    # counted from the first\n    return days >= 120\n```\n\n"
    "1. Überweisung bis zum dritten Werktag 🗝️ [[1:3]].\n2. Sonst Verzug.\n"
)


def join(before: str, chunks: list[str]) -> str:
    seam = Seam(before)
    return before + "".join([*(seam.feed(chunk) for chunk in chunks), seam.finish()])


def last_line_of(text: str) -> str:
    return text.rstrip().rpartition("\n")[2]


def cuts(size: int) -> range:
    """Every place in the whole text; every seventh where each sign is a chunk of its own."""
    return range(1, len(WHOLE), 7 if size == 1 else 1)


def in_pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


@pytest.mark.parametrize("size", [1, 10_000])
def test_a_host_that_goes_on_exactly_is_joined_without_a_sign_between(size: int) -> None:
    for cut in cuts(size):
        assert join(WHOLE[:cut], in_pieces(WHOLE[cut:], size)) == WHOLE, cut


@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize(
    "opening", ["", "Here is the rest of my answer:\n\n", "```\n", "<evidence>\n", "\n"], ids=repr
)
def test_a_host_that_repeats_the_last_line_has_it_once_wherever_it_was_cut(size: int, opening: str) -> None:
    lost_or_doubled = []
    for cut in cuts(size):
        before = WHOLE[:cut]
        line = last_line_of(before)
        if sum(map(str.isalpha, line)) < (8 if opening else 3):
            continue  # fewer letters may stand there by chance, and are joined as they are
        if opening.strip().startswith(line.strip()):
            continue  # which of the two tags is the repeated one?
        space = before[len(before.rstrip()) :]
        rest = opening + line + space + WHOLE[cut:]
        if join(before, in_pieces(rest, size)) != WHOLE:
            lost_or_doubled.append(before[-40:])
    assert not lost_or_doubled


@given(st.integers(1, len(WHOLE) - 1), st.integers(0, 80), st.lists(st.integers(1, 40), max_size=12))
@settings(deadline=None, max_examples=300)
def test_how_it_is_cut_into_chunks_changes_nothing(cut: int, again: int, sizes: list[int]) -> None:
    rest = WHOLE[max(0, cut - again) :]
    chunks, place = [], 0
    for size in sizes:
        chunks.append(rest[place : place + size])
        place += size
    assert join(WHOLE[:cut], [*chunks, rest[place:]]) == join(WHOLE[:cut], [rest])


@pytest.mark.parametrize(
    ("before", "after", "whole"),
    [
        ("It can be terminat", "terminated by both.", "It can be terminated by both."),
        ("It can be terminat", "ed by both.", "It can be terminated by both."),
        ("a\n\n## Rent\n", "## Rent\n\nMonthly.", "a\n\n## Rent\n\nMonthly."),
        ("It can be ended. ", "It can be ended. Then rent.", "It can be ended. Then rent."),
        ("The rent is due", " monthly.", "The rent is due monthly."),
        ("Yes, ", "yes, and always.", "Yes, yes, and always."),
        ("| a | 10 |\n", "| b | 10 |\n", "| a | 10 |\n| b | 10 |\n"),
        ("It costs 100", "100", "It costs 100100"),
        ("", "Whole.", "Whole."),
        ("All of it.", "", "All of it."),
    ],
)
def test_what_is_repeated_and_what_is_chance(before: str, after: str, whole: str) -> None:
    assert join(before, [after]) == whole


def test_an_answer_written_anew_up_to_the_cut_stands_once() -> None:
    cut = len(WHOLE) * 2 // 3
    assert join(WHOLE[:cut], in_pieces(WHOLE, 9)) == WHOLE


def test_a_long_answer_written_anew_behind_an_opening_costs_little() -> None:
    before = " ".join(f"Clause {number} binds both parties." for number in range(1_000))
    begun_at = time.process_time()
    assert join(before, in_pieces(f"Here it is:\n{before} The end.", 5)) == f"{before} The end."
    # Each chunk looked through all of it took 20 s, in the loop that carries all other answers.
    assert time.process_time() - begun_at < 2


def test_what_is_new_is_held_back_for_a_few_words_at_most() -> None:
    seam = Seam(WHOLE[:150])
    given_after = next(place for place, sign in enumerate(WHOLE[150:]) if seam.feed(sign))
    assert given_after <= 200
