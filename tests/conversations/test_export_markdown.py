"""Markdown of exports: what was text stays text, whoever renders it."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from apps.conversations.export_html import HtmlWriter
from apps.conversations.export_markdown import markdown_of
from apps.conversations.export_tree import Block, Paragraph, parse_blocks, plain, words_of
from apps.conversations.rendering import Marker
from tests.conversations.hostile_texts import HOSTILE

TAGS = {
    "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong", "s",
    "a", "hr", "br", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip


def number(marker: Marker) -> int | None:
    return marker.first if marker.ordinal == 3 else None


def tree(text: str) -> list[Block]:
    return parse_blocks(text, number)


class Lenient(HTMLParser):
    """Fails at whatever a program that renders HTML, pictures and bare addresses would make of it."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        for name, value in attrs:
            assert name in {"href", "class", "start", "style", "title"}, name
            if name == "href":
                assert (value or "").lower().startswith(("http:", "https:", "mailto:")), value
            if name == "style":
                assert (value or "").startswith("text-align:")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    handle_decl = unknown_decl = handle_pi = handle_comment


def rendered(markdown: str) -> str:
    """By a program that allows all there is."""
    return str(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))


@pytest.mark.parametrize("payload", HOSTILE)
def test_hostile_text_is_text_for_lenient_programs(payload: str) -> None:
    Lenient().feed(rendered(markdown_of(tree(payload))))
    Lenient().feed(rendered(markdown_of([Paragraph((plain(payload),))])))


@given(st.text(alphabet="ab <>/!?[]()*_`~#&;:|\\\n-+=.1\"'3{}$^\t\u00a0é租", max_size=80))
def test_no_text_becomes_html_a_picture_or_another_link(text: str) -> None:
    Lenient().feed(rendered(markdown_of(tree(text))))
    reader = Lenient()
    reader.feed(rendered(markdown_of([Paragraph((plain(text),))])))
    assert reader.text.split() == plain(text).text.split()


_WORDS = st.sampled_from(
    [
        "rent",
        "120 days",
        "a*b",
        "snake_case",
        "x < 3",
        "<b>",
        "&amp;",
        "[1]",
        "`",
        "#",
        "1. one",
        "- x",
        "|",
        "~~",
    ]
)
_INLINES = st.one_of(
    _WORDS.map(lambda word: word.translate({ord(sign): f"\\{sign}" for sign in "\\`*_[]<>#&|~-."})),
    st.sampled_from(
        ["**bold**", "*slanted*", "~~gone~~", "`a < b`", "`` ` ``", "[[3:12]]", "<https://e.example/>"]
    ),
)
_LINES = st.lists(_INLINES, min_size=1, max_size=5).map(" ".join)
_BLOCKS = st.one_of(
    _LINES,
    _LINES.map(lambda line: f"## {line}"),
    st.lists(_LINES, min_size=1, max_size=3).map(lambda lines: "\n".join(f"- {line}" for line in lines)),
    st.lists(_LINES, min_size=1, max_size=3).map(lambda lines: "\n".join(f"7) {line}" for line in lines)),
    st.lists(_LINES, min_size=2, max_size=3).map(
        lambda lines: f"- {lines[0]}\n\n  {lines[1]}\n  - {lines[-1]}"
    ),
    _LINES.map(lambda line: f"> {line}\n>\n> - {line}"),
    st.sampled_from(
        [
            "```js\nlet a = '<b>';\n\n  `x`\n```",
            "~~~\n```\n~~~",
            "***",
            "| a | b |\n|--|:-:|\n| `c\\|d` | 1 |",
        ]
    ),
)


@given(st.lists(_BLOCKS, min_size=1, max_size=4).map("\n\n".join))
def test_what_is_written_reads_as_what_it_was(text: str) -> None:
    first = tree(text)
    again = parse_blocks(markdown_of(first).replace("[12]", "[[3:12]]"), number)
    assert HtmlWriter(is_paper=True).blocks(again) == HtmlWriter(is_paper=True).blocks(first)


def test_code_stays_as_it_is() -> None:
    assert markdown_of(tree("`a < b<c>` and\n\n```\n<script>*x*</script>\n```")) == (
        "`a < b<c>` and\n\n```\n<script>*x*</script>\n```\n"
    )


def test_a_citation_is_never_a_link() -> None:
    written = markdown_of(tree("[[3:12]](https://evil.example)\n\n[[3:12]]: https://evil.example"))
    assert "<a" not in rendered(written)
    assert "[12]: https://evil.example" in rendered(written)


def test_a_number_the_model_wrote_is_not_taken_for_a_source() -> None:
    blocks = parse_blocks("One [[3:1]], forged [1], free [2], `[1]`.", number, sources=1)
    assert isinstance(blocks[0], Paragraph)
    assert words_of(blocks[0].children) == "One [1], forged [ 1], free [2], [1]."


def test_links_show_where_they_lead() -> None:
    assert (
        markdown_of(tree("See [the bank](https://evil.example/a)."))
        == "See the bank (<https://evil.example/a>).\n"
    )
    assert markdown_of(tree("[x](javascript:alert(7))")) == "\\[x\\](javascript:alert(7))\n"
