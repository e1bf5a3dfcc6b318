"""Pages whose words stand in every way a page may be laid out, cropped and turned; made by code."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from apps.library.ingestion.pymupdf_lean import pymupdf

Draw = Callable[[Any], object]
WIDTH, HEIGHT = 595, 842
SENTENCES = (
    "Clause {n}: either party may terminate this agreement with {n} days of written notice.",
    "The tenant (called “lessee” in annex {n}) keeps the premises in good order, fair wear excepted.",
    "Rent of {n},850 euros falls due on the third working day; arrears bear 4.{n} per cent a year.",
    "Nothing in section {n} shall limit the landlord's right to inspect the boiler-room and the lift.",
)
CHINESE = (
    "本合同第{n}条规定，承租人应当在每月第三个工作日之前向出租人支付租金。",
    "任何一方均可提前{n}天书面通知终止本合同。",
)


def _words(n: int) -> list[str]:
    return " ".join(sentence.format(n=n) for sentence in SENTENCES).split()


def _write(
    page: Any,
    places: list[tuple[float, float, str]],
    font: str = "helv",
    size: float = 10,
    *,
    is_upright: bool = False,
) -> None:
    """is_upright: as one reads the turned page; else as the sheet lies, so that turning lays the lines on their side."""
    rotation = page.rotation
    page.set_rotation(0)
    writer = pymupdf.TextWriter(page.rect)
    chosen = pymupdf.Font(font)
    for x, y, text in places:
        writer.append((x, y), text, font=chosen, fontsize=size)
    middle = pymupdf.Point(WIDTH / 2, HEIGHT / 2)
    writer.write_text(page, morph=(middle, pymupdf.Matrix(rotation)) if is_upright and rotation else None)
    page.set_rotation(rotation)


def _filled(words: list[str], characters: int) -> list[str]:
    """The words in lines of at most so many characters."""
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) >= characters:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def one_column(page: Any, n: int) -> None:
    _write(page, [(120, 200 + 14 * row, line) for row, line in enumerate(_filled(_words(n), 60))], "tiro")


def two_columns(page: Any, n: int) -> None:
    lines = _filled(_words(n), 34)
    half = (len(lines) + 1) // 2
    _write(
        page,
        [(110 if row < half else 310, 280 + 14 * (row % half), line) for row, line in enumerate(lines)],
        is_upright=True,
    )


def hyphenated(page: Any, n: int) -> None:
    """Every line but the last ends inside a word."""
    text, lines = " ".join(_words(n)), []
    while len(text) > 52:
        cut = next((at for at in range(50, 20, -1) if text[at - 3 : at + 3].isalpha()), None)
        if cut is None:
            break
        lines.append(text[:cut] + "-")
        text = text[cut:]
    _write(page, [(120, 200 + 14 * row, line) for row, line in enumerate([*lines, text])])


def ligatures(page: Any, n: int) -> None:
    text = (
        f"The {n} offices on the first floor are fitted with efficient fluorescent lights of final quality."
    )
    lines = _filled(text.replace("fi", "ﬁ").replace("fl", "ﬂ").split(), 40)
    _write(page, [(120, 200 + 14 * row, line) for row, line in enumerate(lines)], "tiro", 11)


def without_spaces(page: Any, n: int) -> None:
    lines = [(120, 300 + 16 * row, line.format(n=n)) for row, line in enumerate(CHINESE)]
    _write(page, lines, "cjk", 9, is_upright=True)


LAYOUTS = (one_column, two_columns, hyphenated, ligatures, without_spaces)


def as_it_is(page: Any) -> None:
    pass


def cropped(page: Any) -> None:
    page.set_cropbox(pymupdf.Rect(90, 150, 560, 700))


def not_from_zero(page: Any) -> None:
    """The sheet's lower left corner is at (-40, 100); what was drawn stays where it was in the file's space."""
    page.parent.xref_set_key(page.xref, "MediaBox", f"[-40 100 {WIDTH + 30} {HEIGHT + 60}]")


def not_from_zero_and_cropped(page: Any) -> None:
    not_from_zero(page)
    page.parent.xref_set_key(page.xref, "CropBox", f"[80 150 580 {HEIGHT - 100}]")


def in_large_units(page: Any) -> None:
    page.parent.xref_set_key(page.xref, "UserUnit", "2.5")


SHEETS = (as_it_is, cropped, not_from_zero, not_from_zero_and_cropped, in_large_units)
ROTATIONS = (0, 90, 180, 270)
CASES = tuple(itertools.product(LAYOUTS, SHEETS, ROTATIONS))


def name_of(number: int) -> str:
    """Of a page (1-based) of the file, for reports of tests."""
    layout, sheet, rotation = CASES[number - 1]
    return f"{layout.__name__}, {sheet.__name__}, {rotation}"


def save(path: Path) -> Path:
    """One page a case, in the order of CASES."""
    document = pymupdf.open()
    for number, (layout, sheet, rotation) in enumerate(CASES, 1):
        page = document.new_page(width=WIDTH, height=HEIGHT)
        page.set_rotation(rotation)
        layout(page, number)
        sheet(document[-1])
    document.save(path)
    document.close()
    return path
