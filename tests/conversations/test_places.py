"""Boxes hold the very words: what PDFium reads inside them is the quote, however the page is laid out and turned."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import pypdfium2
import pytest

from apps.common.folding import fold_plain
from apps.conversations.evidence import boxes_of_span
from apps.conversations.verification import FoldedPages, verify_quote
from apps.library.ingestion import ocr
from apps.library.ingestion.ocr import PageToRecognise, recognise_pages
from apps.library.ingestion.pictures import page_words
from apps.library.ingestion.quotes import PageWords
from apps.library.ingestion.readers.base import ReadOptions
from apps.library.ingestion.readers.pdf import PdfReader
from tests.conversations import drawn
from tests.conversations.printed import Box, PrintedPage
from tests.library.ingestion.pdfs import save
from tests.library.ingestion.scans import CLAUSES, lines, scanned

QUOTES_OF_A_PAGE = 2
SIGNS_AT_THE_ENDS = ".,;:…\"'“”‘’„«»()"
"""Verification leaves them out of account, so a box need not hold them."""

RECOGNISED = (
    "Either party may terminate this agreement",
    "one hundred and twenty days of written notice",
    "The notice takes effect on the last day",
    "Rent of 1,850 euros remains due until that day",
    "handed over, fair wear and tear excepted",
)


def bare(text: str) -> str:
    return fold_plain(text).strip(SIGNS_AT_THE_ENDS)


class Paper:
    """A PDF as it is stored, as the viewer places its words, and as PDFium reads it."""

    def __init__(self, path: Path, numbers: list[int]) -> None:
        reader, content = PdfReader(), memoryview(path.read_bytes())
        self.texts = {
            page.number: page.text
            for first in numbers
            for page in reader.read_pages(content, first, first, ReadOptions())
        }
        with path.open("rb") as file:
            self.words = page_words(file.fileno(), numbers)
        self.printed = pypdfium2.PdfDocument(path)

    def boxes(self, number: int, quote: str) -> list[list[float]]:
        """Where the quote was verified word for word."""
        return verified_boxes(self.texts[number], self.words[number], quote)

    def read_in(self, number: int, boxes: list[list[float]]) -> str:
        return PrintedPage(self.printed, number).text_in(boxes)


def verified_boxes(text: str, words: PageWords, quote: str) -> list[list[float]]:
    key = (1, 1)
    found = verify_quote(quote, key, FoldedPages(lambda _: text, [key]))
    assert found.verdict == "exact", (quote, found)
    assert found.start is not None
    assert found.end is not None
    return boxes_of_span(words, text, found.start, found.end)


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    path = drawn.save(tmp_path_factory.mktemp("drawn") / "drawn.pdf")
    made = Paper(path, list(range(1, len(drawn.CASES) + 1)))
    yield made
    made.printed.close()


def quote_of(text: str, rng: random.Random) -> str:
    words = text.split()
    if len(words) > 8:
        start = rng.randrange(len(words) - 6)
        return " ".join(words[start : start + rng.randint(6, 14)])
    while True:
        start = rng.randrange(len(text) - 20)
        quote = text[start : start + 18]
        # Without spaces: whole numbers, and no sign of punctuation at the ends.
        if not any(text[at].isdigit() for at in (start - 1, start, start + 17, start + 18)):
            return quote


@pytest.mark.parametrize("number", range(1, len(drawn.CASES) + 1), ids=drawn.name_of)
def test_pdfium_reads_the_quote_in_its_boxes(paper: Paper, number: int) -> None:
    rng = random.Random(number)
    for _ in range(QUOTES_OF_A_PAGE):
        quote = quote_of(paper.texts[number], rng)
        boxes = paper.boxes(number, quote)
        assert bare(paper.read_in(number, boxes)) == bare(quote), boxes


def test_there_are_two_hundred_quotes() -> None:
    assert len(drawn.CASES) * QUOTES_OF_A_PAGE == 200


def test_boxes_on_recognised_pages_lie_on_the_words_that_were_drawn(tmp_path: Path) -> None:
    """PDFium reads nothing in a picture, so it reads the pages that the pictures were taken of."""

    def turned(draw: drawn.Draw, rotation: int) -> drawn.Draw:
        return lambda page: (draw(page), page.set_rotation(rotation))

    path = save(tmp_path / "scan.pdf", *(turned(scanned(lines(CLAUSES)), turn) for turn in drawn.ROTATIONS))
    twin = save(tmp_path / "drawn.pdf", *(turned(lines(CLAUSES), turn) for turn in drawn.ROTATIONS))
    numbers = range(1, len(drawn.ROTATIONS) + 1)
    with path.open("rb") as file:
        pages = list(recognise_pages(file.fileno(), [PageToRecognise(number) for number in numbers]))
    assert [page.number for page in pages] == list(numbers)
    with pypdfium2.PdfDocument(twin) as document:
        for page in pages:
            assert page.words is not None
            printed = PrintedPage(document, page.number)
            for quote in RECOGNISED:
                boxes = verified_boxes(page.text, page.words, quote)
                assert bare(printed.text_in(boxes)) == bare(quote), boxes
                assert bare(words_at(page.words, boxes)) == bare(quote)


def words_at(words: PageWords, boxes: list[list[float]]) -> str:
    """The recognised words whose centres lie in the boxes."""
    return " ".join(
        word.text
        for box in boxes
        for word in words.words
        if holds(box, (word.x0 + word.x1) / 2, (word.y0 + word.y1) / 2)
    )


def holds(box: Box, x: float, y: float) -> bool:
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


@pytest.fixture(scope="module", autouse=True)
def _models_leave() -> Iterator[None]:
    yield
    ocr.ocr_sandbox().close()


REAL = {
    "sample-files/026-latex-multicolumn/multicolumn.pdf": range(1, 3),
    "sample-files/009-pdflatex-geotopo/GeoTopo-komprimiert.pdf": range(20, 40, 6),
    "pdfplumber/pdfs/federal-register-2020-17221.pdf": range(1, 12, 3),
    "pdfplumber/pdfs/chelsea_pdta.pdf": range(1, 10, 3),
}


def test_quotes_of_real_pages_are_read_back_in_their_boxes(corpora: Path) -> None:
    """Not all: the two readers put formulas into another order, and letters that are printed twice count twice."""
    results = read_back({corpora / name: list(numbers) for name, numbers in REAL.items()}, quotes=6)
    share = sum(results.values()) / len(results)
    print(f"{share:.1%} of {len(results)} quotes")
    assert len(results) > 50
    assert share > 0.85, [quote for quote, same in results.items() if not same]


def read_back(files: Mapping[Path, list[int]], *, quotes: int) -> dict[tuple[str, int, str], bool]:
    """(file, page, quote) -> whether PDFium reads the quote inside its boxes."""
    results = {}
    for path, numbers in files.items():
        paper = Paper(path, numbers)
        for number in numbers:
            rng = random.Random(f"{path.name} {number}")
            words = paper.texts[number].split()
            for _ in range(quotes if len(words) > 20 else 0):
                start = rng.randrange(len(words) - 8)
                quote = " ".join(words[start : start + rng.randint(8, 20)])
                try:
                    boxes = paper.boxes(number, quote)
                except AssertionError:
                    continue  # too short or in an annotation; verdicts have tests of their own
                results[path.name, number, quote] = bare(paper.read_in(number, boxes)) == bare(quote)
        paper.printed.close()
    return results
