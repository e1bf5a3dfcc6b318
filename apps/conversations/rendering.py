"""Markdown of an answer to safe HTML, block by block: live, finished, reloaded and exported alike.

Text of a model is hostile. CommonMark without raw HTML and pictures makes HTML of it, an allow-list sanitiser
has the last word on that, and only then citation chips, built from our own data, take their places. What holds
their places are private-use characters, which are taken out of every text that comes in.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple
from urllib.parse import quote

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from apps.common.links import outward_host
from apps.conversations.verification import Verdict

LEAVE_PATH = "/leave/"
"""The page that names the host before a reader goes there."""

VERDICT_SIGNS: dict[Verdict, str] = {
    "exact": "",
    "close": "≈",
    "altered": "≠",
    "elsewhere": "↷",
    "page_only": "?",
    "not_found": "✕",
    "invalid": "",
}

# Above this a code block is shown without colours: a lexer takes about 15 ms for 1,000 characters.
_HIGHLIGHT_UP_TO_CHARACTERS = 10_000

_OPEN, _CLOSE, _DIGIT_ZERO = "\ue000", "\ue001", 0xE010
_PRIVATE_USE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]")
_WRITTEN_MARKER = re.compile(r"\[\[([0-9]{1,9}):([0-9]{1,9})(?:-([0-9]{1,9}))?\]\]")
_HELD_PLACE = re.compile(rf"\[\[{_OPEN}([\ue010-\ue019]+){_CLOSE}\]\]")
_CODE_DIGITS = {_DIGIT_ZERO + digit: str(digit) for digit in range(10)}

_TAGS = {
    "a", "blockquote", "br", "code", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s", "span",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_BLOCKS_WITH_DIRECTION = {"p", "h3", "h4", "h5", "h6", "li", "td", "th"}
_ATTRIBUTES = {
    "a": {"href"},
    "ol": {"start"},
    "span": {"class"},
    "code": {"class"},
    "td": {"class"},
    "th": {"class"},
    "*": {"dir"},
}
_CLASS = re.compile(r"hl-[a-z0-9]{1,4}|language-[a-z0-9#+.-]{1,30}|align-(?:left|right|center)|link-host")
_ALIGNMENT = re.compile(r"text-align:(left|right|center)")


@dataclass(frozen=True, slots=True)
class Chip:
    """What a reader sees for a marker. label: as printed (“lease p. 12”). title: document, page, verdict in words.

    name: what a screen reader says; it begins with the label, which people who speak to their browser see.
    """

    href: str
    label: str
    verdict: Verdict
    title: str
    name: str = ""


ChipFor = Callable[[int, int, int, int], Chip | None]
"""(ordinal, first, last, offset in code points) to the chip; None leaves the marker as text."""


@dataclass(frozen=True, slots=True)
class Block:
    """One top-level block. final: no later text changes it. html: safe to insert as it is."""

    index: int
    final: bool
    html: str


def no_chips(ordinal: int, first: int, last: int, offset: int) -> Chip | None:
    """Leaves every marker as the text it is."""
    return None


def render_blocks(text: str, chip: ChipFor = no_chips, *, final: bool = True) -> list[Block]:
    """Render a whole text. final: it is complete, so that all blocks are.

    The authority: blocks of `BlockRenderer` may differ from these only where a reference link is defined below
    its use, which nobody can know before.
    """
    blocks = [rendered for _, rendered in _render(text, 0, chip)]
    closed = len(blocks) if final else _count_closed(text)
    return [Block(index, index < closed, rendered) for index, rendered in enumerate(blocks)]


class BlockRenderer:
    """Renders a text that grows: each time only what may still change."""

    def __init__(self, chip: ChipFor = no_chips) -> None:
        self._chip = chip
        self._text = ""
        self._open_from = 0  # offset of the first block that is not final
        self._blocks: list[Block] = []
        self._final_count = 0

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks as they stand."""
        return tuple(self._blocks)

    def feed(self, text: str) -> list[Block]:
        """Add text; gives the blocks that are new or changed, by index."""
        if not text:
            return []
        self._text += text
        rest = self._text[self._open_from :]
        rendered = list(_render(rest, self._open_from, self._chip, is_growing=True))
        # A block may vanish again, when its next line makes it the definition of a link.
        closed = max(0, min(_count_closed(rest), len(rendered) - 1))
        changed: list[Block] = []
        for position, (_, block_html) in enumerate(rendered):
            changed += self._put(Block(self._final_count + position, position < closed, block_html))
        changed += self._drop_from(self._final_count + len(rendered))
        if closed:
            # What follows a closed block begins where that block's successor begins.
            self._open_from += rendered[closed][0]
            self._final_count += closed
        return changed

    def finish(self) -> list[Block]:
        """The text is complete: give what differs from the rendering of the whole, all blocks final."""
        whole = render_blocks(self._text, self._chip, final=True)
        changed = [changed for block in whole for changed in self._put(block)]
        return changed + self._drop_from(len(whole))

    def _put(self, block: Block) -> list[Block]:
        if block.index < len(self._blocks):
            if self._blocks[block.index] == block:
                return []
            self._blocks[block.index] = block
        else:
            self._blocks.append(block)
        return [block]

    def _drop_from(self, count: int) -> list[Block]:
        """Blocks that are no more, as empty ones: “a” and “-” below it become one heading."""
        gone = [Block(block.index, False, "") for block in self._blocks[count:]]
        del self._blocks[count:]
        return gone


def _count_closed(text: str) -> int:
    """How many top-level blocks no further text can change.

    A block is closed once another one has begun on a whole line: the last, unfinished line may yet become
    something else (“2” after a list is a paragraph, “2. x” belongs to the list).
    """
    tokens: list[Token] = []
    parser = _parser()
    parser.block.parse(_plain(text[: text.rfind("\n") + 1]), parser, {}, tokens)
    return max(0, len(_top_level(tokens)) - 1)


def _plain(text: str) -> str:
    """The text without what stands for places here, and with line feeds alone as line ends; equally long."""
    return _PRIVATE_USE.sub("\ufffd", text).replace("\r", " ").replace("\0", "\ufffd")


def _render(text: str, offset: int, chip: ChipFor, *, is_growing: bool = False) -> Iterator[tuple[int, str]]:
    """The top-level blocks of a text: (offset of the block in it, safe HTML).

    offset: of the text itself. is_growing: code in the last block gets its colours once the block is closed.
    """
    parser, parsed = _parser(), parse_text(text, offset)
    env: dict[str, Any] = {"parsed": parsed}
    line_starts = _line_starts(parsed.text)
    groups = _top_level(parsed.tokens)
    for index, group in enumerate(groups):
        env["has_colours"] = not is_growing or index < len(groups) - 1
        rendered = _sanitise(parser.renderer.render(group, parser.options, env))
        start = group[0].map[0] if group[0].map else 0
        yield line_starts[start], _HELD_PLACE.sub(partial(_insert_chip, parsed, chip), rendered)


def _line_starts(text: str) -> list[int]:
    return [0, *(match.end() for match in re.finditer("\n", text))]


def _top_level(tokens: Sequence[Token]) -> list[list[Token]]:
    groups: list[list[Token]] = []
    depth = 0
    for token in tokens:
        if depth == 0:
            groups.append([])
        groups[-1].append(token)
        depth += token.nesting
    return groups


def _insert_chip(parsed: ParsedText, chip: ChipFor, match: re.Match[str]) -> str:
    written, ordinal, first, last, offset = parsed.markers[_index(match)]
    found = chip(ordinal, first, last, offset)
    if found is None or found.verdict == "invalid":
        return html.escape(written)
    place = f"{ordinal}:{first}" if first == last else f"{ordinal}:{first}-{last}"
    sign = VERDICT_SIGNS[found.verdict]
    shown = f"{found.label}\u00a0{sign}" if sign else found.label
    name = found.name or f"{found.label}, {found.title}"
    return (
        f'<a class="cite cite--{found.verdict}" href="{html.escape(found.href)}"'
        f' title="{html.escape(found.title)}" aria-label="{html.escape(name)}"'
        f' data-cite="{place}">{html.escape(shown)}</a>'
    )


def _index(match: re.Match[str]) -> int:
    return int(match[1].translate(_CODE_DIGITS))


# -- the parser --


class Marker(NamedTuple):
    """A marker of a text. offset: of its first `[`, in code points of the whole text."""

    written: str
    ordinal: int
    first: int
    last: int
    offset: int


@dataclass(frozen=True, slots=True)
class ParsedText:
    """A text as the Markdown library's tokens; a token of the type `citation` stands for a marker.

    text: as it was parsed, equally long as the given one. What else holds a marker's place (code, addresses) is
    put right by `as_written`.
    """

    text: str
    tokens: list[Token]
    markers: list[Marker]

    def marker_of(self, citation: str) -> Marker:
        """The marker a citation token's content stands for."""
        match = _HELD_PLACE.fullmatch(citation)
        assert match is not None
        return self.markers[_index(match)]

    def as_written(self, text: str) -> str:
        """The text with its markers as they were written, for places where they are no citations."""
        return _HELD_PLACE.sub(lambda match: self.markers[_index(match)].written, text)


def parse_text(text: str, offset: int = 0) -> ParsedText:
    """Parse a model's text, or the rest of one from `offset` on, by the rules of every screen and export."""
    text = _plain(text)
    markers: list[Marker] = []

    def hold_place(match: re.Match[str]) -> str:
        first = int(match[2])
        markers.append(Marker(match[0], int(match[1]), first, int(match[3] or first), offset + match.start()))
        digits = "".join(chr(_DIGIT_ZERO + int(digit)) for digit in str(len(markers) - 1))
        return f"[[{_OPEN}{digits}{_CLOSE}]]"

    return ParsedText(text, _parser().parse(_WRITTEN_MARKER.sub(hold_place, text)), markers)


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": False}, renderer_cls=_Renderer)
    parser.enable(["table", "strikethrough"]).disable(["image", "html_block", "html_inline"])
    parser.inline.ruler.before("link", "citation", _citation_rule)
    parser.validateLink = _is_allowed_link  # type: ignore[method-assign]
    return parser


def _citation_rule(state: StateInline, silent: bool) -> bool:
    match = _HELD_PLACE.match(state.src, state.pos)
    if match is None:
        return False
    if not silent:
        # The library takes a rule that begins with `[` for a link, so what surrounds a marker is none.
        state.push("citation", "", 0).content = match[0]
    state.pos = match.end()
    return True


def _is_allowed_link(url: str) -> bool:
    return outward_host(url) is not None


def _restore(text: str, env: EnvType) -> str:
    parsed: ParsedText = env["parsed"]
    return parsed.as_written(text)


class _Renderer(RendererHTML):
    """HTML that the sanitiser has little to do on; each method renders the token its name names."""

    def citation(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return tokens[idx].content

    def code_inline(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"<code>{html.escape(_restore(tokens[idx].content, env))}</code>"

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"<pre><code>{html.escape(_restore(tokens[idx].content, env))}</code></pre>\n"

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        words = token.info.split()
        language = words[0].lower() if words else ""
        coloured = _highlight(_restore(token.content, env), language if env["has_colours"] else "")
        known = f' class="language-{html.escape(language)}"' if language else ""
        return f"<pre><code{known}>{coloured}</code></pre>\n"

    def heading_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f'<{_heading(tokens[idx].tag)} dir="auto">'

    def heading_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"</{_heading(tokens[idx].tag)}>\n"

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        url = str(tokens[idx].attrGet("href") or "")
        env["open_link"] = url  # links hold no links
        return f'<a href="{LEAVE_PATH}?to={quote(url, safe="")}">'

    def link_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        host = outward_host(env["open_link"]) or ""
        return f'</a> <span class="link-host">({html.escape(host)})</span>'

    def renderToken(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        if token.nesting == 1:
            aligned = _ALIGNMENT.fullmatch(str(token.attrGet("style") or ""))
            token.attrs.pop("style", None)
            if aligned:
                token.attrSet("class", f"align-{aligned[1]}")
            if token.tag in _BLOCKS_WITH_DIRECTION:
                token.attrSet("dir", "auto")
        return super().renderToken(tokens, idx, options, env)


def _heading(tag: str) -> str:
    """Headings of an answer stand below those of the page, which has two levels."""
    return f"h{min(int(tag[1:]) + 2, 6)}"


def _highlight(code: str, language: str) -> str:
    if not language or len(code) > _HIGHLIGHT_UP_TO_CHARACTERS:
        return html.escape(code)
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return html.escape(code)
    return str(highlight(code, lexer, _formatter()))


@cache
def _formatter() -> HtmlFormatter[str]:
    return HtmlFormatter(nowrap=True, classprefix="hl-")


# -- the sanitiser --


def _sanitise(rendered: str) -> str:
    return nh3.clean(
        rendered,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_keep_attribute,
        url_schemes=set(),
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
        # Wide ones scroll by themselves, which must also be possible with the keyboard.
        set_tag_attribute_values={"pre": {"tabindex": "0"}, "table": {"tabindex": "0"}},
    )


def _keep_attribute(tag: str, name: str, value: str) -> str | None:
    if name == "href":
        return value if value.startswith(f"{LEAVE_PATH}?to=") else None
    if name == "class":
        kept = [word for word in value.split() if _CLASS.fullmatch(word)]
        return " ".join(kept) or None
    if name == "dir":
        return value if value == "auto" else None
    return value
