"""Files inside a PDF, by name and size; none is opened. Runs inside a parser child only."""

from __future__ import annotations

from typing import Any

from apps.library.ingestion.clean_text import one_line
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.ingestion.readers.base import Attachment

_MAX_ATTACHMENTS = 1_000
_MAX_NAME = 500


def list_attachments(document: Any) -> tuple[Attachment, ...]:
    """Files that hang on the document, in the order of their name tree; those of a page are in its text."""
    mupdf = pymupdf.mupdf
    try:
        # PyMuPDF's own list sees one level of the tree.
        tree = mupdf.pdf_load_name_tree(
            pymupdf._as_pdf_document(document), mupdf.pdf_new_name("EmbeddedFiles")
        )
        count = min(mupdf.pdf_dict_len(tree), _MAX_ATTACHMENTS)
        return tuple(_attachment(mupdf.pdf_dict_get_val(tree, index)) for index in range(count))
    except Exception:  # a broken name tree: nothing to list
        return ()


def _attachment(specification: Any) -> Attachment:
    """Source: ISO 32000-1, 7.11.3 and 7.11.4."""
    mupdf = pymupdf.mupdf
    names = (mupdf.pdf_to_text_string(mupdf.pdf_dict_gets(specification, key)) for key in ("UF", "F", "Desc"))
    name = one_line(next(filter(None, names), ""), _MAX_NAME)
    files = mupdf.pdf_dict_gets(specification, "EF")
    stream = mupdf.pdf_dict_gets(files, "F")
    if mupdf.pdf_is_null(stream):
        stream = mupdf.pdf_dict_gets(files, "UF")
    stated = mupdf.pdf_dict_gets(mupdf.pdf_dict_gets(stream, "Params"), "Size")
    if mupdf.pdf_is_null(stated) and mupdf.pdf_is_null(mupdf.pdf_dict_gets(stream, "Filter")):
        stated = mupdf.pdf_dict_gets(stream, "Length")
    # A packed stream without a stated size would have to be opened to know.
    size = mupdf.pdf_to_int(stated) if mupdf.pdf_is_number(stated) else -1
    return Attachment(name or "unnamed", size if size >= 0 else None)
