"""What another reader than ours finds in the boxes of a page: PDFium, through pypdfium2."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

# PDFium takes device coordinates as whole numbers: a page is so many of them wide and high.
_GRID = 1_000_000
# What PDFium puts in the place of a hyphen that ends a line, and between pieces of text.
_MADE_UP = "\x02\ufffe\r\n"

Box = Sequence[float]


class Character(NamedTuple):
    """x, y: of its centre, in points of the file's own space."""

    text: str
    x: float
    y: float


class PrintedPage:
    """The characters of a page, in PDFium's order. number: 1-based."""

    def __init__(self, document: pypdfium2.PdfDocument, number: int) -> None:
        self._page = document[number - 1]
        self._characters = list(_characters(self._page))

    def text_in(self, boxes: Sequence[Box]) -> str:
        """The characters whose centres lie in each box, box by box.

        Not PDFium's own bounded text: that takes whatever touches the box, so each line brings the descenders
        of the one above.
        """
        return "".join(self._inside(box) for box in boxes)

    def _inside(self, box: Box) -> str:
        ax, ay = self._in_file(box[0], box[1])
        bx, by = self._in_file(box[2], box[3])
        left, right, low, high = min(ax, bx), max(ax, bx), min(ay, by), max(ay, by)
        return "".join(text for text, x, y in self._characters if left <= x <= right and low <= y <= high)

    def _in_file(self, x: float, y: float) -> tuple[float, float]:
        """Fractions of the page as shown, origin top left, as points of the file: PDFium's own arithmetic."""
        across, up = ctypes.c_double(), ctypes.c_double()
        pdfium.FPDF_DeviceToPage(
            self._page, 0, 0, _GRID, _GRID, 0, round(x * _GRID), round(y * _GRID), across, up
        )
        return across.value, up.value


def _characters(page: pypdfium2.PdfPage) -> Iterator[Character]:
    text_page = page.get_textpage()
    for index in range(text_page.count_chars()):
        text = text_page.get_text_range(index, 1)
        if text.strip(_MADE_UP).strip():
            left, low, right, high = text_page.get_charbox(index)
            yield Character(text, (left + right) / 2, (low + high) / 2)
