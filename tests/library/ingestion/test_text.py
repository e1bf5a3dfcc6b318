import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.library.ingestion.clean_text import clean_text, one_line, page_text
from apps.library.ingestion.page_labels import page_labels
from apps.library.ingestion.reading_order import Block, in_reading_order


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("a\x00b\x07c", "abc"),
        ("one\r\ntwo\rthree\x0cfour\u2028five", "one\ntwo\nthree\nfour\nfive"),
        ("tab\tstays", "tab\tstays"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("spaces  \n\n\n\nend ", "spaces\n\nend"),
        ("hid\U000e0041\U000e0042den", "hidden"),
    ],
)
def test_text_is_cleaned(given_text: str, expected: str) -> None:
    assert clean_text(given_text) == expected


@given(st.text(st.characters(codec=None, categories=None, exclude_categories=())))
def test_any_text_becomes_storable_and_stays_as_it_is(anything: str) -> None:
    text = page_text(anything)
    text.encode("utf-8")
    assert "\x00" not in text
    assert text == text.strip()
    assert page_text(text) == text


def test_names_become_one_line() -> None:
    assert one_line(" A\n\tlong\x00  name ", 8) == "A long n"


def rule(start: int, style: str = "", first: int = 1, prefix: str = "") -> dict:
    return {"startpage": start, "style": style, "firstpagenum": first, "prefix": prefix}


@pytest.mark.parametrize(
    ("rules", "pages", "expected"),
    [
        ([], 3, ("1", "2", "3")),
        ([rule(0, "r"), rule(2, "D")], 4, ("i", "ii", "1", "2")),
        ([rule(2, "D"), rule(0, "R", 9)], 3, ("IX", "X", "1")),
        ([rule(0, "a", 26)], 3, ("z", "aa", "bb")),
        ([rule(0, "D", 5, "C-")], 2, ("C-5", "C-6")),
        ([rule(0, prefix="Cover"), rule(1, "D")], 2, ("Cover", "1")),
        ([rule(1, "D", 7)], 3, ("1", "7", "8")),
        ([rule(0, "r", 10**9)], 1, ("1000000000",)),
        ([rule(0)], 2, ("1", "2")),
    ],
)
def test_labels_are_built_as_the_standard_says(rules, pages, expected) -> None:
    assert page_labels(rules, pages) == expected


PROSE = "Words of a paragraph that runs on and on.\n" * 3


def test_order_does_not_depend_on_the_file() -> None:
    blocks = [
        Block(50, 40, 500, 60, "A title over everything on this page"),
        *[Block(50, y, 260, y + 60, f"left {y} {PROSE}") for y in (80, 150, 220)],
        *[Block(290, y, 500, y + 60, f"right {y} {PROSE}") for y in (80, 150, 220)],
        Block(50, 300, 500, 360, "A paragraph below both columns. " + PROSE),
        Block(50, 380, 260, 440, "left below " + PROSE),
        Block(290, 380, 500, 440, "right below " + PROSE),
        Block(270, 800, 280, 812, "7"),
    ]
    shuffled = blocks[:]
    random.Random(1).shuffle(shuffled)
    assert in_reading_order(shuffled) == blocks


def test_columns_of_right_to_left_text_start_on_the_right() -> None:
    prose = "שלום עולם זה טקסט ארוך מאוד בעמודה\n" * 3
    left, right = Block(50, 80, 260, 140, prose), Block(290, 80, 500, 140, prose + "1")
    assert in_reading_order([left, right]) == [right, left]


def test_rows_of_short_cells_are_read_across() -> None:
    cells = [
        Block(50 + 100 * x, 50 + 20 * y, 120 + 100 * x, 60 + 20 * y, f"{y}{x}")
        for x in range(3)
        for y in range(4)
    ]
    assert [cell.text for cell in in_reading_order(cells)] == [f"{y}{x}" for y in range(4) for x in range(3)]


@given(
    st.lists(
        st.builds(
            lambda x, y, width, height, text: Block(x, y, x + width, y + height, text),
            st.floats(0, 600), st.floats(0, 800), st.floats(1, 500), st.floats(1, 200), st.text(max_size=60),
        ),
        max_size=30,
    )
)  # fmt: skip
def test_no_block_is_lost_or_doubled(blocks: list[Block]) -> None:
    assert sorted(in_reading_order(blocks)) == sorted(blocks)
