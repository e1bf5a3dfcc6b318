"""Lines of source text as HTML."""

from __future__ import annotations

import random
import re
from html import unescape

import pytest

from apps.library.code_lines import LONGEST_SHOWN, lines_html

LINE = re.compile(
    r'<span class="code-line( cited-line)?"><a class="code-number" id="L(\d+)"[^>]+></a><span class="code-text">(.*?)\n</span>(.*?)</span>',
    re.DOTALL,
)
TAG = re.compile(r"<[^>]+>")


def whole_href(line: int) -> str:
    return f"/whole/{line}?a=1&b=2"


def lines_of(text: str, runs: list[int] | None = None, **options: object) -> list[tuple[str, str, str]]:
    """(number, HTML of the text, HTML of the note) of each line."""
    html = lines_html(text, runs or [len(text), 0], whole_href=whole_href, **options)  # type: ignore[arg-type]
    found = [(match[2], match[3], match[4]) for match in LINE.finditer(html)]
    assert "".join(match[0] for match in LINE.finditer(html)) == html
    return found


def test_lines_are_numbered_from_where_the_slice_begins() -> None:
    assert [number for number, _, _ in lines_of("a\n\nb\n", first_line=121)] == ["121", "122", "123"]
    assert lines_of("") == []
    assert len(lines_of("a")) == 1
    assert len(lines_of("\n\n")) == 2


def test_lines_end_at_line_feeds_alone() -> None:
    assert len(lines_of("one\x0ctwo\x85three\u2028four\nfive")) == 2


def test_text_is_escaped_and_coloured() -> None:
    [(_, html, _)] = lines_of("if a<b&c", [2, 1, 6, 0])
    assert html == '<span class="hl-k">if</span> a&lt;b&amp;c'


def test_a_mark_holds_its_colours_and_runs_over_lines() -> None:
    text = "x = 'one\ntwo' + y\n"
    first, second = lines_of(text, [4, 0, 9, 2, 5, 0], marks=[(2, 12)])
    assert first[1] == 'x <mark>= <span class="hl-s">&#x27;one</span></mark>'
    assert second[1] == '<mark><span class="hl-s">two</span></mark><span class="hl-s">&#x27;</span> + y'


def test_marked_lines_and_notes_stand_at_their_numbers() -> None:
    html = lines_html(
        "a\nb\nc\n",
        [6, 0],
        first_line=10,
        marked_lines=[(11, 12)],
        notes={12: "secret <masked>"},
        whole_href=whole_href,
    )
    assert re.findall(r'cited-line"><a class="code-number" id="(L\d+)"', html) == ["L11", "L12"]
    assert html.count("code-note") == 1
    assert "secret &lt;masked&gt;</span></span>" in html


@pytest.mark.parametrize(
    "sign", ["\u202e", "\u2066", "\u200b", "\ufeff", "\x1b", "\x0c", "\x85", "\u2028", "\U000e0041"]
)
def test_signs_that_nobody_sees_are_shown_as_codes(sign: str) -> None:
    [(_, html, _)] = lines_of(f"a{sign}b")
    assert sign not in html
    assert f">U+{ord(sign):04X}</span>" in html


def test_tabs_joiners_and_letters_of_any_script_stay_as_they_are() -> None:
    text = "\ta\u200db\u200cc שלום 日本 é"
    assert lines_of(text)[0][1] == text


def test_a_very_long_line_is_cut_with_a_way_to_the_whole() -> None:
    [(_, html, _)] = lines_of("x" * 300_000)
    assert len(unescape(TAG.sub("", html))) < LONGEST_SHOWN + 40
    assert ">298,000 more characters</a>" in html
    assert 'href="/whole/1?a=1&amp;b=2"' in html


@pytest.mark.parametrize("at", [0, 399, 5_000, 150_000, 299_990])
def test_the_quote_of_a_very_long_line_is_among_what_is_shown(at: int) -> None:
    text = "x" * at + "the quote" + "y" * (300_000 - at) + "\nnext\n"
    lines = lines_of(text, marks=[(at, at + 9)])
    assert "<mark>the quote</mark>" in lines[0][1]
    before, after = (
        [int(cut.replace(",", "")) for cut in re.findall(r">([\d,]+) more", lines[0][1])] + [0, 0]
    )[:2]
    assert before + after + LONGEST_SHOWN == 300_009
    assert lines[1][1] == "next"


def test_nothing_of_any_text_is_lost_or_moved() -> None:
    """Random texts, colours and marks: tags taken away, the text is there, and the marks hold what they name."""
    chance = random.Random(7)
    for _ in range(200):
        text = "".join(chance.choices("ab<&'\t \n", k=chance.randrange(1, 60)))
        cuts = sorted(chance.sample(range(len(text) + 1), min(6, len(text))))
        marks = [(start, end) for start, end in zip(cuts[::2], cuts[1::2], strict=False) if start < end]
        runs, left = [], len(text)
        while left:
            length = chance.randint(1, left)
            runs += [length, chance.randrange(4)]
            left -= length
        lines = lines_of(text, runs, marks=marks)
        assert "\n".join(unescape(TAG.sub("", html)) for _, html, _ in lines) == text.removesuffix("\n")
        marked = "".join(
            unescape(TAG.sub("", part))
            for _, html, _ in lines
            for part in re.findall(r"<mark>(.*?)</mark>", html)
        )
        assert marked == "".join(text[start:end] for start, end in marks).replace("\n", "")
