"""Text recognition: pages a minute on one core, beside the time that is promised, and what the models hold in memory."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from apps.library.ingestion import ocr
from apps.library.ingestion.ocr import SECONDS_A_PAGE, PageToRecognise, recognise_pages
from tests.bench.figures import Figures
from tests.bench.memory import MIB, Peak
from tests.library.ingestion.scans import CLAUSES, alike, lines, scan_file

PAGES = 5
LINES = 48
LEAST_ACCURACY = 0.95
MOST_BYTES = 900 * MIB
"""Of the zygote with its child. The worker beside them holds what every worker does."""


@pytest.fixture(scope="module")
def dense() -> list[str]:
    """As many lines as a page of small print has, of about 90 characters."""
    words = " ".join(CLAUSES).split()
    return [" ".join(words[(start + index) % len(words)] for index in range(15)) for start in range(LINES)]


@pytest.fixture(scope="module")
def scan(dense: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scan_file(
        tmp_path_factory.mktemp("scan") / "scan.pdf", *[lines(dense, x=40, y=50, size=10)] * PAGES
    )


def own_children() -> list[psutil.Process]:
    return psutil.Process(os.getpid()).children(recursive=True)


def spent_seconds() -> float:
    """Processor time of the zygote and of its children that ended."""
    process = ocr.ocr_sandbox()._process
    assert process is not None
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def test_recognising_dense_pages(scan: Path, dense: list[str], figures: Figures) -> None:
    try:
        started = time.perf_counter()
        ocr.ocr_sandbox().report()
        figures.tell("recognition: models loaded in their process", f"{time.perf_counter() - started:.1f} s")
        before = spent_seconds()
        with Peak(own_children) as peak, scan.open("rb") as file:
            started = time.perf_counter()
            wanted = [PageToRecognise(number + 1) for number in range(PAGES)]
            pages = list(recognise_pages(file.fileno(), wanted))
            seconds = time.perf_counter() - started
        spent = (spent_seconds() - before) / PAGES
    finally:
        ocr.ocr_sandbox().close()
    accuracy = min(alike(page.text, "\n".join(dense)) for page in pages)
    figures.at_least(
        f"recognition: dense pages a minute ({LINES} lines each), one child",
        60 * PAGES / seconds,
        60 / SECONDS_A_PAGE,
        "pages/min",
        f"{spent:.1f} s of processor time a page",
    )
    figures.at_least("recognition: characters of clean print that are right", accuracy, LEAST_ACCURACY, "")
    figures.at_most(
        "recognition: memory of models and child at its highest", peak.bytes / MIB, MOST_BYTES / MIB, "MiB"
    )
