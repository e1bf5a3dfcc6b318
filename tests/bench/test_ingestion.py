"""PDF reading beside the bare parser, alternating in one run; medians as a ratio."""

import statistics
import time
from pathlib import Path

import psutil
import pytest

from apps.library.ingestion.pipeline import PipelineOptions, RangeRead, default_workers, read_document
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.ingestion.sandbox import sandbox

PAGES = 2_400
ROUNDS = 3
# Files with a text layer on every page, of several producers.
SOURCES = (
    "sample-files/009-pdflatex-geotopo/GeoTopo-komprimiert.pdf",
    "pdfplumber/pdfs/chelsea_pdta.pdf",
    "pdfplumber/pdfs/issue-67-example.pdf",
    "pdfplumber/pdfs/issue-316-example.pdf",
    "pdfplumber/pdfs/federal-register-2020-17221.pdf",
)


@pytest.fixture(scope="module")
def long_pdf(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bench") / "long.pdf"
    document = pymupdf.open()
    while document.page_count < PAGES:
        for source in SOURCES:
            with pymupdf.open(corpora / source) as part:
                document.insert_pdf(part)
    document.select(range(PAGES))
    document.save(path, garbage=3, deflate=True)
    return path


def read_bare(path: Path) -> float:
    started = time.perf_counter()
    with pymupdf.open(path) as document:
        for page in document:
            page.get_text()
    return time.perf_counter() - started


def read_whole(path: Path) -> tuple[float, int]:
    """Seconds, and the peak memory of zygote and children in MiB."""
    started, pages, peak = time.perf_counter(), 0, 0
    zygote = psutil.Process(sandbox()._process.pid)  # type: ignore[union-attr]
    for part in read_document(path, PipelineOptions()):
        if isinstance(part, RangeRead):
            pages += len(part.pages)
            peak = max(peak, sum(_private(process) for process in [zygote, *zygote.children()]))
    assert pages == PAGES
    return time.perf_counter() - started, peak


def _private(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss) // 1024**2
    except psutil.Error:
        return 0


def test_reading_keeps_up_with_the_bare_parser_on_one_core(long_pdf: Path) -> None:
    sandbox().report()
    read_whole(long_pdf)
    bare, whole, peaks = [], [], []
    for _ in range(ROUNDS):
        bare.append(read_bare(long_pdf))
        seconds, peak = read_whole(long_pdf)
        whole.append(seconds)
        peaks.append(peak)
    ratio = statistics.median(bare) / statistics.median(whole)
    print(
        f"\nPDF, {PAGES} pages, {default_workers()} workers: bare get_text() {PAGES / statistics.median(bare):.0f} pages/s,"
        f" read and counted {PAGES / statistics.median(whole):.0f} pages/s, ratio {ratio:.2f} (reach 1.0, fail below 0.7);"
        f" peak of zygote and children {max(peaks)} MiB"
    )
    assert ratio >= 0.7
