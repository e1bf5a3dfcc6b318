"""Pages in columns, read as a person reads them: pages made by code against committed text, real ones by digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apps.common.folding import fold_plain
from apps.library.ingestion.readers.base import ReadOptions
from apps.library.ingestion.readers.pdf import PdfReader
from tests.library.ingestion import columns, pdfs

EXPECTED = Path(__file__).parent / "expected"


def read_one(path: Path, number: int = 1) -> str:
    (page,) = PdfReader().read_pages(memoryview(path.read_bytes()), number, number, ReadOptions())
    return page.text


@pytest.mark.parametrize("name", columns.PAGES)
def test_a_page_in_columns_equals_the_committed_text(name: str, tmp_path: Path) -> None:
    text = read_one(pdfs.save(tmp_path / "made.pdf", columns.PAGES[name]))
    assert text + "\n" == (EXPECTED / f"{name}.txt").read_text(encoding="utf-8")


def test_a_turned_page_in_columns_reads_the_same(tmp_path: Path) -> None:
    def turned(page: Any) -> None:
        columns.with_heading_and_footnotes(page)
        page.set_rotation(90)

    text = read_one(pdfs.save(tmp_path / "made.pdf", turned))
    expected = (EXPECTED / "heading_and_footnotes.txt").read_text(encoding="utf-8")
    assert text.split() == expected.split()


def test_a_line_that_runs_up_the_margin_comes_last(tmp_path: Path) -> None:
    stamp = "Entered in the register on 12 January"

    def stamped(page: Any) -> None:
        page.insert_text((30, 700), stamp, rotate=90)
        columns.with_heading_and_footnotes(page)

    text = read_one(pdfs.save(tmp_path / "made.pdf", stamped))
    expected = (EXPECTED / "heading_and_footnotes.txt").read_text(encoding="utf-8")
    assert text.split() == [*expected.split(), *stamp.split()]


@dataclass(frozen=True)
class RealPage:
    """columns: how each begins and ends, from left to right. digest: of the whole page, folded."""

    path: str
    number: int
    columns: tuple[tuple[str, str], ...]
    digest: str


REAL_PAGES = (
    RealPage(
        "pdfplumber/pdfs/federal-register-2020-17221.pdf",
        2,
        (
            ("Hatta International Airport in Jakarta", "providing tactile annunciation to the pilot."),
            ("altitude disagree alert,5 and may affect", "An altitude disagree alert,"),
            ("and the Ethiopian Civil Aviation", "the airplane’s two AOA sensors."),
        ),
        "e5a4fa0cc796c8b6",
    ),
    RealPage(
        "sample-files/026-latex-multicolumn/multicolumn.pdf",
        1,
        (
            ("Abstract This is a sample document", "Vivamus viverra fermentum felis. Donec nonummy"),
            ("pellentesque ante. Phasellus adipiscing", "Quisque egestas wisi eget nunc."),
        ),
        "98b6499cc351aed6",
    ),
    RealPage(
        "pdfplumber/pdfs/issue-982-example.pdf",
        2,
        (
            ("makes a step in the direction which goes", "technique is called Google DeepDream."),
            ("Fig. 2: Aurelia aurita", "different artists to an arbitrary image of their choice."),
        ),
        "0b059b17032ccb1e",
    ),
)


@pytest.mark.parametrize("real", REAL_PAGES, ids=lambda real: f"{Path(real.path).stem} page {real.number}")
def test_a_real_page_in_columns_is_read_column_by_column(real: RealPage, corpora: Path) -> None:
    folded = fold_plain(read_one(corpora / real.path, real.number))
    places = [folded.index(fold_plain(words)) for column in real.columns for words in column]
    assert len(set(places)) == 2 * len(real.columns)
    assert places == sorted(places)
    assert hashlib.sha256(folded.encode()).hexdigest()[:16] == real.digest
