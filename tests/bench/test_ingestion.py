"""Reading PDFs beside the bare parser on one core: the pipeline alone, then from upload to ready."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from apps.library.ingestion.pipeline import PipelineOptions, RangeRead, default_workers, read_document
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.ingestion.sandbox import sandbox
from tests.bench.figures import Figures, median
from tests.bench.house import BenchHouse, prose_pages, run_bench_house
from tests.bench.memory import MIB, Peak
from tests.bench.papers import another, listed, origin, write_long_pdf
from tests.bench.rows import last_ready_at, unread_documents
from tests.factories import pdf_bytes
from tests.live.client import ApiError

FILES = 4
PAGES = 2_400
PIPELINE_PAGES = 600
# One page kind after the other, so that 1, 10 and 100 times as many pages are the same mixture.
GROWTH_PAGES = (60, 600, 6_000)
ROUNDS = 3
# Once so much has gone into rounds, no further one begins; the first is always whole.
PATIENCE_SECONDS = 30.0
LONGEST_SECONDS = 150.0


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quarter of 2,400 pages."""
    return write_long_pdf(tmp_path_factory.mktemp("paper") / "paper.pdf", PAGES // FILES)


def read_bare(path: Path) -> float:
    """Seconds for the text of every page, as the library gives it, in this process."""
    started = time.perf_counter()
    with pymupdf.open(path) as document:
        for page in document:
            page.get_text()
    return time.perf_counter() - started


def read_whole(path: Path, pages: int) -> tuple[float, float]:
    """Seconds, and seconds of processor time, for ordering, cleaning and counting them too, in limited children."""
    started, spent = time.perf_counter(), spent_seconds()
    parts = [part for part in read_document(path, PipelineOptions()) if isinstance(part, RangeRead)]
    assert sum(len(part.pages) for part in parts) == pages
    return time.perf_counter() - started, spent_seconds() - spent


def spent_seconds() -> float:
    """Processor time of this process, of the zygote and of the children it has seen end."""
    zygote = psutil.Process(sandbox()._process.pid).cpu_times()  # type: ignore[union-attr]
    return time.process_time() + sum(
        (zygote.user, zygote.system, zygote.children_user, zygote.children_system)
    )


def test_the_pipeline_beside_the_bare_parser(tmp_path: Path, figures: Figures) -> None:
    path = write_long_pdf(tmp_path / "long.pdf", PIPELINE_PAGES)
    sandbox().report()
    bare, whole, bare_spent, whole_spent = [], [], [], []
    began = time.perf_counter()
    while len(whole) < ROUNDS and time.perf_counter() - began < PATIENCE_SECONDS:
        spent = time.process_time()
        bare.append(read_bare(path))
        bare_spent.append(time.process_time() - spent)
        seconds, spent = read_whole(path, PIPELINE_PAGES)
        whole.append(seconds)
        whole_spent.append(spent)
    figures.at_least(
        f"PDF pipeline alone, {PIPELINE_PAGES:,} {origin()}, {default_workers()} children",
        median(bare) / median(whole),
        1.0,
        "× bare get_text()",
        f"{PIPELINE_PAGES / median(whole):.0f} against {PIPELINE_PAGES / median(bare):.0f} pages/s, {len(whole)} rounds",
    )
    # Beside other work two children get less than two cores; processor time shows what they would need.
    figures.tell(
        "  processor time a page",
        f"{1000 * median(whole_spent) / PIPELINE_PAGES:.1f} ms against {1000 * median(bare_spent) / PIPELINE_PAGES:.1f}"
        f" bare ({median(whole_spent) / median(bare_spent):.2f} ×)",
    )


def test_growth_with_the_number_of_pages(tmp_path: Path, figures: Figures) -> None:
    sandbox().report()
    read_whole(write_long_pdf(tmp_path / "first.pdf", 16), 16)  # loads the vocabulary
    a_page: list[float] = []
    for pages in GROWTH_PAGES:
        if a_page and pages * a_page[-1] > LONGEST_SECONDS:
            figures.not_run(f"growth to {pages:,} pages", f"would take about {pages * a_page[-1]:.0f} s here")
            return
        seconds, spent = read_whole(write_long_pdf(tmp_path / f"{pages}.pdf", pages), pages)
        a_page.append(seconds / pages)
        figures.tell(
            f"  PDF of {pages:,} {origin()}, pipeline alone",
            f"{seconds:.1f} s, {1000 * seconds / pages:.1f} ms a page, {1000 * spent / pages:.1f} ms of processor time",
        )
    figures.at_most("PDF, time a page at 6,000 pages, of that at 600", a_page[2] / a_page[1], 1.25, "×")


def test_from_upload_to_ready_beside_the_bare_parser(paper: Path, tmp_path: Path, figures: Figures) -> None:
    for line in listed(PAGES // FILES):
        print(f"  {line}", flush=True)
    content = paper.read_bytes()
    big = write_long_pdf(tmp_path / "big.pdf", PAGES).read_bytes()
    bare, whole, small_peaks = [], [], []
    with run_bench_house(tmp_path / "house") as house:
        # The first document starts the workers' zygotes and loads the vocabulary.
        upload_all(house, [pdf_bytes(prose_pages(64))], 64)
        began = time.perf_counter()
        while len(whole) < ROUNDS and time.perf_counter() - began < PATIENCE_SECONDS:
            bare.append(sum(read_bare(paper) for _ in range(FILES)))
            first = 1 + len(whole) * FILES
            with Peak(house.stack.processes) as peak:
                whole.append(
                    upload_all(
                        house, [another(content, number) for number in range(first, first + FILES)], PAGES
                    )
                )
            small_peaks.append(peak.bytes)
        figures.at_least(
            f"PDF, upload to ready, {FILES} files, {PAGES:,} {origin()}",
            median(bare) / median(whole),
            1.0,
            "× bare get_text()",
            f"{PAGES / median(whole):.0f} against {PAGES / median(bare):.0f} pages/s, {len(whole)} rounds",
        )
        figures.tell("  memory of all processes at 2,400 pages", f"{median(small_peaks) / MIB:.0f} MiB")
        expected = FILES * median(whole)
        if time.perf_counter() - began + expected > LONGEST_SECONDS:
            figures.not_run(
                "memory at 9,600 pages", f"would take about {expected:.0f} s more on this machine"
            )
            return
        with Peak(house.stack.processes) as peak:
            upload_all(house, [another(big, number) for number in range(FILES)], FILES * PAGES)
        figures.at_most(
            "  memory at 9,600 pages, of that at 2,400",
            peak.bytes / median(small_peaks),
            1.15,
            "×",
            f"{peak.bytes / MIB:.0f} MiB",
        )


def upload_all(house: BenchHouse, contents: list[bytes], pages: int) -> float:
    """Seconds from the first upload until the last document is ready, by the rows' own clocks."""
    corpus = house.api.new_corpus("Bench")
    started_at = time.time()
    documents = [
        house.api.upload(corpus, f"paper {number}.pdf", content)["id"]
        for number, content in enumerate(contents)
    ]
    ends = time.monotonic() + LONGEST_SECONDS
    # Looked at seldom: whoever asks takes time from those who read.
    while unread_documents(house.stack.data_dir):
        if time.monotonic() > ends:
            raise TimeoutError("the documents were not read in time")
        time.sleep(0.25)
    read = [house.api.get(f"/documents/{document}") for document in documents]
    if any(one["status"] != "ready" for one in read):
        raise ApiError(200, read)
    assert sum(one["pages"] for one in read) == pages
    return last_ready_at(house.stack.data_dir) - started_at
