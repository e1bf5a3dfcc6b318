"""Long PDFs to read: joined from the real documents beside the checkout, or made by code."""

from __future__ import annotations

from pathlib import Path

from apps.library.ingestion.pymupdf_lean import pymupdf
from tests.bench.house import prose_pages
from tests.services import ROOT

# Files with a text layer on every page, of several producers.
SOURCES = (
    "sample-files/009-pdflatex-geotopo/GeoTopo-komprimiert.pdf",
    "pdfplumber/pdfs/chelsea_pdta.pdf",
    "pdfplumber/pdfs/issue-67-example.pdf",
    "pdfplumber/pdfs/issue-316-example.pdf",
    "pdfplumber/pdfs/federal-register-2020-17221.pdf",
)
CORPORA = ROOT.parent / "shared" / "corpora"


def origin() -> str:
    """Where the pages come from, in words for the table."""
    return "real pages" if CORPORA.is_dir() else "pages made by code"


def listed(pages: int) -> list[str]:
    """What write_long_pdf takes for so many pages, file by file, in words."""
    if not CORPORA.is_dir():
        return [f"{pages:,} pages made by code"]
    lengths = {}
    for source in SOURCES:
        with pymupdf.open(CORPORA / source) as part:
            lengths[source] = part.page_count
    in_one_turn = sum(lengths.values())
    return [
        f"{source}: {length} of every {in_one_turn} pages, up to {pages:,}"
        for source, length in lengths.items()
    ]


def write_long_pdf(path: Path, pages: int) -> Path:
    """A PDF of exactly so many pages, all with a text layer."""
    document = pymupdf.open()
    if CORPORA.is_dir():
        while document.page_count < pages:
            for source in SOURCES:
                with pymupdf.open(CORPORA / source) as part:
                    document.insert_pdf(part)
        document.select(range(pages))
    else:
        for text in prose_pages(pages):
            page = document.new_page(width=595, height=842)
            page.insert_textbox(pymupdf.Rect(60, 60, 535, 790), text, fontsize=10)
    document.save(path, garbage=3, deflate=True)
    document.close()
    return path


def another(content: bytes, number: int) -> bytes:
    """The same document with other bytes, so that it is not recognised as known."""
    return content + f"\n% copy {number}\n".encode()
