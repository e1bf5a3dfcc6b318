import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.markers import DOCUMENT_HEADING, QUESTION_HEADING, REMINDER_HEADING, pack_page, packed_tail
from apps.llm.tokens import count_tokens, image_tokens, marker_tokens, prompt_tokens
from tests.llm.llama_reference import reference_count

PAGES = [
    "Either party may terminate with 120 days’ written notice.",
    "/usr/bin/env: a path at the very start of a page",
    "\u0301 a combining mark first, then 日本語 and 🦙",
    "'s starts with an apostrophe\r\nand has a carriage return\r\n\r\ninside",
    "def f(x):\n\treturn [[0, 1], [2, 3]]  # <|eot|>",
    "12345678901234567890",
    "]]\n/]]//",
    "wide" + " " * 60_000 + "gap " + "x" * 60_000,
]


def test_the_sum_of_all_parts_is_what_llama_counts_for_the_request() -> None:
    rules = "You answer from the documents.\n\n"
    parts: list[tuple[str, tuple[int, str] | None]] = [
        (DOCUMENT_HEADING.format(ordinal=7, name="lease.pdf"), None)
    ]
    numbers = [1, 12, 123, 1234, 99_999, 123_456, 1_234_567, 9]
    parts += [
        (pack_page(1007, number, text), (number, text)) for number, text in zip(numbers, PAGES, strict=True)
    ]
    parts += [
        (QUESTION_HEADING + "How long is the notice?\n\n", None),
        (REMINDER_HEADING + "Quote, then cite.\n", None),
    ]
    counted = sum(
        count_tokens(part)
        if page is None
        else marker_tokens(1007, page[0]) + count_tokens(packed_tail(page[1]))
        for part, page in parts
    )
    user = "".join(part for part, _ in parts)
    messages = [{"role": "system", "content": rules}, {"role": "user", "content": user}]
    assert prompt_tokens([count_tokens(rules), counted]) == reference_count(messages)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text(min_size=1, max_size=40).map(str.strip).filter(bool), min_size=2, max_size=6),
    st.integers(1),
)
def test_counts_of_packed_pages_add_up(texts: list[str], number: int) -> None:
    whole = "".join(pack_page(3, number, text) for text in texts)
    assert count_tokens(whole) == sum(
        marker_tokens(3, number) + count_tokens(packed_tail(text)) for text in texts
    )


@settings(deadline=None)
@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_marker_tokens_follow_the_vocabulary(ordinal: int, number: int) -> None:
    assert marker_tokens(ordinal, number) == count_tokens(f"[[{ordinal}:{number}")


def test_chat_turn_tokens_in_a_text_count_as_plain_text() -> None:
    assert count_tokens("<|eot|>") > 1


@pytest.mark.parametrize("text", [" " * 1_000_000, "a" * 300_000, "\n" * 300_000, "\ud800", ""])
def test_odd_texts_are_counted_without_a_crash(text: str) -> None:
    assert count_tokens(text) >= (1 if text else 0)


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [
        (595, 842, 1017),
        (612, 792, 1017),
        (827, 1169, 1887),
        (850, 1100, 1887),
        (1240, 1754, 2322),
        (1275, 1650, 2467),
        (1654, 2339, 2322),
        (336, 336, 147),
        (1, 1, 147),
    ],
)
def test_pictures_cost_what_their_tiles_cost(width: int, height: int, tokens: int) -> None:
    assert image_tokens(width, height) == tokens


def test_a_picture_without_size_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        image_tokens(0, 5)
