"""Figures of pages: what is one, how it looks, and what a picture that breaks its child costs."""

from __future__ import annotations

import io
import json
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
from PIL import Image

from apps.library.ingestion import figures
from apps.library.ingestion.figures import Figure, FigureReader, PageFigures
from apps.library.ingestion.limits import Limits
from apps.library.ingestion.sandbox import Sandbox
from tests.library.ingestion import pictures_in_pdfs as made

RED, DARK, LIGHT, WHITE = (250, 60, 40), (30, 40, 90), (200, 210, 220), (255, 255, 255)
LOOKS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]] = {
    "packed_gray": ((115, 115, 115), (43, 43, 43), (208, 208, 208)),
    "ccitt": (WHITE, (0, 0, 0), WHITE),
    "stencil": (WHITE, (0, 0, 0), WHITE),
    "soft_masked": (RED, DARK, WHITE),
    "color_keyed": (RED, DARK, WHITE),
    "separation": ((227, 174, 116), (213, 141, 58), (246, 224, 200)),
    # Inks as MuPDF's own profile shows them.
    "jpeg_cmyk": ((237, 98, 59), (72, 74, 94), (199, 198, 204)),
}


@contextmanager
def opened(content: bytes, folder: Path) -> Iterator[int]:
    path = folder / "figures.pdf"
    path.write_bytes(content)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def figures_in(
    content: bytes, folder: Path, numbers: list[int] | None = None, **options: Any
) -> list[PageFigures]:
    with opened(content, folder) as fd, pikepdf.open(io.BytesIO(content)) as pdf:
        wanted = numbers or list(range(1, len(pdf.pages) + 1))
        found = [page for some in FigureReader(fd, **options).read(wanted) for page in some]
    return sorted(found, key=lambda page: page.number)


def look(figure: Figure) -> Image.Image:
    assert figure.content is not None
    return Image.open(io.BytesIO(figure.content)).convert("RGB")


def is_near(seen: Any, wanted: tuple[int, int, int]) -> bool:
    return all(abs(one - other) <= 6 for one, other in zip(seen, wanted, strict=True))


@pytest.mark.parametrize("name", made.ENCODINGS)
def test_a_picture_is_kept_as_it_is_seen_in_every_encoding(name: str, tmp_path: Path) -> None:
    [page] = figures_in(made.one_picture(made.ENCODINGS[name]), tmp_path)
    assert (page.is_complete, page.pictures, page.failed, dict(page.dropped)) == (True, 1, 0, {})
    [figure] = page.figures
    assert (figure.width, figure.height) == (made.WIDTH, made.HEIGHT)
    assert figure.box == pytest.approx((100 / 595, 382 / 842, 340 / 595, 542 / 842), abs=1e-4)
    picture = look(figure)
    assert picture.size == (made.WIDTH, made.HEIGHT)
    for place, wanted in zip(
        ((20, 20), (40, 60), (100, 60)), LOOKS.get(name, (RED, DARK, LIGHT)), strict=True
    ):
        assert is_near(picture.getpixel(place), wanted), (name, place, picture.getpixel(place))


def test_an_inline_picture_is_a_figure_too(tmp_path: Path) -> None:
    pdf = pikepdf.new()
    made.add_page(pdf, made.prose().encode() + b"q 240 0 0 160 100 300 cm " + made.INLINE + b" Q")
    [page] = figures_in(made.saved(pdf), tmp_path)
    assert is_near(look(page.figures[0]).getpixel((20, 20)), RED)


def test_metadata_of_a_picture_is_dropped(tmp_path: Path) -> None:
    content = made.one_picture(made.jpeg_rgb)
    assert b"who made it" in content
    [page] = figures_in(content, tmp_path)
    assert b"who made it" not in (page.figures[0].content or b"")
    with Image.open(io.BytesIO(page.figures[0].content or b"")) as picture:
        assert not {"exif", "icc_profile", "xmp", "comment"} & set(picture.info)


@pytest.mark.parametrize(
    ("matrix", "red_at"),
    [
        ("240 0 0 160 100 300", (20, 20)),
        ("-240 0 0 160 340 300", (100, 20)),
        ("240 0 0 -160 100 460", (20, 60)),
        ("0 240 -160 0 260 300", (20, 100)),
    ],
    ids=["upright", "mirrored", "upside down", "turned left"],
)
def test_a_picture_comes_as_the_page_turns_it(matrix: str, red_at: tuple[int, int], tmp_path: Path) -> None:
    pdf = pikepdf.new()
    made.add_page(pdf, made.prose() + f"q {matrix} cm /P Do Q", {"P": made.raw_rgb(pdf)})
    [page] = figures_in(made.saved(pdf), tmp_path)
    assert is_near(look(page.figures[0]).getpixel(red_at), RED)


@pytest.mark.parametrize(
    ("entries", "box"),
    [
        ({"Rotate": 90}, (300 / 842, 100 / 595, 460 / 842, 340 / 595)),
        ({"CropBox": [50, 100, 545, 742]}, (50 / 495, 282 / 642, 290 / 495, 442 / 642)),
    ],
    ids=["rotated page", "cropped page"],
)
def test_its_box_is_on_the_page_as_shown(
    entries: dict[str, Any], box: tuple[float, ...], tmp_path: Path
) -> None:
    [page] = figures_in(made.one_picture(made.raw_rgb, **entries), tmp_path)
    assert page.figures[0].box == pytest.approx(box, abs=1e-4)


def test_only_the_part_that_is_seen_is_kept(tmp_path: Path) -> None:
    pdf = pikepdf.new()
    clipped = "q 100 300 120 160 re W n 240 0 0 160 100 300 cm /P Do Q"
    made.add_page(pdf, made.prose() + clipped, {"P": made.raw_rgb(pdf)})
    made.add_page(
        pdf, made.prose() + "q 0 0 10 10 re W n 240 0 0 160 100 300 cm /P Do Q", {"P": made.raw_rgb(pdf)}
    )
    half, none = figures_in(made.saved(pdf), tmp_path)
    assert (half.figures[0].width, half.figures[0].height) == (60, 80)
    assert LIGHT not in {color for _, color in look(half.figures[0]).getcolors(10_000) or []}
    assert (none.pictures, none.figures) == (0, [])


def strips(height: int, count: int = 10) -> list[str]:
    return [
        f"q 100 {300 + height * row} 240 {height} re W n 240 0 0 {height * count} 100 300 cm /P Do Q\n"
        for row in range(count)
    ]


@pytest.mark.parametrize(
    ("commands", "reason"),
    [
        ([made.at(0, 0, 595, 842)], "whole_page"),
        ([made.at(100, 300, 12, 12)], "tiny"),
        ([made.at(60, 300, 480, 18)], "line"),
        ([made.at(100, 300, 240, 160, "B")], "blank"),
    ],
    ids=["a page's scan", "a bullet", "a rule", "one colour"],
)
def test_decorations_are_dropped_with_their_reason(commands: list[str], reason: str, tmp_path: Path) -> None:
    def one_color(pdf: pikepdf.Pdf) -> pikepdf.Object:
        picture = Image.new("RGB", (100, 100), (240, 240, 240))
        return made._stream(pdf, picture.tobytes(), picture, ColorSpace=pikepdf.Name.DeviceRGB)

    [page] = figures_in(made.pages_of(commands, P=made.raw_rgb, B=one_color), tmp_path)
    assert (page.figures, dict(page.dropped)) == ([], {reason: 1})


def test_stencils_on_a_scan_are_its_letters(tmp_path: Path) -> None:
    commands = [made.at(0, 0, 595, 842), made.at(100, 300, 240, 160, "S")]
    [page] = figures_in(made.pages_of(commands, P=made.raw_rgb, S=made.stencil), tmp_path)
    assert (page.figures, dict(page.dropped)) == ([], {"whole_page": 1, "part_of_scan": 1})


def test_a_picture_cut_into_strips_is_one_figure(tmp_path: Path) -> None:
    [page] = figures_in(made.pages_of(strips(16), P=made.raw_rgb), tmp_path)
    assert page.pictures == 10
    [figure] = page.figures
    assert figure.box == pytest.approx((100 / 595, 382 / 842, 340 / 595, 542 / 842), abs=1e-4)
    assert is_near(look(figure).getpixel((figure.width // 6, figure.height // 4)), RED)


def test_pictures_apart_stay_apart(tmp_path: Path) -> None:
    commands = [made.at(60, 300, 120, 80), made.at(200, 300, 120, 80), made.at(60, 150, 120, 80)]
    [page] = figures_in(made.pages_of(commands, P=made.raw_rgb), tmp_path)
    assert len(page.figures) == 3


def test_one_picture_on_many_pages_is_handed_over_once(tmp_path: Path) -> None:
    content = made.pages_of(
        *[[made.at(100, 100 + 20 * page, 240, 160)] for page in range(5)], P=made.jpeg_rgb
    )
    pages = figures_in(content, tmp_path)
    assert len({page.figures[0].digest for page in pages}) == 1
    assert sum(page.figures[0].content is not None for page in pages) == 1


def test_what_hides_in_forms_is_found_and_patterns_and_masks_are_not(tmp_path: Path) -> None:
    pdf = pikepdf.new()
    picture = made.raw_rgb(pdf)
    inner = pdf.make_stream(b"240 0 0 160 0 0 cm /P Do")
    inner.Type, inner.Subtype, inner.BBox = pikepdf.Name.XObject, pikepdf.Name.Form, [0, 0, 240, 160]
    inner.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(P=picture))
    made.add_page(pdf, made.prose() + "q 1 0 0 1 100 300 cm /F Do Q", {"F": inner})
    cell = pdf.make_stream(b"40 0 0 40 0 0 cm /P Do")
    cell.PatternType, cell.PaintType, cell.TilingType, cell.BBox = 1, 1, 1, [0, 0, 40, 40]
    cell.XStep, cell.YStep = 40, 40
    cell.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(P=picture))
    page = made.add_page(pdf, made.prose() + "/Pattern cs /T scn 100 300 200 200 re f")
    page.obj.Resources.Pattern = pikepdf.Dictionary(T=cell)
    in_form, in_pattern = figures_in(made.saved(pdf), tmp_path)
    assert len(in_form.figures) == 1
    assert (in_pattern.pictures, in_pattern.figures) == (0, [])


def huge(side: int) -> Callable[[pikepdf.Pdf], pikepdf.Object]:
    """A picture of side × side RGB pixels in a few hundred kilobytes."""

    def build(pdf: pikepdf.Pdf) -> pikepdf.Object:
        squeeze = zlib.compressobj(1)
        rows = [bytes((30, 40, 90)) * (side // 2) + bytes((200, 210, 220)) * (side - side // 2)] * side
        content = b"".join(squeeze.compress(row) for row in rows) + squeeze.flush()
        return made._stream(
            pdf, content, Image.new("1", (1, 1)), Width=side, Height=side,
            ColorSpace=pikepdf.Name.DeviceRGB, Filter=pikepdf.Name.Fl,
        )  # fmt: skip

    return build


def test_a_picture_over_fifty_megapixels_is_thinned_out_while_it_is_decoded(
    box: Sandbox, tmp_path: Path
) -> None:
    content = made.pages_of([made.at(100, 200, 300, 300)], P=huge(9000))
    # 9,000² × 3 bytes are 232 MiB: decoded whole it would not fit beside what the child holds already.
    [page] = figures_in(content, tmp_path, limits=replace(Limits(), memory_bytes=280 * 1024**2), box=box)
    [figure] = page.figures
    assert (figure.width, figure.height) == (2048, 2048)
    assert is_near(look(figure).getpixel((500, 1000)), DARK)


def test_a_claim_of_more_pixels_than_are_drawn_costs_only_that_picture(tmp_path: Path) -> None:
    def absurd(pdf: pikepdf.Pdf) -> pikepdf.Object:
        picture = made.drawing()
        return made._stream(
            pdf, picture.tobytes(), picture, Width=200_000, Height=200_000, ColorSpace=pikepdf.Name.DeviceRGB
        )

    commands = [made.at(60, 500, 200, 200, "X"), made.at(300, 300, 240, 160)]
    [page] = figures_in(made.pages_of(commands, X=absurd, P=made.raw_rgb), tmp_path)
    assert (page.failed, len(page.figures), page.is_complete) == (1, 1, True)


def test_once_full_figures_are_counted_and_not_drawn(tmp_path: Path) -> None:
    content = made.pages_of([made.at(100, 300, 240, 160)], P=made.raw_rgb)
    with opened(content, tmp_path) as fd:
        reader = FigureReader(fd)
        reader.is_full = True
        [[page]] = list(reader.read([1]))
    assert (page.figures, dict(page.dropped)) == ([], {"over_limit": 1})


# Pages and figures that kill the child: a reader whose file says what happens where (jobs_for_tests.py).


def scripted(script: dict[str, Any], box: Sandbox, folder: Path, **options: Any) -> list[PageFigures]:
    with opened(json.dumps(script).encode(), folder) as fd:
        reader = FigureReader(fd, reader="test", box=box, **options)
        found = [page for some in reader.read(range(1, script["pages"] + 1)) for page in some]
    return sorted(found, key=lambda page: page.number)


@pytest.mark.parametrize("how", ["crash", "hog", "raise"])
def test_a_figure_that_kills_its_child_costs_itself_alone(how: str, box: Sandbox, tmp_path: Path) -> None:
    limits = replace(Limits(), memory_bytes=400 * 1024**2)
    pages = scripted({"pages": 20, "figures": 3, "bad": {"5.1": how}}, box, tmp_path, limits=limits)
    assert [page.number for page in pages] == list(range(1, 21))
    assert all(page.is_complete for page in pages)
    assert [len(page.figures) for page in pages] == [2 if page.number == 5 else 3 for page in pages]
    assert [page.number for page in pages if page.failed] == [5]
    assert [figure.digest for figure in pages[4].figures] == ["5.0", "5.2"]


def test_a_page_that_cannot_be_looked_through_costs_itself_alone(box: Sandbox, tmp_path: Path) -> None:
    pages = scripted({"pages": 12, "figures": 2, "bad": {"1.": "crash", "7.": "crash"}}, box, tmp_path)
    assert [page.number for page in pages if not page.is_complete] == [1, 7]
    assert [len(page.figures) for page in pages] == [0, 2, 2, 2, 2, 2, 0, 2, 2, 2, 2, 2]


def test_a_document_of_such_pages_ends(box: Sandbox, tmp_path: Path) -> None:
    bad = {f"{number}.": "crash" for number in range(1, 101)}
    pages = scripted({"pages": 100, "figures": 1, "bad": bad}, box, tmp_path)
    assert len(pages) == 100
    assert not any(page.is_complete for page in pages)


def test_slow_figures_are_read_in_several_children(box: Sandbox, tmp_path: Path) -> None:
    """What takes too long together is no fault of any one of them."""
    bad = {f"{number}.0": "slow" for number in range(1, 9)}
    pages = scripted(
        {"pages": 8, "figures": 1, "bad": bad}, box, tmp_path, limits=replace(Limits(), wall_seconds=1.8)
    )
    assert [len(page.figures) for page in pages] == [1] * 8
    assert sum(page.failed for page in pages) == 0


# Real files: as many pictures as another library sees on their pages.


# Pieces that the page's own clip leaves nothing of, which the other library does not look at.
CLIPPED_AWAY = {"chelsea_pdta.pdf": 5}


def pictures_by_pdfium(path: Path) -> int:
    with pypdfium2.PdfDocument(path) as pdf:
        return sum(
            1
            for page in pdf
            for _ in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=8)
        )


@pytest.mark.parametrize(
    "name",
    [
        "sample-files/003-pdflatex-image/pdflatex-image.pdf",
        "sample-files/007-imagemagick-images/imagemagick-images.pdf",
        "sample-files/007-imagemagick-images/imagemagick-CCITTFaxDecode.pdf",
        "sample-files/007-imagemagick-images/imagemagick-lzw.pdf",
        "sample-files/008-reportlab-inline-image/inline-image.pdf",
        "sample-files/009-pdflatex-geotopo/GeoTopo-komprimiert.pdf",
        "sample-files/018-base64-image/base64image.pdf",
        "sample-files/019-grayscale-image/grayscale-image.pdf",
        "sample-files/023-cmyk-image/cmyk-image.pdf",
        "pdfplumber/pdfs/chelsea_pdta.pdf",
        "pdfplumber/pdfs/federal-register-2020-17221.pdf",
        "pdfplumber/pdfs/issue-982-example.pdf",
        "pdfplumber/pdfs/pdffill-demo.pdf",
    ],
)
def test_real_files_show_as_many_pictures_as_another_library_sees(corpora: Path, name: str) -> None:
    path = corpora / name
    with path.open("rb") as file, pypdfium2.PdfDocument(path) as pdf:
        numbers = range(1, len(pdf) + 1)
        pages = [page for some in FigureReader(file.fileno()).read(numbers) for page in some]
    assert all(page.is_complete and not page.failed for page in pages)
    assert sum(page.pictures for page in pages) == pictures_by_pdfium(path) - CLIPPED_AWAY.get(path.name, 0)


def test_deaths_are_bounded() -> None:
    assert 1 < figures.MOST_DEATHS < 50


def test_a_picture_drawn_by_one_child_is_not_drawn_by_the_next(tmp_path: Path) -> None:
    """Its looks are told by what it is stored as; the same bytes under other colours are another picture."""

    def with_space(space: Any) -> Callable[[pikepdf.Pdf], pikepdf.Object]:
        def build(pdf: pikepdf.Pdf) -> pikepdf.Object:
            picture = made.drawing("L")
            return made._stream(pdf, picture.tobytes(), picture, ColorSpace=space)

        return build

    def tinted(*ink: float) -> pikepdf.Array:
        tint = pikepdf.Dictionary(FunctionType=2, Domain=[0, 1], C0=[0, 0, 0, 0], C1=list(ink), N=1)
        return pikepdf.Array([pikepdf.Name.Separation, pikepdf.Name.Spot, pikepdf.Name.DeviceCMYK, tint])

    drawn = [
        [made.at(60, 500, 200, 140), made.at(300, 500, 200, 140, "Q"), made.at(60, 200, 200, 140, "R")]
    ] * 20
    content = made.pages_of(
        *drawn, P=made.jpeg_rgb, Q=with_space(tinted(0, 1, 1, 0)), R=with_space(tinted(1, 0, 1, 0))
    )
    pages = figures_in(content, tmp_path, workers=1)
    assert {tuple(figure.digest for figure in page.figures) for page in pages} == {
        tuple(figure.digest for figure in pages[0].figures)
    }
    assert len({figure.digest for figure in pages[0].figures}) == 3
    assert sum(len(page.looks) for page in pages) <= 2
    first = pages[0].figures[0].digest
    held = [figure.content is not None for page in pages for figure in page.figures if figure.digest == first]
    assert held[0]
