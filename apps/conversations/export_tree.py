"""An exported text as a tree: parsed once, by the rules of the screen, and written by every format alike.

The tree holds no HTML, pictures or scripts, and no words that hide an address: a link is the address itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias
from unicodedata import bidirectional

from markdown_it.tree import SyntaxTreeNode

from apps.conversations.rendering import Marker, ParsedText, parse_text

# What XML, and with it a Word file, cannot hold, and what only confuses elsewhere; line ends are kept.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_WHITE_SPACE = re.compile(r"[ \t\n]+")
_BRACKETED_NUMBER = re.compile(r"\[(?=([0-9]{1,6})\])")


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Code:
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """An address, shown as what it is. href: http, https or mailto."""

    href: str


@dataclass(frozen=True, slots=True)
class Cite:
    """A citation. number: of the source, from 1."""

    number: int


@dataclass(frozen=True, slots=True)
class LineBreak:
    pass


@dataclass(frozen=True, slots=True)
class Styled:
    """sign: as it was written (`*`, `__`, `~~`), because where it may open and close depends on it."""

    style: Literal["strong", "em", "s"]
    children: tuple[Inline, ...]
    sign: str = ""


Inline: TypeAlias = Text | Code | Link | Cite | LineBreak | Styled


@dataclass(frozen=True, slots=True)
class Paragraph:
    """source: the number of the source that is listed here; it stands before the words."""

    children: tuple[Inline, ...]
    source: int | None = None


@dataclass(frozen=True, slots=True)
class Heading:
    """level: 1 to 6."""

    level: int
    children: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class CodeBlock:
    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Quote:
    children: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class ListBlock:
    """start: of a numbered list, else None. sign: `-`, `*`, `+`, `.` or `)`, which tells neighbours apart."""

    items: tuple[tuple[Block, ...], ...]
    start: int | None = None
    sign: str = "-"
    is_tight: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """rows: the first is the head. alignments: left, right, center or nothing, one per column."""

    rows: tuple[tuple[tuple[Inline, ...], ...], ...]
    alignments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    pass


Block: TypeAlias = Paragraph | Heading | CodeBlock | Quote | ListBlock | Table | Rule

NumberFor = Callable[[Marker], int | None]
"""A marker of the text to the number of its source; None leaves it as text."""


def plain(text: str) -> Text:
    """Words of ours, of a person or of a document as one piece of text, never as markup."""
    return Text(_clean(text).strip())


def parse_blocks(
    text: str, number: NumberFor = lambda marker: None, *, top_level: int = 1, sources: int = 0
) -> list[Block]:
    """A model's Markdown as blocks. top_level: what `#` becomes. number is asked in the order of reading.

    sources: how many there are. A `[1]` that the model wrote itself, and that would be read as one of them, gets
    a space behind its bracket.
    """
    parsed = parse_text(text)
    return _Builder(parsed, number, top_level, sources).blocks(SyntaxTreeNode(parsed.tokens))


def is_right_to_left(text: str) -> bool:
    """Whether the first letter with a direction is one of a script that runs leftwards."""
    directions = (bidirectional(sign) for sign in text)
    return next((one != "L" for one in directions if one in {"L", "R", "AL"}), False)


def words_of(children: Iterable[Inline]) -> str:
    """The words alone."""
    return "".join(_words(children))


def _words(children: Iterable[Inline]) -> Iterator[str]:
    for child in children:
        match child:
            case Text(text) | Code(text) | Link(text):
                yield text
            case Cite(number):
                yield f"[{number}]"
            case LineBreak():
                yield "\n"
            case Styled(children=inner):
                yield from _words(inner)


def _clean(text: str) -> str:
    return _WHITE_SPACE.sub(" ", _UNPRINTABLE.sub("", text))


class _Builder:
    """Walks the tokens of one text; a method for blocks, one for what stands in a line."""

    def __init__(self, parsed: ParsedText, number: NumberFor, top_level: int, sources: int) -> None:
        self._parsed = parsed
        self._number = number
        self._top_level = top_level
        self._sources = sources

    def blocks(self, parent: SyntaxTreeNode) -> list[Block]:
        return [self._block(node) for node in parent.children]

    def _block(self, node: SyntaxTreeNode) -> Block:
        match node.type:
            case "paragraph":
                return Paragraph(self._line(node))
            case "heading":
                level = int(node.tag[1:]) + self._top_level - 1
                return Heading(min(level, 6), self._line(node))
            case "fence" | "code_block":
                words = node.info.split()
                return CodeBlock(self._code(node).removesuffix("\n"), words[0] if words else "")
            case "blockquote":
                return Quote(tuple(self.blocks(node)))
            case "bullet_list" | "ordered_list":
                return self._list(node)
            case "table":
                rows = [row for part in node.children for row in part.children]
                return Table(
                    tuple(tuple(self._line(cell) for cell in row.children) for row in rows),
                    tuple(_alignment(cell) for cell in rows[0].children),
                )
            case "hr":
                return Rule()
        raise AssertionError(f"no block of an answer: {node.type}")

    def _list(self, node: SyntaxTreeNode) -> ListBlock:
        paragraphs = [child for item in node.children for child in item.children if child.type == "paragraph"]
        return ListBlock(
            tuple(tuple(self.blocks(item)) for item in node.children),
            start=int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None,
            sign=node.markup,
            is_tight=all(paragraph.hidden for paragraph in paragraphs),
        )

    def _line(self, node: SyntaxTreeNode) -> tuple[Inline, ...]:
        """What stands in a block's one inline child, without white space at its ends."""
        merged = [
            self._unforged(inline) if isinstance(inline, Text) else inline
            for inline in _merged(inline for child in node.children for inline in self._inlines(child))
        ]
        while merged and merged[0] in (Text(" "), LineBreak()):
            del merged[0]
        while merged and merged[-1] in (Text(" "), LineBreak()):
            del merged[-1]
        if merged and isinstance(merged[0], Text):
            merged[0] = Text(merged[0].text.lstrip(" "))
        if merged and isinstance(merged[-1], Text):
            merged[-1] = Text(merged[-1].text.rstrip(" "))
        return tuple(merged)

    def _unforged(self, inline: Text) -> Text:
        return Text(
            _BRACKETED_NUMBER.sub(lambda m: "[ " if 0 < int(m[1]) <= self._sources else "[", inline.text)
        )

    def _inlines(self, parent: SyntaxTreeNode) -> Iterator[Inline]:
        for node in parent.children:
            match node.type:
                case "text":
                    yield Text(_clean(self._parsed.as_written(node.content)))
                case "softbreak":
                    yield Text(" ")
                case "hardbreak":
                    yield LineBreak()
                case "code_inline":
                    yield Code(_clean(self._code(node)))
                case "citation":
                    yield self._citation(node)
                case "link":
                    yield from self._link(node)
                case "strong" | "em" | "s":
                    children = tuple(_merged(self._inlines(node)))
                    yield Styled(node.type, children, node.markup)
                case _:
                    raise AssertionError(f"nothing of an answer's line: {node.type}")

    def _citation(self, node: SyntaxTreeNode) -> Inline:
        marker = self._parsed.marker_of(node.content)
        number = self._number(marker)
        return Text(marker.written) if number is None else Cite(number)

    def _link(self, node: SyntaxTreeNode) -> Iterator[Inline]:
        """The words, then the address in brackets; the address alone where it is all there was."""
        address = Link(self._parsed.as_written(str(node.attrs["href"])))
        if node.markup == "autolink":
            yield address
            return
        yield from self._inlines(node)
        yield from (Text(" ("), address, Text(")"))

    def _code(self, node: SyntaxTreeNode) -> str:
        return _UNPRINTABLE.sub("", self._parsed.as_written(node.content))


def _merged(inlines: Iterable[Inline]) -> list[Inline]:
    """Neighbouring texts as one, with single spaces; nothing empty."""
    merged: list[Inline] = []
    for inline in inlines:
        match merged[-1:], inline:
            case [Text(before)], Text(text):
                merged[-1] = Text(_clean(before + text))
            case _, Text("") | Code(""):
                pass
            case _:
                merged.append(inline)
    return merged


def _alignment(cell: SyntaxTreeNode) -> str:
    return str(cell.attrs.get("style", "")).removeprefix("text-align:")
