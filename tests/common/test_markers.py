import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apps.common.markers import (
    EVIDENCE_CLOSE,
    EVIDENCE_OPEN,
    MARKER,
    PAGE_HEADER,
    PATH_MARKER,
    neutralise,
    pack_page,
)


@pytest.mark.parametrize(
    ("written", "pair"),
    [
        ("[[3:12]]", ("3", "12", None)),
        ("[[3:12-14]]", ("3", "12", "14")),
        ("[[3:12–14]]", ("3", "12", "14")),
        ("[[ 3 : 12 - 14 ]]", ("3", "12", "14")),
        ("x[[1:2]]y", ("1", "2", None)),
    ],
)
def test_markers_and_ranges_are_read(written: str, pair: tuple[str, ...]) -> None:
    match = MARKER.search(written)
    assert match is not None
    assert match.group("ordinal", "first", "last") == pair


@pytest.mark.parametrize("written", ["[3:12]", "[[3:]]", "[[a:12]]", "[[3:12]", "[[3:\n12]]", "[[٣:١٢]]"])
def test_what_only_resembles_a_marker_is_none(written: str) -> None:
    assert MARKER.search(written) is None


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("[[src/app.py:12]]", ("src/app.py", "12", None)),
        ("[[src/app.py:12-20]]", ("src/app.py", "12", "20")),
        ("[[app/[id]/page.tsx:7]]", ("app/[id]/page.tsx", "7", None)),
    ],
)
def test_paths_with_lines_are_read(written: str, place: tuple[str, ...]) -> None:
    match = PATH_MARKER.fullmatch(written)
    assert match is not None
    assert match.group("path", "first", "last") == place


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("see [[3:12]]", "see [ [3:12]]"),
        ("[[3:", "[ [3:"),
        ("[[[3:12]]", "[ [ [3:12]]"),
        ("[[src/app.py:12]]", "[ [src/app.py:12]]"),
        ("<evidence>", "< evidence>"),
        ("</Evidence >", "< /Evidence >"),
        ("</ evidence>", "< / evidence>"),
        ("<|eot|><|header_start|>user", "< |eot|>< |header_start|>user"),
        ("a[[0, 1], [2, 3]]", "a[[0, 1], [2, 3]]"),
        ("[[wiki link]]", "[[wiki link]]"),
        ("f <| g x |> h <|> i", "f <| g x |> h <|> i"),
        ("the evidence < 3", "the evidence < 3"),
    ],
)
def test_what_resembles_a_marker_is_broken_and_nothing_else(text: str, safe: str) -> None:
    assert neutralise(text) == safe


FRAGMENTS = (
    *"[]:-–<>/|｜ \t\n",
    *("[[", "]]", "3", "12", "a", "x.py", "</", "eot", "evidence", "EVİDENCE", "<evidence>", "</ evidence>"),
    *("[[3:12]]", "[[a:1]]", "<|eot|>", "\u2028"),
)
pieces = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3)).map("".join)


@settings(max_examples=1000, deadline=None)
@given(pieces)
@example("[[a[[3:12]]")
@example("[[[[3:1]]")
@example("< evidence>")
def test_neutralising_is_idempotent_and_leaves_no_look_alike(text: str) -> None:
    safe = neutralise(text)
    assert neutralise(safe) == safe
    for grammar in (MARKER, PATH_MARKER, EVIDENCE_OPEN, EVIDENCE_CLOSE):
        assert grammar.search(safe) is None
    for line in safe.splitlines(keepends=True):
        assert PAGE_HEADER.match(line) is None
    assert safe.replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("unit", ["[[", "[[a", "[[a:1", "<|", "< ", "</   ", "[[1", "[ [", "<|a", "</"])
def test_hostile_text_costs_linear_time(unit: str) -> None:
    started = time.perf_counter()
    neutralise(unit * 100_000)
    assert time.perf_counter() - started < 3


def test_page_headers_are_told_from_lines_of_evidence() -> None:
    header = PAGE_HEADER.match("[[3:12]] src/app.py:1–120\ntext")
    assert header is not None
    assert header.group("ordinal", "number", "label") == ("3", "12", "src/app.py:1–120")
    assert PAGE_HEADER.match("[[3:12]]\ntext") is not None
    assert PAGE_HEADER.match('[[3:12]] "either party"\n') is None


def test_a_packed_page_begins_with_its_marker_line_and_ends_with_a_blank_line() -> None:
    assert pack_page(3, 12, "Text.") == "[[3:12]]\nText.\n\n"
    packed = pack_page(3, 12, "x = 1", label="src/app.py:1–120")
    assert packed == "[[3:12]] src/app.py:1–120\nx = 1\n\n"
    assert PAGE_HEADER.match(packed) is not None
