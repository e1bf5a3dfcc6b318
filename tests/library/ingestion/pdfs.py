"""Small PDFs, made by code."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from apps.library.ingestion.pymupdf_lean import pymupdf

PROSE = (
    "Either party may terminate this agreement with one hundred and twenty days of written notice. "
    "The notice takes effect on the last day of a month. Rent remains due until that day, and the premises "
    "are returned in the condition in which they were handed over, fair wear and tear excepted. "
)


def save(path: Path, *draw: Callable[[Any], None], **options: Any) -> Path:
    """One A4 page per function, which gets the page; saved at path, which is returned."""
    document = pymupdf.open()
    for function in draw:
        function(document.new_page())
    document.save(path, **options)
    document.close()
    return path


def prose(page: Any) -> None:
    page.insert_textbox(pymupdf.Rect(72, 72, 523, 770), PROSE * 3, fontsize=11)


def blank(page: Any) -> None:
    pass


def text(words: str, **options: Any) -> Callable[[Any], None]:
    return lambda page: page.insert_text((72, 72), words, **options)


def picture(page: Any, box: Any = None) -> None:
    """A noisy picture over the whole page, or a box."""
    pixels = pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, 60, 80), False)
    for y in range(80):
        for x in range(60):
            pixels.set_pixel(x, y, (x * 4 % 256, y * 3 % 256, (x * y) % 256))
    page.insert_image(box or page.rect, pixmap=pixels, keep_proportion=False)


def two_columns(page: Any) -> None:
    """A title over the page, then two columns whose paragraphs end at the same heights."""
    page.insert_text(
        (72, 60), "A TITLE OVER BOTH COLUMNS OF THIS PAGE, LONG ENOUGH TO SPAN THEM ALL", fontsize=11
    )
    for row in range(3):
        for column, name in enumerate(("left", "right")):
            x, y = 72 + 240 * column, 100 + 130 * row
            words = f"Paragraph {row + 1} of the {name} column runs over several lines of the page. " * 2
            page.insert_textbox(pymupdf.Rect(x, y, x + 210, y + 100), words, fontsize=10)


def table(page: Any) -> None:
    """Three columns of cells, written column by column as some programs do."""
    columns = (
        ("Service", "Heating", "Cleaning", "Lift"),
        ("Basis", "area", "area", "units"),
        ("Per month", "310.00", "185.50", "92.75"),
    )
    for column, cells in enumerate(columns):
        page.insert_textbox(
            pymupdf.Rect(72 + 140 * column, 72, 200 + 140 * column, 200), "\n".join(cells), fontsize=11
        )
