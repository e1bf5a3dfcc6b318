import io
from pathlib import Path

import pytest
from PIL import Image

from apps.common.folding import fold_plain
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.pictures import page_words, render_page
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.ingestion.quotes import PageWords, Word, find_boxes
from apps.library.ingestion.readers.base import ReadOptions
from apps.library.ingestion.readers.pdf import PdfReader
from tests.library.ingestion import pdfs


def render(path: Path, number: int = 1, **options) -> Image.Image:
    with path.open("rb") as file:
        return Image.open(io.BytesIO(render_page(file.fileno(), number, **options)))


def words_of(path: Path, *numbers: int) -> dict[int, PageWords]:
    with path.open("rb") as file:
        return page_words(file.fileno(), numbers or [1])


def ink_share(picture: Image.Image, box: tuple[float, float, float, float]) -> float:
    """How much of the picture's ink lies inside the box."""
    dark = picture.convert("L").point(lambda value: 255 if value < 128 else 0)
    width, height = picture.size
    inside = dark.crop(
        (int(box[0] * width) - 1, int(box[1] * height) - 1, int(box[2] * width) + 2, int(box[3] * height) + 2)
    )
    return inside.histogram()[255] / max(1, dark.histogram()[255])


def test_picture_is_webp_at_110_dpi(tmp_path: Path) -> None:
    picture = render(pdfs.save(tmp_path / "made.pdf", pdfs.prose))
    assert picture.format == "WEBP"
    assert picture.size == pytest.approx((595 * 110 / 72, 842 * 110 / 72), abs=1)


def test_picture_is_as_the_reader_sees_the_page(tmp_path: Path) -> None:
    def changed(page) -> None:
        pdfs.prose(page)
        page.set_cropbox(pymupdf.Rect(0, 0, 595, 400))
        page.set_rotation(90)

    picture = render(pdfs.save(tmp_path / "made.pdf", changed), dpi=72)
    assert picture.size == (400, 595)


def test_huge_page_is_scaled_down_below_50_megapixels(tmp_path: Path) -> None:
    document = pymupdf.open()
    document.new_page(width=14_400, height=14_400)
    document.save(tmp_path / "huge.pdf")
    picture = render(tmp_path / "huge.pdf")
    assert 45_000_000 < picture.width * picture.height <= 50_100_000
    document = pymupdf.open()
    document.new_page(width=14_400, height=100)
    document.save(tmp_path / "long.pdf")
    assert render(tmp_path / "long.pdf", dpi=300).width <= 16_383


def test_page_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = pdfs.save(tmp_path / "made.pdf", pdfs.prose)
    for number in (0, 2):
        with pytest.raises(IngestionError) as refused:
            render(path, number)
        assert refused.value.code == "no_such_page"


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [None, (40, 40, 500, 600)], ids=["whole", "cropped"])
def test_boxes_lie_on_the_ink_however_the_page_is_turned(tmp_path: Path, rotation: int, crop) -> None:
    def changed(page) -> None:
        page.insert_text((100, 200), "The only words on this page")
        if crop:
            page.set_cropbox(pymupdf.Rect(*crop))
        page.set_rotation(rotation)

    path = pdfs.save(tmp_path / "made.pdf", changed)
    boxes = find_boxes(words_of(path)[1].words, "the only words on this page")
    assert boxes is not None
    (box,) = boxes
    assert ink_share(render(path), box) > 0.98


def test_words_come_in_the_order_of_the_stored_text(tmp_path: Path) -> None:
    path = pdfs.save(tmp_path / "made.pdf", pdfs.two_columns, pdfs.table, pdfs.prose)
    pages = list(PdfReader().read_pages(memoryview(path.read_bytes()), 1, 3, ReadOptions()))
    words = words_of(path, 1, 2, 3)
    for page in pages:
        assert [word.text for word in words[page.number].words] == page.text.split()


def test_words_of_real_pages_are_those_of_their_text(corpora: Path) -> None:
    for name in (
        "sample-files/026-latex-multicolumn/multicolumn.pdf",
        "pdfplumber/pdfs/WARN-Report-for-7-1-2015-to-03-25-2016.pdf",
        "pdfplumber/pdfs/federal-register-2020-17221.pdf",
    ):
        path = corpora / name
        pages = list(PdfReader().read_pages(memoryview(path.read_bytes()), 1, 3, ReadOptions()))
        words = words_of(path, 1, 2, 3)
        for page in pages:
            assert [word.text for word in words[page.number].words] == page.text.split()


def test_quote_over_two_lines_and_a_hyphen_has_a_box_on_each(tmp_path: Path) -> None:
    def lines(page) -> None:
        page.insert_text((72, 100), "The party may termi-")
        page.insert_text((72, 114), "nate the lease 'at will'.")

    path = pdfs.save(tmp_path / "made.pdf", lines)
    boxes = find_boxes(words_of(path)[1].words, "may terminate the lease “at will”")
    assert boxes is not None
    assert len(boxes) == 2
    assert boxes[0][3] <= boxes[1][3]


def line_of(text: str) -> list[Word]:
    return [Word(i / 100, 0.1, (i + 1) / 100, 0.2, word, 0, 0) for i, word in enumerate(text.split())]


@pytest.mark.parametrize(
    ("words", "quote", "first", "last"),
    [
        ("a bb ccc dd", "BB CCC", 1, 2),
        ("the ﬁrst oﬃce", "first office", 1, 2),
        ("well - known fact", "well-known", 0, 2),
        ("he said „never“ again", '"never" again', 2, 3),
        ("full-width １２０ days", "120 days", 1, 2),
        ("starts inside words", "inside words", 1, 2),
    ],
    ids=["case", "ligatures", "hyphens", "quote signs", "compatibility forms", "inside words"],
)
def test_quotes_are_found_whatever_their_typography(words: str, quote: str, first: int, last: int) -> None:
    assert find_boxes(line_of(words), quote) == [(first / 100, 0.1, (last + 1) / 100, 0.2)]


@pytest.mark.parametrize("quote", ["", " - ", "“”", "not there", "a bb ccc ddd"])
def test_what_is_not_there_has_no_box(quote: str) -> None:
    assert find_boxes(line_of("a bb ccc dd"), quote) is None


def test_folding_keeps_what_changes_a_meaning() -> None:
    assert fold_plain("Not 1,200 EUR!") == "not1,200eur!"
    assert fold_plain(fold_plain("ﬁve – “Six”")) == fold_plain("ﬁve – “Six”")


def test_words_on_many_real_pages_find_their_own_lines(corpora: Path) -> None:
    """Ten words in a row, taken from the stored text of real pages, are boxed again."""
    path = corpora / "sample-files/009-pdflatex-geotopo/GeoTopo-komprimiert.pdf"
    pages = list(PdfReader().read_pages(memoryview(path.read_bytes()), 10, 39, ReadOptions()))
    words = words_of(path, *range(10, 40))
    for page in pages:
        spoken = page.text.split()
        for start in range(0, max(1, len(spoken) - 10), 40):
            quote = " ".join(spoken[start : start + 10])
            assert not fold_plain(quote) or find_boxes(words[page.number].words, quote), (page.number, quote)


def test_the_occurrence_that_was_meant_is_boxed():
    words = line_of("unlawful use is not lawful use")
    # Of “unlawful” only the letters that were asked for: two of seven widths (l and f are narrow, w is wide).
    [inside] = find_boxes(words, "lawful use") or []
    assert inside == pytest.approx((0.01 * 2 / 7, 0.1, 0.02, 0.2))
    assert find_boxes(words, "lawful use", occurrence=1) == [(0.04, 0.1, 0.06, 0.2)]
    assert find_boxes(words, "lawful use", occurrence=7) == [(0.04, 0.1, 0.06, 0.2)]


@pytest.mark.parametrize(
    ("corners", "expected"),
    [
        (((0.1, 0.5, 0.2, 0.6), (0.3, 0.5, 0.4, 0.6)), (0.1, 0.5, 0.15, 0.6)),
        (((0.3, 0.5, 0.4, 0.6), (0.1, 0.5, 0.2, 0.6)), (0.35, 0.5, 0.4, 0.6)),
        (((0.5, 0.1, 0.6, 0.2), (0.5, 0.3, 0.6, 0.4)), (0.5, 0.1, 0.6, 0.15)),
        (((0.5, 0.3, 0.6, 0.4), (0.5, 0.1, 0.6, 0.2)), (0.5, 0.35, 0.6, 0.4)),
    ],
    ids=["to the right", "to the left", "down", "up"],
)
def test_half_a_word_is_boxed_at_the_end_where_its_line_begins(
    corners: tuple[tuple[float, ...], ...], expected: tuple[float, ...]
) -> None:
    words = [Word(*corners[0], "abcd", 0, 0), Word(*corners[1], "efgh", 0, 0)]
    [box] = find_boxes(words, "ab") or []
    assert box == pytest.approx(expected)
