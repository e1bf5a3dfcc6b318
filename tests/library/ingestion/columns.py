"""Pages in two columns, made by code; what is drawn last stands first, so that the file's own order is no help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apps.library.ingestion.pymupdf_lean import pymupdf
from tests.library.ingestion import pdfs

_LEFT, _RIGHT = (60, 290), (306, 536)
_JUSTIFIED = 3


def _prose(name: str, sentences: int) -> str:
    subjects = ("The landlord", "The tenant", "Either party", "The guarantor")
    ends = (
        "gives notice in writing before the last day of the quarter",
        "keeps the premises in the condition of the inventory",
        "bears the cost of repairs that exceed fair wear and tear",
        "answers within fourteen days of receipt",
    )
    return " ".join(
        f"{name} {number}: {subjects[number % 4].lower()} {ends[(number * 3 + number // 4) % 4]}."
        for number in range(1, sentences + 1)
    )


def _column(
    page: Any, sides: tuple[int, int], top: float, bottom: float, words: str, size: float = 9.5
) -> None:
    box = pymupdf.Rect(sides[0], top, sides[1], bottom)
    room = page.insert_textbox(box, words, fontname="tiro", fontsize=size, align=_JUSTIFIED)
    assert room >= 0, f"the words need {-room} points more"


def with_heading_and_footnotes(page: Any) -> None:
    """A heading over both columns, three paragraphs in each, footnotes of their own under each."""
    _column(page, _RIGHT, 740, 790, "2 " + _prose("Right footnote", 2), size=7)
    _column(page, _LEFT, 740, 790, "1 " + _prose("Left footnote", 2), size=7)
    for paragraph in (3, 2, 1):
        top = 130 + 200 * (paragraph - 1)
        _column(page, _RIGHT, top, top + 195, _prose(f"Right {paragraph}", 8 + paragraph))
        # The left paragraphs are longer: few gaps stand side by side.
        _column(page, _LEFT, top, top + 199, _prose(f"Left {paragraph}", 12 - paragraph))
    heading = "On the duties of landlord and tenant, and on what becomes of them"
    page.insert_text((60, 90), heading, fontname="tibo", fontsize=15)


def with_figure_across(page: Any) -> None:
    """Two columns, a figure with its caption over both, two columns again."""
    _column(page, _RIGHT, 470, 780, _prose("Right below", 17))
    _column(page, _LEFT, 470, 780, _prose("Left below", 15))
    caption = "Figure 1. The premises as drawn in the plan of the third floor; hatched parts are shared."
    page.insert_text((60, 440), caption, fontname="tiit", fontsize=9.5)
    pdfs.picture(page, pymupdf.Rect(60, 270, 536, 425))
    _column(page, _RIGHT, 60, 255, _prose("Right above", 9))
    _column(page, _LEFT, 60, 255, _prose("Left above", 10))


def with_table_in_column(page: Any) -> None:
    """A table between two paragraphs of the left column, drawn column by column; prose on the right."""
    _column(page, _RIGHT, 60, 780, _prose("Right", 38))
    _column(page, _LEFT, 420, 780, _prose("Left after", 19))
    columns = (
        ("Service", "Heating", "Cleaning", "Lift", "Water", "Garden"),
        ("Basis", "area", "area", "units", "heads", "area"),
        ("Per month", "310.00", "185.50", "92.75", "41.20", "17.80"),
    )
    for column, cells in enumerate(columns):
        for row, cell in enumerate(cells):
            page.insert_text((64 + 80 * column, 300 + 18 * row), cell, fontname="tiro", fontsize=9.5)
    _column(page, _LEFT, 60, 280, _prose("Left before", 11))


PAGES: dict[str, Callable[[Any], None]] = {
    "heading_and_footnotes": with_heading_and_footnotes,
    "figure_across": with_figure_across,
    "table_in_column": with_table_in_column,
}
