"""The tree as Markdown that reads the same everywhere: what was text stays text, whoever renders it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from apps.conversations.export_tree import (
    Block,
    Cite,
    Code,
    CodeBlock,
    Heading,
    Inline,
    LineBreak,
    Link,
    ListBlock,
    Paragraph,
    Quote,
    Rule,
    Styled,
    Table,
    Text,
)

_SIGNS = re.compile(r"[\\`*\[\]|]|~(?=~)|(?<=~)~")
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
# As entities, because programs that show HTML do not all honour a backslash before it.
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ENTITY = re.compile(r"&(?=#?\w+;)")
# What makes a line more than a paragraph: headings, lists, quotes, rules, tables.
_LINE_START = re.compile(r"(?m)^(\d*)(?=[-+.)](?: |$)|[#>=:]|--)([-+.)#>=:])")
_CLOSING_HASHES = re.compile(r"(?<= )(#+)$")
# `[1](…)` and `[1]: …` would make a link of a citation.
_LINK_SIGNS = ("(", ":")
_LONGEST_RUN = re.compile(r"`+")
_LANGUAGE = re.compile(r"[\w#+.-]{1,30}")


def markdown_of(blocks: Iterable[Block]) -> str:
    """CommonMark with tables and strikethrough, one line a paragraph; no HTML, no pictures."""
    return "\n".join(_blocks(blocks, is_tight=False)) + "\n"


def _blocks(blocks: Iterable[Block], *, is_tight: bool) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        if lines and not is_tight:
            lines.append("")
        lines += _lines(block)
    return lines


def _lines(block: Block) -> list[str]:
    match block:
        case Paragraph(children, source):
            number = "" if source is None else f"[{source}] "
            return (number + _paragraph(children)).split("\n")
        case Heading(level, children):
            words = _CLOSING_HASHES.sub(r"\\\1", f" {_line(children)}")
            return [f"{'#' * level}{words}".rstrip()]
        case CodeBlock(text, language):
            fence = "`" * max(3, _longest_run(text) + 1)
            return [f"{fence}{language if _LANGUAGE.fullmatch(language) else ''}", *text.split("\n"), fence]
        case Quote(children):
            return [f"> {line}".rstrip() for line in _blocks(children, is_tight=False)] or [">"]
        case ListBlock():
            return _list(block)
        case Table(rows, alignments):
            head, *body = [_row(row) for row in rows]
            return [head, "|" + "|".join(_delimiter(one) for one in alignments) + "|", *body]
        case Rule():
            return ["___"]


def _list(block: ListBlock) -> list[str]:
    lines: list[str] = []
    for index, item in enumerate(block.items):
        bullet = block.sign if block.start is None else f"{block.start + index}{block.sign}"
        if lines and not block.is_tight:
            lines.append("")
        first, *rest = _blocks(item, is_tight=block.is_tight) or [""]
        lines.append(f"{bullet} {first}".rstrip())
        lines += [f"{' ' * (len(bullet) + 1)}{line}".rstrip() for line in rest]
    return lines


def _row(cells: Sequence[Sequence[Inline]]) -> str:
    inner = (_line(cell, is_cell=True) for cell in cells)
    return f"| {' | '.join(inner)} |"


def _delimiter(alignment: str) -> str:
    return {"left": ":---", "right": "---:", "center": ":---:"}.get(alignment, "---")


def _line(children: Iterable[Inline], *, is_cell: bool = False) -> str:
    return _inlines(children, is_cell=is_cell).replace("\\\n", " ")


def _paragraph(children: Iterable[Inline]) -> str:
    return _LINE_START.sub(r"\1\\\2", _inlines(children).replace("\n ", "\n"))


def _inlines(children: Iterable[Inline], *, is_cell: bool = False) -> str:
    written = ""
    was_citation = False
    for child in children:
        piece = _inline(child, is_cell=is_cell)
        if was_citation and piece.startswith(_LINK_SIGNS):
            piece = f"\\{piece}"
        was_citation = isinstance(child, Cite)
        written += piece
    return written


def _inline(inline: Inline, *, is_cell: bool) -> str:
    match inline:
        case Text(text):
            return _escaped(text)
        case Code(text):
            # A table unescapes `\|` before anything else is looked at, code included.
            return _code(text.replace("|", r"\|") if is_cell else text)
        case Link(href):
            return f"<{href}>"
        case Cite(number):
            return f"[{number}]"
        case LineBreak():
            return "\\\n"
        case Styled(style, children, sign):
            sign = sign or {"strong": "**", "em": "*", "s": "~~"}[style]
            return f"{sign}{_inlines(children, is_cell=is_cell)}{sign}"


def _escaped(text: str) -> str:
    text = _UNDERSCORE.sub(r"\\_", _SIGNS.sub(r"\\\g<0>", text))
    return _TAG.sub("&lt;", _ENTITY.sub("&amp;", text))


def _code(text: str) -> str:
    sign = "`" * (_longest_run(text) + 1)
    gap = " " if text.startswith("`") or text.endswith("`") or text != text.strip(" ") else ""
    return f"{sign}{gap}{text}{gap}{sign}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in _LONGEST_RUN.findall(text)), default=0)
