"""PDF: pages, labels and text through MuPDF. Runs inside a parser child only."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from apps.library.ingestion.attachments import list_attachments
from apps.library.ingestion.clean_text import one_line
from apps.library.ingestion.guards import MAX_PAGES, IngestionError
from apps.library.ingestion.jobs import job
from apps.library.ingestion.page_labels import page_labels
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.ingestion.readers.base import DocumentInfo, PageText, ReadOptions
from apps.library.ingestion.readers.document import MAX_TITLE, bounded, outline_of, read_loaded
from apps.library.ingestion.rehearsal import sample_pdf

_REFERENCE = re.compile(r"(\d+) \d+ R")
_LEFT_ALONE = {
    "AcroForm/XFA": "The form has a second version (XFA) that is ignored; its filled fields are read.",
    "Names/JavaScript": "Scripts in the file are ignored.",
    "Collection": "The file is a portfolio: the files inside it are listed and not read.",
}

LOST_PAGES = "DocAnalystLostPages"
"""Key in the catalog of a repaired copy: how many pages at its end stand for pages whose bytes are gone."""
_LOST = "This page is missing: the file says that it exists, and its bytes are gone."


def open_pdf(data: memoryview, password: str = "") -> Any:
    """The open document; raises empty_file, damaged, needs_password or wrong_password."""
    if not len(data):
        raise IngestionError("empty_file")
    try:
        document = pymupdf.open(stream=data, filetype="pdf")
    except (pymupdf.FileDataError, pymupdf.EmptyFileError) as error:
        # A failed allocation hides behind the same error.
        if "alloc" in f"{error.__cause__} {error.__context__}":
            raise MemoryError from error
        raise IngestionError("damaged") from error
    if not document.is_pdf:
        raise IngestionError("not_a_pdf")
    # MuPDF tries the empty password by itself.
    if document.needs_pass and not document.authenticate(password):
        raise IngestionError("wrong_password" if password else "needs_password")
    return document


class PdfReader:
    """Reader for PDF."""

    def describe(self, data: memoryview, options: ReadOptions) -> DocumentInfo:
        document = open_pdf(data, options.password)
        pages = document.page_count
        if pages == 0:
            raise IngestionError("no_pages")
        if pages > MAX_PAGES:
            raise IngestionError("too_many_pages", pages=pages, limit=MAX_PAGES)
        # MuPDF goes by the count that the tree states: below the truth it would hide pages, above it there would
        # be pages that are none. Either way the file is repaired, and the copy's count is true.
        in_tree = _pages_in_tree(document, MAX_PAGES)
        if in_tree and in_tree != pages:
            raise IngestionError("fewer_pages", found=min(pages, in_tree), declared=max(pages, in_tree))
        metadata = document.metadata or {}
        return DocumentInfo(
            pages=pages,
            labels=_labels(document),
            encrypted=bool(document.needs_pass or metadata.get("encryption")),
            title=one_line(metadata.get("title") or "", MAX_TITLE),
            author=one_line(metadata.get("author") or "", MAX_TITLE),
            outline=outline_of(document),
            attachments=list_attachments(document),
            notes=_notes(document),
        )

    def read_pages(self, data: memoryview, first: int, last: int, options: ReadOptions) -> Iterator[PageText]:
        document = open_pdf(data, options.password)
        labels = _labels(document)
        last_held = document.page_count - _lost_pages(document)
        return bounded(
            read_loaded(document, number, labels[number - 1])
            if number <= last_held
            else PageText.unreadable(number, labels[number - 1], _LOST)
            for number in range(first, last + 1)
        )


def _pages_in_tree(document: Any, limit: int) -> int:
    """Leaves of the page tree, counted up to limit; 0 where there is no tree to walk."""
    try:
        kind, root = document.xref_get_key(document.pdf_catalog(), "Pages")
        waiting = [int(root.split()[0])] if kind == "xref" else []
        seen: set[int] = set()
        leaves = 0
        while waiting and leaves <= limit:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            kind, kids = document.xref_get_key(node, "Kids")
            if kind == "xref":
                kids = document.xref_object(int(kids.split()[0]))
            if kind in ("array", "xref"):
                waiting += [int(kid) for kid in _REFERENCE.findall(kids)]
            else:
                leaves += 1
    except (RuntimeError, ValueError):
        return 0
    return leaves


def _lost_pages(document: Any) -> int:
    kind, value = document.xref_get_key(document.pdf_catalog(), LOST_PAGES)
    return int(value) if kind == "int" else 0


def _labels(document: Any) -> tuple[str, ...]:
    try:
        rules = document.get_page_labels()
    except Exception:  # labels of a broken tree: positions serve as well
        rules = []
    return page_labels(rules, document.page_count)


def _notes(document: Any) -> tuple[str, ...]:
    """What of the file is left alone, one sentence each."""
    catalog = document.pdf_catalog()
    return tuple(
        sentence for key, sentence in _LEFT_ALONE.items() if document.xref_get_key(catalog, key)[0] != "null"
    )


@job("pdf.describe")
def _describe(data: memoryview, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
    try:
        info = PdfReader().describe(data, ReadOptions(**args["options"]))
    except (RuntimeError, pymupdf.mupdf.FzErrorBase) as error:
        # A failed allocation is told in the same way.
        if "malloc" in str(error):
            raise MemoryError from error
        # What cannot even be counted may still be mended.
        raise IngestionError("damaged") from error
    yield asdict(info)


def _rehearse() -> None:
    """Read a small PDF of many parts, so that no child runs through the parser's paths for the first time."""
    sample = memoryview(sample_pdf())
    info = PdfReader().describe(sample, ReadOptions())
    for page in PdfReader().read_pages(sample, 1, info.pages, ReadOptions()):
        json.dumps(asdict(page))


@job("pdf.read", counts_tokens=True, rehearse=_rehearse)
def _read(data: memoryview, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Pages from first to last, or fewer once more than args["seconds"] have passed: the caller asks again."""
    options = ReadOptions(**args["options"])
    ends = time.monotonic() + args.get("seconds", math.inf)
    for page in PdfReader().read_pages(data, args["first"], args["last"], options):
        yield asdict(page)
        if time.monotonic() > ends:
            return
