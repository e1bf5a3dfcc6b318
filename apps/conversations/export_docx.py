"""The tree as a Word file. Holds text and links alone: no fields, no macros, nothing that is loaded."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.utils import timezone
from docx import Document
from docx.document import Document as WordFile
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor
from docx.text.paragraph import Paragraph as WordParagraph
from docx.text.run import Run

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

_MONOSPACED = "Courier New"
_LINK_COLOUR = RGBColor(0x1F, 0x4E, 0x8C)
# What follows `bidi` and `pBdr` in a paragraph's properties (ECMA-376 part 1, 17.3.1.26).
_AFTER_DIRECTION = (
    "w:adjustRightInd", "w:snapToGrid", "w:spacing", "w:ind", "w:contextualSpacing", "w:mirrorIndents",
    "w:suppressOverlap", "w:jc", "w:textDirection", "w:textAlignment", "w:textboxTightWrap", "w:outlineLvl",
    "w:divId", "w:cnfStyle", "w:rPr", "w:sectPr", "w:pPrChange",
)  # fmt: skip
_ALIGNMENTS = {
    "left": WD_ALIGN_PARAGRAPH.LEFT,
    "right": WD_ALIGN_PARAGRAPH.RIGHT,
    "center": WD_ALIGN_PARAGRAPH.CENTER,
}


def docx_of(blocks: Iterable[Block], *, title: str) -> bytes:
    """A4, the headings as Word's own, citations as superscript links to the bookmarks of their sources."""
    document = Document()
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    # The library's template names itself as author.
    properties = document.core_properties
    properties.title, properties.author, properties.comments = title[:255], "", ""
    properties.created = properties.modified = timezone.now()
    code = document.styles.add_style("Code", WD_STYLE_TYPE.PARAGRAPH)
    code.font.name, code.font.size = _MONOSPACED, Pt(9)
    _Writer(document).blocks(blocks)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


@dataclass(frozen=True)
class _Look:
    """Of a run of letters."""

    is_bold: bool = False
    is_italic: bool = False
    is_struck: bool = False
    is_code: bool = False
    is_link: bool = False
    is_raised: bool = False
    is_right_to_left: bool = False


_STYLED = {"strong": {"is_bold": True}, "em": {"is_italic": True}, "s": {"is_struck": True}}


class _Writer:
    def __init__(self, document: WordFile) -> None:
        self._document = document

    def blocks(self, blocks: Iterable[Block], *, style: str = "Normal", depth: int = 0) -> None:
        """style: of paragraphs. depth: how many lists they stand in."""
        for block in blocks:
            self._block(block, style, depth)

    def _block(self, block: Block, style: str, depth: int) -> None:
        match block:
            case Paragraph(children, source):
                self._paragraph(children, style, source)
            case Heading(level, children):
                self._paragraph(children, f"Heading {level}")
            case CodeBlock(text):
                self._run(self._document.add_paragraph(style="Code")._p, text, _Look())
            case Quote(children):
                self.blocks(children, style="Intense Quote" if depth else "Quote", depth=depth)
            case ListBlock():
                self._list(block, depth + 1)
            case Table():
                self._table(block)
            case Rule():
                border = _element(
                    "w:bottom", {"w:val": "single", "w:sz": "4", "w:space": "1", "w:color": "auto"}
                )
                _insert(self._document.add_paragraph(), _element("w:pBdr", {}, border))

    def _paragraph(
        self, children: tuple[Inline, ...], style: str, source: int | None = None
    ) -> WordParagraph:
        paragraph = self._document.add_paragraph(style=style)
        if source is not None:
            self._bookmark(paragraph, f"source_{source}", source)
            self._run(paragraph._p, f"[{source}] ", _Look())
        self._line(paragraph, children)
        return paragraph

    def _line(self, paragraph: WordParagraph, children: tuple[Inline, ...]) -> None:
        leftwards = is_right_to_left(words_of(children))
        if leftwards:
            _insert(paragraph, _element("w:bidi", {}))
        self._inlines(paragraph._p, children, _Look(is_right_to_left=leftwards))

    def _inlines(self, parent: Any, children: Iterable[Inline], look: _Look) -> None:
        for child in children:
            match child:
                case Text(text):
                    self._run(parent, text, look)
                case Code(text):
                    self._run(parent, text, replace(look, is_code=True))
                case Link(href):
                    self._link(parent, href, look)
                case Cite(number):
                    jump = _element("w:hyperlink", {"w:anchor": f"source_{number}", "w:history": "1"})
                    self._run(jump, f"[{number}]", replace(look, is_link=True, is_raised=True))
                    parent.append(jump)
                case LineBreak():
                    self._run(parent, "\n", look)
                case Styled(style, inner):
                    self._inlines(parent, inner, replace(look, **_STYLED[style]))

    def _link(self, parent: Any, href: str, look: _Look) -> None:
        relation = self._document.part.relate_to(href, RELATIONSHIP_TYPE.HYPERLINK, is_external=True)
        link = _element("w:hyperlink", {"r:id": relation, "w:history": "1"})
        self._run(link, href, replace(look, is_link=True))
        parent.append(link)

    def _run(self, parent: Any, text: str, look: _Look) -> None:
        """Line feeds become line breaks."""
        element = OxmlElement("w:r")
        parent.append(element)
        run = Run(element, self._document)
        run.text = text
        font = run.font
        # Only what is set is written.
        font.bold, font.italic, font.strike = (
            look.is_bold or None,
            look.is_italic or None,
            look.is_struck or None,
        )
        font.superscript, font.rtl = look.is_raised or None, look.is_right_to_left or None
        if look.is_code:
            font.name = _MONOSPACED
        if look.is_link:
            font.color.rgb = _LINK_COLOUR

    def _list(self, block: ListBlock, depth: int) -> None:
        """Word's own lists; its styles go three deep, what is deeper stands on the third."""
        level = "" if depth == 1 else f" {min(depth, 3)}"
        number_id = None if block.start is None else self._new_numbering(f"List Number{level}", block.start)
        for item in block.items:
            first, rest = (item[0], item[1:]) if item and isinstance(item[0], Paragraph) else (None, item)
            style = "List Bullet" if number_id is None else "List Number"
            paragraph = self._paragraph(first.children if first else (), f"{style}{level}")
            if number_id is not None:
                paragraph._p.get_or_add_pPr().get_or_add_numPr().get_or_add_numId().val = number_id
            self.blocks(rest, style=f"List Continue{level}", depth=depth)

    def _new_numbering(self, style: str, start: int) -> int:
        """The id of a numbering that looks like the style's and begins anew."""
        numbering = self._document.part.numbering_part.element
        style_number = self._document.styles[style].element.pPr.numPr.numId.val
        new = numbering.add_num(numbering.num_having_numId(style_number).abstractNumId.val)
        new.add_lvlOverride(ilvl=0).add_startOverride(start)
        return int(new.numId)

    def _table(self, block: Table) -> None:
        table = self._document.add_table(rows=0, cols=len(block.alignments), style="Table Grid")
        for index, row in enumerate(block.rows):
            # `row.cells` reads the whole table anew each time; one look per row suffices.
            cells = table.add_row().cells
            for cell, children, alignment in zip(cells, row, block.alignments, strict=False):
                paragraph = cell.paragraphs[0]
                paragraph.alignment = _ALIGNMENTS.get(alignment)
                self._line(paragraph, (Styled("strong", children),) if index == 0 else children)
        self._document.add_paragraph()

    def _bookmark(self, paragraph: WordParagraph, name: str, number: int) -> None:
        start = _element("w:bookmarkStart", {"w:id": str(number), "w:name": name})
        paragraph._p.extend([start, _element("w:bookmarkEnd", {"w:id": str(number)})])


def _element(tag: str, attributes: dict[str, str], *children: Any) -> Any:
    element = OxmlElement(tag)
    for name, value in attributes.items():
        element.set(qn(name), value)
    element.extend(children)
    return element


def _insert(paragraph: WordParagraph, property: Any) -> None:
    """A property of a paragraph, at the place that the schema wants it."""
    paragraph._p.get_or_add_pPr().insert_element_before(property, *_AFTER_DIRECTION)
