"""Files become pages at good places, and no sign of them is lost."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.library.ingestion.source.cutting import (
    LONGEST_LINE,
    MAX_CHARACTERS,
    MAX_LINES,
    Slice,
    cut,
    lines_of,
    shorten_lines,
)
from apps.library.ingestion.source.notebooks import notebook_text

LINES = st.lists(
    st.sampled_from(
        ["", "", "    ", "\t", "def f():", "    return 1", "class A:", "}", "# words", "x" * 300, "y" * (MAX_CHARACTERS + 1), "é\x0c\u2028\x85 z"]
    ),
    max_size=700,
)  # fmt: skip


def check(text: str) -> list[Slice]:
    slices = cut(text)
    assert "".join(part.text for part in slices) == text
    at = 1
    for part in slices:
        assert part.first_line == at
        lines = part.last_line - at + 1
        assert lines == len(lines_of(part.text)) == part.text.count("\n") + (not part.text.endswith("\n"))
        assert 1 <= lines <= MAX_LINES
        assert len(part.text) <= MAX_CHARACTERS or lines == 1
        at = part.last_line + 1
    return slices


@settings(max_examples=150)
@given(LINES, st.booleans())
def test_slices_joined_are_the_text_and_keep_the_limits(lines: list[str], ends: bool) -> None:
    text = "\n".join(lines) + ("\n" if ends and lines else "")
    slices = check(text)
    assert slices == cut(text)
    runs = [
        len(run.split(",")) for run in ",".join("b" if not line.strip() else "|" for line in lines).split("|")
    ]
    if max(runs, default=0) < MAX_LINES // 3 and text.strip() and max(map(len, lines)) < MAX_CHARACTERS:
        assert not any(part.text.isspace() for part in slices)


def test_a_page_begins_at_a_definition() -> None:
    functions = [
        f"@cached\ndef rule_{number}(value):\n"
        + "".join(f"    if value > {step}:\n\n        value -= {step}\n" for step in range(9))
        + "    return value\n\n\n"
        for number in range(30)
    ]
    assert all(part.text.startswith("@cached\ndef") for part in check("".join(functions)))


@pytest.mark.parametrize(
    ("block", "opening"),
    [
        ("/** Doubles. */\nexport function twice(n: number) {\n  return n * 2;\n}\n\n", "/** Doubles"),
        ("static int\ntwice(int n)\n{\n\tint r = n;\n\n\treturn r * 2;\n}\n\n", "static int"),
        ("// Twice doubles.\nfunc Twice(n int) int {\n\treturn n * 2\n}\n\n", "// Twice"),
        ("  def twice(n)\n    n * 2\n  end\n\n", "  def twice"),
        ("## Chapter\n\nSome words.\n\nMore words.\n\n", "## Chapter"),
        ("[section]\nkey = 1\nother = 2\n\n", "[section]"),
    ],
    ids=["TypeScript", "C", "Go", "Ruby", "Markdown", "INI"],
)
def test_a_page_begins_where_a_block_does(block: str, opening: str) -> None:
    assert all(part.text.startswith(opening) for part in check(block * 60))


def test_a_long_line_is_a_page_alone() -> None:
    slices = check("a = 1\n" + "x" * 300_000 + "\nb = 2\n")
    assert [(part.first_line, part.last_line) for part in slices] == [(1, 1), (2, 2), (3, 3)]


def test_a_line_beyond_every_measure_is_cut_and_says_so() -> None:
    text = "a\n" + "x" * (LONGEST_LINE + 5) + "\nb\n"
    shortened = shorten_lines(text)
    assert [len(line) < LONGEST_LINE + 100 for line in shortened.split("\n")] == [True] * 4
    assert shortened.split("\n")[1].endswith("x … [5 more characters in this line are not read]")
    assert shorten_lines("a\n" + "x" * LONGEST_LINE) == "a\n" + "x" * LONGEST_LINE


@pytest.mark.parametrize(
    "text", ["", "\n", "a", "\n\n\n", "a\n" * 120, "a\n" * 121, "\n" * 1_000, "a" + "\n" * 130]
)
def test_small_and_empty_texts_are_cut_too(text: str) -> None:
    check(text)


def test_cutting_takes_linear_time() -> None:
    def seconds(text: str) -> float:
        start = time.process_time()
        cut(text)
        return time.process_time() - start

    for line in ("\n", "x\n", "    y\n", "a\n" + "\n" * 119):
        small = min(seconds(line * (20_000 // len(line))) for _ in range(3))
        assert seconds(line * (200_000 // len(line))) < 40 * small + 0.05


def test_a_notebook_reads_as_code_and_text() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "Words."]},
        {
            "cell_type": "code",
            "source": "x = 1\nx",
            "outputs": [
                {"output_type": "execute_result", "data": {"text/plain": ["1"], "image/png": "iVBORw0KGgo="}},
                {"output_type": "stream", "text": ["\x1b[31mred\x1b[0m\n"]},
                {"output_type": "error", "traceback": ["Trace", "ValueError: no"]},
            ],
        },
    ]
    rendered = notebook_text(json.dumps({"nbformat": 4, "cells": cells}))
    assert rendered == (
        "# %% [markdown] Cell 1\n# Title\nWords.\n\n# %% Cell 2\nx = 1\nx\n\n# Output:\n# 1\n# [image/png left out]\n\n"
        "# Output:\n# red\n\n# Output:\n# Trace\n# ValueError: no\n"
    )
    old = {"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": ["y = 2"]}]}]}
    assert notebook_text(json.dumps(old)) == "# %% Cell 1\ny = 2\n"


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "3", '{"cells": []}', '{"nbformat": 4}', '{"nbformat": 4, "cells": 3}', '{"nbformat": 4, "cells": [3]}',
        "[" * 5_000, '{"nbformat": 3, "worksheets": 5}', '{"nbformat": 3, "worksheets": [{"cells": [5]}]}',
        '{"nbformat": 4, "cells": [{"outputs": [{"data": 3}], "source": {}}]',
    ],
)  # fmt: skip
def test_what_is_no_notebook_stays_text(text: str) -> None:
    assert notebook_text(text) is None
