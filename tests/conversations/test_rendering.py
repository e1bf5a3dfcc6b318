"""Answers as HTML."""

from __future__ import annotations

import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.conversations.rendering import Block, BlockRenderer, Chip, render_blocks
from tests.conversations.hostile_texts import HOSTILE, PROBE

ALLOWED = {
    "a": {"href", "rel", "class", "title", "aria-label", "data-cite"},
    "ol": {"start"},
    "span": {"class"},
    "code": {"class"},
    "p": set(), "h3": set(), "h4": set(), "h5": set(), "h6": set(), "li": set(), "ul": set(), "pre": {"tabindex"},
    "blockquote": set(), "br": set(), "em": set(), "strong": set(), "s": set(), "hr": set(), "table": {"tabindex"},
    "thead": set(), "tbody": set(), "tr": set(), "td": {"class"}, "th": {"class"},
}  # fmt: skip


def chip(ordinal: int, first: int, last: int, offset: int) -> Chip | None:
    if ordinal != 3:
        return None
    return Chip(f"/documents/{ordinal}/{first}#at-{offset}", f"lease p. {first}", "exact", "word for word")


def whole(text: str) -> str:
    return "".join(block.html for block in render_blocks(text, chip))


class Inspector(HTMLParser):
    """Raises for anything outside the allow-list; keeps links, chips and open tags."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.chips: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert tag in ALLOWED, tag
        assert set(given) <= ALLOWED[tag] | {"dir"}, (tag, given)
        assert given.get("tabindex", "0") == "0", (tag, given)
        if tag == "a":
            assert "a" not in self.open
            href = given["href"] or ""
            if "data-cite" in given:
                self.chips.append(given)
                assert href.startswith("/documents/")
            else:
                self.links.append(href)
                assert href.startswith(("/leave/?to=http", "/leave/?to=mailto"))
                assert "HTTP" not in href or href.startswith("/leave/?to=HTTP")
                assert given["rel"] == "noopener noreferrer nofollow"
                assert "class" not in given
        if tag not in ("br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl}")

    unknown_decl = handle_pi = handle_decl


def inspect(rendered: str) -> Inspector:
    inspector = Inspector()
    inspector.feed(rendered)
    inspector.close()
    assert inspector.open == []
    return inspector


def replay(chunks: list[str]) -> list[Block]:
    """What a browser holds after all events: blocks by index, the last one said."""
    renderer = BlockRenderer(chip)
    held: dict[int, Block] = {}
    for chunk in chunks:
        for block in renderer.feed(chunk):
            held[block.index] = block
    for block in renderer.finish():
        held[block.index] = block
    return [held[index] for index in sorted(held) if held[index].html]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    inspect(whole(text))
    inspect(whole(f"Before [[3:12]].\n\n{text}\n\n- {text}\n\n> {text}\n\n| a |\n|---|\n| {text} |"))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_at_each_cut(text: str) -> None:
    renderer = BlockRenderer(chip)
    for character in text:
        for block in renderer.feed(character):
            inspect(block.html)
    for block in renderer.finish():
        inspect(block.html)
    assert "".join(block.html for block in renderer.blocks) == whole(text)


def test_what_was_written_as_markup_is_shown_as_written() -> None:
    assert f"<script>{PROBE}</script>" in inspect(whole(f"<script>{PROBE}</script>")).text


def test_a_marker_becomes_a_chip_with_its_offset() -> None:
    text = "é 👩🏽‍⚖️ ends [[3:12]] and [[3:12-14]]."
    first, second = inspect(whole(text)).chips
    assert first["href"] == f"/documents/3/12#at-{text.index('[[')}"
    assert first["class"] == "cite cite--exact"
    assert first["data-cite"] == "3:12"
    assert second["data-cite"] == "3:12-14"


@pytest.mark.parametrize(
    ("verdict", "shown"),
    [
        ("exact", "lease p. 12"),
        ("close", "lease p. 12\u00a0≈"),
        ("altered", "lease p. 12\u00a0≠"),
        ("elsewhere", "lease p. 12\u00a0↷"),
        ("page_only", "lease p. 12\u00a0?"),
        ("not_found", "lease p. 12\u00a0✕"),
        ("invalid", "[[3:12]]"),
    ],
)
def test_only_what_is_not_exact_carries_a_sign(verdict: str, shown: str) -> None:
    def mine(*_: int) -> Chip:
        return Chip("/documents/x", "lease p. 12", verdict, "why")  # type: ignore[arg-type]

    [block] = render_blocks("[[3:12]]", mine)
    inspector = inspect(block.html)
    assert inspector.text.strip() == shown
    assert len(inspector.chips) == (verdict != "invalid")


def test_a_label_from_outside_is_escaped() -> None:
    def mine(*_: int) -> Chip:
        return Chip('/documents/"><script>', '"><script>', "altered", '" onclick="x')

    inspect(render_blocks("[[3:12]]", mine)[0].html)


@pytest.mark.parametrize(
    "text",
    [
        "`[[3:12]]`",
        "```\n[[3:12]]\n```",
        "    [[3:12]]",
        "```python\nx = '[[3:12]]'\n```",
        "[[9:9]]",
        "[x](https://e.example/ '[[3:12]]')",
        "\\[[3:12]]",
    ],
)
def test_where_no_citation_can_stand_the_marker_is_text(text: str) -> None:
    inspector = inspect(whole(text))
    assert inspector.chips == [] or text.startswith("\\")
    assert "\ue000" not in whole(text)
    if "e.example" not in text:
        assert ("[[3:12]]" in inspector.text) or ("[[9:9]]" in inspector.text) or inspector.chips


def test_a_marker_at_the_start_of_a_line_with_a_colon_is_no_definition() -> None:
    assert len(inspect(whole("[[3:12]]: the lease says so")).chips) == 1


def test_links_lead_through_the_page_that_names_the_host() -> None:
    rendered = whole(
        "[terms](https://example.org/a?b=1&c=2) <https://example.org/> [m](mailto:a@example.org)"
    )
    inspector = inspect(rendered)
    assert inspector.links == [
        "/leave/?to=https%3A%2F%2Fexample.org%2Fa%3Fb%3D1%26c%3D2",
        "/leave/?to=https%3A%2F%2Fexample.org%2F",
        "/leave/?to=mailto%3Aa%40example.org",
    ]
    assert "terms (example.org)" in inspector.text
    assert "m (a@example.org)" in inspector.text


def test_a_host_behind_a_user_name_is_no_link() -> None:
    assert "/leave/" not in whole("[x](https://bank.example@evil.example/)")


def test_a_host_in_letters_that_look_like_others_is_named_as_what_it_is() -> None:
    assert "(xn--bnk-6cd.example)" in inspect(whole("[x](https://b\u0430nk.example/)")).text


def test_what_markdown_offers_is_rendered() -> None:
    rendered = whole(
        "# Title\n\nA *b* **c** ~~d~~ `e`\n\n3. x\n4. y\n\n> q\n\n| l | r |\n|:--|--:|\n| 1 | 2 |\n\n---\n\n```python\ndef f(): ...\n```"
    )
    for piece in (
        "<h3", "<em>b</em>", "<strong>c</strong>", "<s>d</s>", "<code>e</code>", '<ol start="3">', "<blockquote>",
        'class="align-left"', 'class="align-right"', "<hr>", 'class="language-python"', '<span class="hl-k">def',
    ):  # fmt: skip
        assert piece in rendered
    assert "style=" not in rendered


MARKDOWN = st.lists(
    st.sampled_from(
        [
            "word", " ", "\n", "\n\n", "\n\n\n", "- a", "* b", "1. c", "2", ". d", "2. e", "> q", "# h", "#", "    code",
            "  ", "```", "```py\n", "~~~\n", "---", "===", "| a | b |", "|---|---|", "|", "[[3:12]]", "[[9:9]]", "**",
            "*", "`", "[x](https://e.example)", "<b>", "\t", "é", "👩🏽‍⚖️", "\\", "-", "+", "1)", "_", "~~", "&amp;",
        ]
    ),
    max_size=24,
)  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(MARKDOWN, st.data())
def test_blocks_seen_live_end_as_the_rendering_of_the_whole(pieces: list[str], data: st.DataObject) -> None:
    text = "".join(pieces)
    chunks = list(text) if data.draw(st.booleans()) else pieces
    expected = render_blocks(text, chip)
    assert "".join(b.html for b in replay(chunks)) == "".join(b.html for b in expected)
    renderer = BlockRenderer(chip)
    for chunk in chunks:
        renderer.feed(chunk)
    # The blocks are right even before the end is said; only code waits for its colours.
    shown, right = [block.html for block in renderer.blocks], [block.html for block in expected]
    assert shown[:-1] == right[:-1]
    assert shown == right or "hl-" in right[-1]


@settings(max_examples=200, deadline=None)
@given(MARKDOWN)
def test_a_final_block_never_changes(pieces: list[str]) -> None:
    renderer = BlockRenderer(chip)
    final: dict[int, str] = {}
    for character in "".join(pieces):
        for block in renderer.feed(character):
            assert block.index not in final
            if block.final:
                final[block.index] = block.html
    for block in renderer.finish():
        assert final.get(block.index, block.html) == block.html


def test_code_gets_its_colours_once_its_block_is_closed() -> None:
    renderer = BlockRenderer()
    [growing] = renderer.feed("```python\ndef f(): ...\n```\n")
    assert "hl-" not in growing.html
    [closed, _] = renderer.feed("\nMore.\n")
    assert closed.final
    assert "hl-k" in closed.html


def test_a_link_defined_below_its_use_is_put_right_at_the_end() -> None:
    text = "See [the terms].\n\nMore.\n\n[the terms]: https://example.org/\n"
    assert "".join(block.html for block in replay(list(text))) == whole(text)
    assert "example.org" in whole(text)


def test_a_long_answer_stays_quick_while_it_grows() -> None:
    paragraph = "The *lease* ends with 120 days' notice [[3:12]], **as agreed** in `clause 12`. " * 6 + "\n\n"
    renderer = BlockRenderer(chip)
    started = time.perf_counter()
    for _ in range(40):
        for start in range(0, len(paragraph), 60):
            renderer.feed(paragraph[start : start + 60])
    assert time.perf_counter() - started < 15
    assert len(renderer.blocks) == 40
