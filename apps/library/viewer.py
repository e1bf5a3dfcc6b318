"""What the viewer shows of one page, for a library page and for a citation alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from django.db.models import Q
from django.http import QueryDict
from django.urls import reverse

from apps.library.code_viewer import CodeFile, LineRange, code_file, find_lines
from apps.library.facts import PageNote, page_notes
from apps.library.ingestion.quotes import Box, PageWords
from apps.library.models import Document, Page
from apps.library.pictures import ZOOM_DPI
from apps.workspaces.models import Workspace

ZOOMS = (50, 75, 100, 125, 150, 200, 300)
"""Per cent of the pane's width."""
TABS = ("page", "text")
PIECE_CHARACTERS = 10_000
"""A line of a million characters keeps a browser busy for half a minute when it is laid out as one."""
DRAWN_KINDS = frozenset({Document.Kind.PDF, Document.Kind.PAGED})
"""Documents whose pages have pictures."""


@dataclass(frozen=True)
class TextLine:
    """A line of the text layer, in points of the page as shown; y is its baseline."""

    x: float
    y: float
    width: float
    size: float
    text: str


@dataclass(frozen=True)
class HighlightBox:
    """A rectangle in points of the page as shown. is_unsure: the words in it are not quite those of the quote."""

    x: float
    y: float
    width: float
    height: float
    is_unsure: bool = False


@dataclass(frozen=True)
class TextPart:
    text: str
    is_marked: bool


@dataclass(frozen=True)
class ViewerPage:
    """One page in the viewer. highlights: places of quotes on the picture; marks: in the text (start, end);
    cited_lines: in a file (first, last). here: the address of this view where it is no plain page of the library."""

    workspace: Workspace
    document: Document
    page: Page
    lines: tuple[TextLine, ...] = ()
    highlights: tuple[HighlightBox, ...] = ()
    zoom: int = 100
    tab: str = "page"
    marks: tuple[tuple[int, int], ...] = ()
    cited_lines: tuple[tuple[int, int], ...] = ()
    here: str = ""

    @property
    def page_count(self) -> int:
        return self.page.revision.page_count

    @property
    def previous_number(self) -> int | None:
        if self.code is not None and self.has_lines:
            return self.code.previous_number
        return self.page.number - 1 if self.page.number > 1 else None

    @property
    def next_number(self) -> int | None:
        if self.code is not None and self.has_lines:
            return self.code.next_number
        return self.page.number + 1 if self.page.number < self.page_count else None

    @property
    def is_old_revision(self) -> bool:
        return self.page.revision_id != self.document.current_revision_id

    @property
    def has_picture(self) -> bool:
        return self.document.kind in DRAWN_KINDS and self.page.width > 0

    @property
    def old_revision(self) -> str:
        """The id of the page's revision when that is not the current one."""
        return str(self.page.revision_id) if self.is_old_revision else ""

    @cached_property
    def notes(self) -> list[PageNote]:
        """A query where the page has no text: whether it is being recognised."""
        if self.code is not None:
            return self.code.notes
        is_waiting = self.page.state == Page.State.NO_TEXT and not self.is_old_revision
        return page_notes(self.page, self.document.next_revision if is_waiting else None)

    @cached_property
    def code(self) -> CodeFile | None:
        """The file of which the page is a slice, for documents that are read by lines."""
        if not self.is_lines:
            return None
        return code_file(self.workspace, self.document, self.page, marks=self.marks, cited=self.cited_lines)

    @property
    def is_lines(self) -> bool:
        return self.document.kind not in DRAWN_KINDS

    @property
    def step_word(self) -> str:
        """What the steps step through."""
        return self.code.step_word if self.code is not None and self.has_lines else "Page"

    @property
    def has_lines(self) -> bool:
        """Whether lines of a file are shown."""
        return self.tab == "page" and self.code is not None

    @cached_property
    def text_pieces(self) -> list[list[TextPart]]:
        """The text in pieces that a browser lays out one by one, each parted at the marks."""
        edges = sorted({edge for mark in self.marks for edge in mark})
        return [
            [
                TextPart(self.page.text[begin:stop], any(first <= begin < last for first, last in self.marks))
                for begin, stop in pairwise([start, *(edge for edge in edges if start < edge < end), end])
            ]
            for start, end in _pieces(self.page.text)
        ]

    @property
    def zoom_dpi(self) -> int:
        """Of the picture for screens with twice the pixels."""
        return ZOOM_DPI[1]

    @property
    def query(self) -> str:
        """What a step to another page keeps: the revision when it is not the current one, zoom and tab."""
        query = QueryDict(mutable=True)
        if self.is_old_revision:
            query["revision"] = str(self.page.revision_id)
        if self.tab != "page":
            query["tab"] = self.tab
        if self.zoom != 100:
            query["zoom"] = str(self.zoom)
        return f"?{query.urlencode()}" if query else ""

    @property
    def picture_url(self) -> str:
        url = reverse("library:page-picture", args=[self.workspace.slug, self.document.pk, self.page.number])
        return f"{url}?revision={self.page.revision_id}"

    @property
    def smaller_zoom(self) -> int | None:
        return max((zoom for zoom in ZOOMS if zoom < self.zoom), default=None)

    @property
    def larger_zoom(self) -> int | None:
        return min((zoom for zoom in ZOOMS if zoom > self.zoom), default=None)


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Ends at line ends where there are any."""
    start = 0
    while start < len(text):
        end = min(start + PIECE_CHARACTERS, len(text))
        if end < len(text):
            end = (text.rfind("\n", start, end) + 1) or end
        yield start, end
        start = end


def read_zoom(value: str | None) -> int:
    return int(value) if value in {str(zoom) for zoom in ZOOMS} else 100


def read_tab(value: str | None) -> str:
    return value if value in TABS else "page"


def text_lines(words: PageWords) -> tuple[TextLine, ...]:
    """The words of a page as lines to select and copy, in reading order.

    A line is one element, so that a selection runs through it and a copy keeps its spaces. Its glyphs are
    stretched to the line's width, which puts every word within a character or so of its picture.
    """
    lines: list[TextLine] = []
    row: list[str] = []
    box: tuple[float, float, float, float] | None = None
    place: tuple[int, int] | None = None
    for word in words.words:
        if place is not None and (word.block, word.line) != place and box is not None:
            lines.append(_line(box, row, words))
            row, box = [], None
        place = (word.block, word.line)
        row.append(word.text)
        box = (
            (word.x0, word.y0, word.x1, word.y1)
            if box is None
            else (min(box[0], word.x0), min(box[1], word.y0), max(box[2], word.x1), max(box[3], word.y1))
        )
    if box is not None:
        lines.append(_line(box, row, words))
    return tuple(lines)


def _line(box: Box, row: list[str], words: PageWords) -> TextLine:
    x0, y0, x1, y1 = box
    height = (y1 - y0) * words.height
    return TextLine(
        x=round(x0 * words.width, 1),
        y=round(y0 * words.height + height * 0.8, 1),
        width=max(round((x1 - x0) * words.width, 1), 0.1),
        size=max(round(height * 0.9, 1), 0.5),
        text=" ".join(row),
    )


def highlight_boxes(
    boxes: Sequence[Sequence[float]], page: Page, *, is_unsure: bool = False
) -> tuple[HighlightBox, ...]:
    """Boxes given as fractions of the page, a little larger than the words so that the frame does not touch."""
    margin = 1.5
    return tuple(
        HighlightBox(
            x=round(x0 * page.width - margin, 1),
            y=round(y0 * page.height - margin, 1),
            width=round((x1 - x0) * page.width + 2 * margin, 1),
            height=round((y1 - y0) * page.height + 2 * margin, 1),
            is_unsure=is_unsure,
        )
        for x0, y0, x1, y1 in boxes
    )


def page_word(document: Document) -> str:
    """What one looks for in a document."""
    return "page" if document.kind in DRAWN_KINDS else "file or line"


def find_place(document: Document, page: Page, wanted: str) -> tuple[Page, LineRange | None] | None:
    """What somebody wants to see of a document, beginning at one of its pages: a page by label or number, of files
    also lines. None where there is no such place."""
    if document.kind not in DRAWN_KINDS and (found := find_lines(page, document, wanted)):
        return found
    if document.kind == Document.Kind.REPOSITORY:
        return None
    one = find_page(page, wanted)
    return (one, None) if one is not None else None


def find_page(page: Page, wanted: str) -> Page | None:
    """The page of the same revision that is labelled so, or else numbered so. One query."""
    matches = Q(label__iexact=wanted[:300])
    if wanted.isascii() and wanted.isdigit() and len(wanted) <= 9:
        matches |= Q(number=int(wanted))
    found = list(Page.objects.filter(matches, revision_id=page.revision_id)[:2])
    for one in found:
        one.revision = page.revision
    return min(found, key=lambda one: one.label.casefold() != wanted.casefold(), default=None)
