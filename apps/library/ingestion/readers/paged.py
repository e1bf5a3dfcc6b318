"""Every other paged file that MuPDF opens: books, office files, pictures. Runs inside a parser child only.

Nothing is loaded from outside: the child can open no file and no socket, and MuPDF looks for pictures and styles in
the archive alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

from apps.library.ingestion.clean_text import one_line
from apps.library.ingestion.guards import MAX_PAGES, IngestionError
from apps.library.ingestion.heading_labels import heading_labels
from apps.library.ingestion.jobs import job
from apps.library.ingestion.kinds import PAGED_KINDS, Kind
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.ingestion.readers.base import DocumentInfo, PageText, ReadOptions
from apps.library.ingestion.readers.document import MAX_TITLE, bounded, outline_of, read_loaded
from apps.library.ingestion.readers.pdf import open_pdf
from apps.library.ingestion.source.decoding import decode, load_codecs

load_codecs()

PAGE_WIDTH, PAGE_HEIGHT, FONT_SIZE = 450, 636, 11
"""Of files that flow, in points: the shape of A4 with lines of some seventy letters. Part of what a page number
means: other values are another reading."""

_FLOWS = (
    f"The file has no pages of its own: it was laid out on pages of {PAGE_WIDTH} by {PAGE_HEIGHT} points."
)
_NOTES = {
    "pptx": ("Slides follow each other without a break; speaker notes, charts and drawings are not read.",),
    "docx": ("Headers, footers, comments and drawings are not read.",),
    "html": ("Pictures, forms and whatever scripts would add are not read.",),
    "gif": ("Of a moving picture the first one is read.",),
}


def open_paged(data: memoryview, password: str = "", *, kind: Kind) -> Any:
    """The open document, laid out where it flows; raises empty_file, damaged, locked or other_content."""
    if not len(data):
        raise IngestionError("empty_file")
    if kind.name == "html":
        # MuPDF takes every text for UTF-8, whatever it declares.
        data = memoryview(decode(bytes(data)).text.encode("utf-8", "replace") or b" ")
    try:
        document = pymupdf.open(stream=data, filetype=kind.name)
    except (pymupdf.FileDataError, pymupdf.EmptyFileError) as error:
        words = f"{error.__cause__} {error.__context__}"
        # A failed allocation hides behind the same error.
        if "alloc" in words:
            raise MemoryError from error
        raise IngestionError("locked" if "DRM" in words else "damaged") from error
    # MuPDF opens what it sees, whatever it is asked for.
    if (document.metadata or {}).get("format") not in kind.formats:
        raise IngestionError("other_content", kind=kind.words)
    if document.is_reflowable:
        document.layout(width=PAGE_WIDTH, height=PAGE_HEIGHT, fontsize=FONT_SIZE)
    return document


OPENERS: dict[str, Callable[[memoryview, str], Any]] = {
    kind.name: open_pdf if kind.name == "pdf" else partial(open_paged, kind=kind) for kind in PAGED_KINDS
}
"""Revision.reader -> what opens its bytes, with a password where one is needed."""


class PagedReader:
    """Reader for one kind of file other than PDF."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    def describe(self, data: memoryview, options: ReadOptions) -> DocumentInfo:
        document = open_paged(data, kind=self.kind)
        pages = document.page_count
        if pages == 0:
            raise IngestionError("no_pages")
        if pages > MAX_PAGES:
            raise IngestionError("too_many_pages", pages=pages, limit=MAX_PAGES)
        metadata = document.metadata or {}
        outline = outline_of(document)
        return DocumentInfo(
            pages=pages,
            labels=heading_labels(outline, pages),
            encrypted=False,
            title=one_line(metadata.get("title") or "", MAX_TITLE),
            author=one_line(metadata.get("author") or "", MAX_TITLE),
            outline=outline,
            attachments=(),
            notes=((_FLOWS,) if document.is_reflowable else ()) + _NOTES.get(self.kind.name, ()),
        )

    def read_pages(self, data: memoryview, first: int, last: int, options: ReadOptions) -> Iterator[PageText]:
        document = open_paged(data, kind=self.kind)
        labels = heading_labels(outline_of(document), document.page_count)
        return bounded(read_loaded(document, number, labels[number - 1]) for number in range(first, last + 1))


def _register(kind: Kind) -> None:
    reader = PagedReader(kind)

    def describe(data: memoryview, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield asdict(reader.describe(data, ReadOptions(**args["options"])))

    def read(data: memoryview, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
        options = ReadOptions(**args["options"])
        for page in reader.read_pages(data, args["first"], args["last"], options):
            yield asdict(page)

    job(f"{kind.name}.describe")(describe)
    job(f"{kind.name}.read", counts_tokens=True)(read)


for _kind in PAGED_KINDS:
    if _kind.name != "pdf":
        _register(_kind)
