"""Pieces of text from outside become fit for rows, Redis and HTML."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.clean import TextCleaner


def cleaned(*pieces: str) -> str:
    cleaner = TextCleaner()
    return "".join(cleaner.feed(piece) for piece in pieces)


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["plain", " words"], "plain words"),
        (["nu\x00ll"], "null"),
        (["Fine \ud83d", "\ude00 and the end."], "Fine 😀 and the end."),
        (["whole 😀"], "whole 😀"),
        (["lone \ude00 low"], "lone \ufffd low"),
        (["lone \ud83d high"], "lone \ufffd high"),
        (["é", "ü 漢字"], "éü 漢字"),
    ],
    ids=["plain", "nul", "pair over two pieces", "emoji", "low half", "high half", "other scripts"],
)
def test_text_is_made_clean(pieces: list[str], text: str) -> None:
    assert cleaned(*pieces) == text


@given(st.lists(st.text(st.characters(codec=None, exclude_categories=[]))))
def test_what_comes_out_can_always_be_encoded(pieces: list[str]) -> None:
    assert "\x00" not in cleaned(*pieces).encode().decode()
