"""The tree as plain HTML: what is laid out as PDF, and what is copied as rich text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

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
    is_right_to_left,
    words_of,
)

# Of apps/library/ingestion/print_jobs.py: the text's width; a letter in a cell, rather too wide; padding and line.
_WIDTH_POINTS, _LETTER_POINTS, _CELL_POINTS = 467, 5.5, 13
_UNBROKEN = re.compile(r"[^\s\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]+")


class HtmlWriter:
    """is_paper: for a document of its own, on A4. Its citations lead to its sources, and a table that is wider than
    the sheet becomes a list for each row. Otherwise for a piece that is pasted elsewhere."""

    def __init__(self, *, is_paper: bool) -> None:
        self._is_paper = is_paper

    def blocks(self, blocks: Iterable[Block]) -> str:
        """Tags with `href`, `id`, `dir`, `start` and `align` as their only attributes; all text escaped."""
        return "".join(self._block(block) for block in blocks)

    def _block(self, block: Block) -> str:
        match block:
            case Paragraph(children, source):
                anchor = f' id="source-{source}"' if self._is_paper and source else ""
                number = f"[{source}] " if source else ""
                return f"<p{anchor}{_direction(children)}>{number}{self._line(children)}</p>\n"
            case Heading(level, children):
                return f"<h{level}{_direction(children)}>{self._line(children)}</h{level}>\n"
            case CodeBlock(text):
                return f"<pre><code>{escape(text)}</code></pre>\n"
            case Quote(children):
                return f"<blockquote>{self.blocks(children)}</blockquote>\n"
            case ListBlock():
                return self._list(block)
            case Table() if self._is_paper and _least_width(block) > _WIDTH_POINTS:
                return self.blocks(_row_by_row(block))
            case Table(rows, alignments):
                head, *body = rows
                lines = [
                    self._row("th", head, alignments),
                    *(self._row("td", row, alignments) for row in body),
                ]
                return f"<table>{''.join(lines)}</table>\n"
            case Rule():
                return "<hr>\n"

    def _list(self, block: ListBlock) -> str:
        tag, start = ("ul", "") if block.start is None else ("ol", f' start="{block.start}"')
        items = (self._item(item, is_tight=block.is_tight) for item in block.items)
        return f"<{tag}{start}>{''.join(items)}</{tag}>\n"

    def _item(self, item: tuple[Block, ...], *, is_tight: bool) -> str:
        match item:
            case (Paragraph(children, None), *rest) if is_tight:
                return f"<li{_direction(children)}>{self._line(children)}{self.blocks(rest)}</li>"
        return f"<li>{self.blocks(item)}</li>"

    def _row(self, tag: str, cells: tuple[tuple[Inline, ...], ...], alignments: tuple[str, ...]) -> str:
        written = ""
        for cell, alignment in zip(cells, alignments, strict=False):
            align = f' align="{alignment}"' if alignment else ""
            written += f"<{tag}{align}{_direction(cell)}>{self._line(cell)}</{tag}>"
        return f"<tr>{written}</tr>"

    def _line(self, children: Iterable[Inline]) -> str:
        return "".join(self._inline(child) for child in children)

    def _inline(self, inline: Inline) -> str:
        match inline:
            case Text(text):
                return escape(text)
            case Code(text):
                return f"<code>{escape(text)}</code>"
            case Link(href):
                return f'<a href="{escape(href)}">{escape(href)}</a>'
            case Cite(number):
                if not self._is_paper:
                    return f"[{number}]"
                return f'<sup><a href="#source-{number}">[{number}]</a></sup>'
            case LineBreak():
                return "<br>"
            case Styled(style, children):
                return f"<{style}>{self._line(children)}</{style}>"


def _least_width(table: Table) -> float:
    """About how narrow a table can be set, in points: words are not broken, other scripts are between any two signs."""
    columns = zip(*table.rows, strict=False)
    words = (_UNBROKEN.findall(" ".join(words_of(cell) for cell in column)) for column in columns)
    return sum(max(map(len, found), default=2) * _LETTER_POINTS + _CELL_POINTS for found in words)


def _row_by_row(table: Table) -> list[Block]:
    head, *body = table.rows
    return [
        ListBlock(
            tuple(
                (Paragraph((Styled("strong", name), Text(": "), *cell)),)
                for name, cell in zip(head, row, strict=False)
            )
        )
        for row in body
    ]


def _direction(children: Iterable[Inline]) -> str:
    return ' dir="rtl"' if is_right_to_left(words_of(children)) else ""
