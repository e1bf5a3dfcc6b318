"""Colours of source text, found in a child."""

from __future__ import annotations

from threading import Event

import pytest

from apps.library import highlighting
from apps.library.highlighting import COLOURED_CHARACTERS, colour_runs, lexer_of
from apps.library.ingestion.colours import KINDS
from apps.library.ingestion.limits import Limits

PROGRAM = 'def f(x):\n    # half\n    return "a" + str(x * 2)\n'


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(highlighting, "PATIENCE_SECONDS", 30)


def coloured(text: str, lexer: str) -> list[tuple[str, str]]:
    """(kind, words) of what has a colour."""
    found, at = [], 0
    runs = colour_runs(text, lexer)
    for length, kind in zip(runs[::2], runs[1::2], strict=True):
        if kind:
            found.append((KINDS[kind], text[at : at + length]))
        at += length
    assert at == len(text)
    return found


def test_words_have_the_colours_of_what_they_are() -> None:
    assert coloured(PROGRAM, "Python") == [
        ("k", "def"), ("nf", "f"), ("c", "# half"), ("k", "return"), ("s", '"a"'), ("nb", "str"), ("m", "2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "lexer"),
    [
        ("src/app.py", "Python"), ("a/Makefile", "Makefile"), ("x.TS", "TypeScript"), ("x.sql", "SQL"), ("lib.pl", "Perl"),
        ("include/x.h", "C"), ("README", ""), ("notes.txt", ""), ("odd.unheardof", ""), ("Dockerfile", "Docker"),
        ("web/x.svelte", "HTML"),
    ],
)  # fmt: skip
def test_the_language_is_told_by_the_name(path: str, lexer: str) -> None:
    assert lexer_of(path) == lexer


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeffx = 1\n", "'" * 999, "é𝔘\u202e = 'ü\n", "\x00\x0c"])
def test_colours_cover_the_text_whatever_it_is(text: str) -> None:
    coloured(text, "Python")


def test_what_was_found_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    first = colour_runs(PROGRAM, "Python")
    monkeypatch.setattr(highlighting, "_ask", lambda *_: pytest.fail("asked again"))
    assert colour_runs(PROGRAM, "Python") == first
    # Nobody is asked about what is too long or of no language, either.
    assert colour_runs(PROGRAM, "") == [len(PROGRAM), 0]
    long = "x" * (COLOURED_CHARACTERS + 1)
    assert colour_runs(long, "Python") == [len(long), 0]


@pytest.mark.parametrize(
    ("limits", "is_kept"), [(Limits(output_bytes=10), True), (Limits(wall_seconds=0.0001), False)]
)
def test_text_that_ends_its_child_is_plain_and_tried_again_only_if_chance_did_it(
    monkeypatch: pytest.MonkeyPatch, limits: Limits, is_kept: bool
) -> None:
    text, asked = PROGRAM * 400, []
    ask = highlighting._ask
    monkeypatch.setattr(highlighting, "LIMITS", limits)
    monkeypatch.setattr(highlighting, "_ask", lambda *given: asked.append(given) or ask(*given))
    assert colour_runs(text, "Python") == [len(text), 0]
    assert colour_runs(text, "Python") == [len(text), 0]
    assert len(asked) == (1 if is_kept else 2)


def test_while_all_children_are_busy_text_is_plain() -> None:
    with highlighting._children, highlighting._children:
        assert colour_runs(PROGRAM, "Python") == [len(PROGRAM), 0]
    assert len(colour_runs(PROGRAM, "Python")) > 2


def test_nobody_waits_for_colours_that_take_long_and_the_next_one_has_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go, ask, children = Event(), highlighting._ask, highlighting._children
    monkeypatch.setattr(highlighting, "_ask", lambda *given: go.wait(30) and ask(*given))
    monkeypatch.setattr(highlighting, "PATIENCE_SECONDS", 0.01)
    assert colour_runs(PROGRAM, "Python") == [len(PROGRAM), 0]
    go.set()
    # Its thread gives back its place when the colours are kept.
    for _ in range(highlighting.MOST_CHILDREN):
        assert children.acquire(timeout=30)
    children.release(highlighting.MOST_CHILDREN)
    assert len(colour_runs(PROGRAM, "Python")) > 2


def test_a_language_that_nobody_knows_is_plain() -> None:
    assert colour_runs(PROGRAM, "Never heard of") == [len(PROGRAM), 0]
