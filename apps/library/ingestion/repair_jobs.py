"""A PDF written anew with a page tree that holds. Runs inside a parser child only; repair.py is for callers.

qpdf mends what it can open. What it cannot open because the tree itself is gone gets a tree of the page objects
that MuPDF finds, and is then written by qpdf all the same, so that two libraries agree on the copy's pages.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from typing import Any

import pikepdf

from apps.library.ingestion.guards import MAX_PAGES, IngestionError
from apps.library.ingestion.jobs import WRITABLE, job
from apps.library.ingestion.mapped import Mapped
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.ingestion.readers.pdf import LOST_PAGES, open_pdf

_REFERENCE = re.compile(r"(\d+) \d+ R")
_LINEARIZED = re.compile(rb"/Linearized\b[^>]{0,400}")
_SEARCHED_BYTES = 1024  # the linearization dictionary stands in them. Source: ISO 32000-1, annex F.3.3


@job("pdf.repair")
def _repair(data: memoryview, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
    password, lost, is_rebuilt = args["password"], 0, False
    copy = _opened(data, password)
    if copy is None:
        rebuilt, lost = _with_new_tree(data, password)
        copy, is_rebuilt = _opened(memoryview(rebuilt), ""), True
        if copy is None:
            raise IngestionError("damaged")
    pages = len(copy.pages)
    if pages > MAX_PAGES:
        raise IngestionError("too_many_pages", pages=pages, limit=MAX_PAGES)
    with os.fdopen(os.dup(WRITABLE), "wb") as file:
        if password:
            file.write(_protected(copy, password))
        else:
            copy.save(file, encryption=False, fix_metadata_version=False)
    yield {"pages": pages, "lost": lost, "is_rebuilt": is_rebuilt}


def _protected(copy: pikepdf.Pdf, password: str) -> bytes:
    """A file that asks for a password goes on doing so. By MuPDF, which needs no device for random bytes."""
    plain = io.BytesIO()
    copy.save(plain, encryption=False, fix_metadata_version=False)
    document = pymupdf.open(stream=plain.getbuffer(), filetype="pdf")
    protected: bytes = document.tobytes(
        encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw=password, owner_pw=password
    )
    return protected


def _opened(data: memoryview, password: str) -> pikepdf.Pdf | None:
    """The document, when qpdf opens it and finds a page in it."""
    try:
        document = pikepdf.open(Mapped(data), password=password)  # type: ignore[arg-type]
        return document if len(document.pages) else None
    except pikepdf.PasswordError as error:
        raise IngestionError("wrong_password" if password else "needs_password") from error
    except (pikepdf.PdfError, ValueError, TypeError, RuntimeError):
        # RuntimeError: for AES-256 qpdf opens a device for random bytes, which a child cannot.
        return None


def _with_new_tree(data: memoryview, password: str) -> tuple[bytes, int]:
    """The document with all page objects that can be found under one root, and how many it says to have besides."""
    document = open_pdf(data, password)
    first, declared = _linearized(data)
    pages = _found_pages(document, first)
    if not pages:
        raise IngestionError("no_pages")
    lost = max(0, min(declared, MAX_PAGES) - len(pages))
    root = document.get_new_xref()
    for position in range(lost):
        number = document.get_new_xref()
        document.update_object(number, "<</Type/Page/MediaBox[0 0 595 842]/Resources<<>>>>")
        pages.insert(len(pages) - position, number)
    kids = " ".join(f"{number} 0 R" for number in pages)
    document.update_object(root, f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>")
    for number in pages:
        document.xref_set_key(number, "Parent", f"{root} 0 R")
    catalog = document.pdf_catalog()
    document.xref_set_key(catalog, "Pages", f"{root} 0 R")
    if lost:
        document.xref_set_key(catalog, LOST_PAGES, str(lost))
    return document.tobytes(encryption=pymupdf.PDF_ENCRYPT_NONE), lost


def _found_pages(document: Any, first: int) -> list[int]:
    """Object numbers of all pages: first those that surviving nodes of the tree name, in their order, then others.

    first: the number of the object known to be the first page, or 0. A page that an editor once removed cannot be
    told from one that lost its tree, and is among them.
    """
    pages: list[int] = []
    kids: dict[int, list[int]] = {}
    for number in range(1, document.xref_length()):
        kind = document.xref_get_key(number, "Type")[1]
        if kind == "/Page":
            pages.append(number)
        elif kind == "/Pages":
            kids[number] = [int(kid) for kid in _REFERENCE.findall(document.xref_get_key(number, "Kids")[1])]
    below = {kid for numbers in kids.values() for kid in numbers}
    known = set(pages)
    ordered: dict[int, None] = {}
    waiting = [number for number in reversed(kids) if number not in below]
    seen: set[int] = set()
    while waiting:
        number = waiting.pop()
        if number in known:
            ordered[number] = None
        elif number in kids and number not in seen:
            seen.add(number)
            waiting += reversed(kids[number])
    # Of a file made for the web the first page stands apart, the others come in the order of their numbers.
    rest = sorted((number for number in pages if number not in ordered), key=lambda number: number != first)
    return [*ordered, *rest]


def _linearized(data: memoryview) -> tuple[int, int]:
    """(object number of the first page, pages) as a file made for the web states them; zeros where it says nothing.

    A file that was changed since has another length than it states, and its statement is of the past.
    """
    found = _LINEARIZED.search(bytes(data[:_SEARCHED_BYTES]))
    if found is None:
        return 0, 0
    values = {key: int(value) for key, value in re.findall(rb"/([LON])\s+(\d{1,12})", found[0])}
    if values.get(b"L") != len(data):
        return 0, 0
    return values.get(b"O", 0), values.get(b"N", 0)
