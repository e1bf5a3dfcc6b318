"""The strip of all pages: true to the page, and small however many there are."""

from __future__ import annotations

import time

import pytest

from apps.conversations.coverage import Coverage, CoveredDocument, PageRun
from apps.conversations.coverage_sheet import (
    COLUMNS,
    MOST_CELLS,
    MOST_RANGES,
    MOST_STRIPS,
    CitedLink,
    coverage_strips,
    left_out_rows,
)
from apps.conversations.models import ReadingPass

PAGES = 40_000


def sheet_of(*documents: CoveredDocument, passes: list[ReadingPass] | None = None) -> Coverage:
    return Coverage(
        pages_selected=0, pages_sent=0, not_sent=[], images_left_out=[], flagged=[], passes=passes or [],
        asked={}, documents=list(documents),
    )  # fmt: skip


def document(*runs: PageRun, ordinal: int = 1, reason: str = "") -> CoveredDocument:
    return CoveredDocument(ordinal, "", f"Volume {ordinal}.pdf", list(runs), reason)


def test_a_cell_is_a_page_and_neighbours_are_one_rectangle() -> None:
    runs = (PageRun(1, 60, "sent"), PageRun(61, 61, "cited"), PageRun(64, 65, "left_out", "no text"))
    [strip] = coverage_strips(sheet_of(document(*runs)))
    assert (strip.cells, strip.pages_per_cell) == (63, 1)
    assert [(one.kind, one.x, one.y, one.width, one.title) for one in strip.rectangles] == [
        ("sent", 0, 0, 600, "Pages 1–50: sent"),
        ("sent", 0, 14, 120, "Pages 51–60: sent"),
        ("cited", 120, 14, 12, "Page 61: cited"),
        ("no-text", 132, 14, 24, "Pages 64–65: no text"),
    ]
    assert (strip.sent, strip.cited, strip.left_out) == (61, 1, 2)


@pytest.mark.parametrize(
    "runs",
    [
        [PageRun(1, PAGES, "sent")],
        [PageRun(number, number, "cited" if number % 80 == 0 else "sent") for number in range(1, PAGES + 1)],
        [
            PageRun(number, number, "left_out" if number % 2 else "sent", "no text" if number % 2 else "")
            for number in range(1, PAGES + 1)
        ],
    ],
    ids=["all alike", "many cited", "every other one missing"],
)
def test_forty_thousand_pages_are_a_small_picture_made_in_a_moment(runs: list[PageRun]) -> None:
    began = time.process_time()
    [strip] = coverage_strips(sheet_of(document(*runs)))
    assert time.process_time() - began < 1
    assert strip.pages_per_cell == PAGES // MOST_CELLS
    assert strip.cells == MOST_CELLS
    assert len(strip.rectangles) <= MOST_CELLS
    assert strip.rectangles[-1].title.partition(":")[0].endswith(f"–{PAGES}")


def test_a_cell_of_many_pages_shows_the_cited_one() -> None:
    runs = [PageRun(1, 30_000, "sent"), PageRun(30_001, 30_001, "cited"), PageRun(30_002, PAGES, "sent")]
    [strip] = coverage_strips(sheet_of(document(*runs)))
    [cited] = [one for one in strip.rectangles if one.kind == "cited"]
    assert cited.title == "Pages 30001–30020: some cited"
    assert strip.cited == 1


def test_of_very_many_documents_those_to_look_at_have_strips_of_their_own() -> None:
    plain = [document(PageRun(1, 3, "sent"), ordinal=number) for number in range(1, 13_001)]
    cited = document(PageRun(1, 1, "cited"), ordinal=13_001)
    missing = document(ordinal=13_002, reason="it is still being read")
    strips = coverage_strips(sheet_of(*plain, cited, missing))
    assert len(strips) == MOST_STRIPS + 1
    assert [strip.document for strip in strips[:2]] == [cited, missing]
    assert strips[-1].name == f"{13_002 - MOST_STRIPS:,} more documents"
    assert sum(strip.sent for strip in strips) == 39_001


def test_each_pass_is_a_band_under_its_pages() -> None:
    passes = [
        ReadingPass(number=1, pages=[{"ordinal": 1, "first": 1, "last": 55}]),
        ReadingPass(
            number=2, pages=[{"ordinal": 1, "first": 56, "last": 70}, {"ordinal": 2, "first": 1, "last": 9}]
        ),
    ]
    runs = PageRun(1, 55, "sent"), PageRun(58, 70, "sent")
    [strip] = coverage_strips(sheet_of(document(*runs), passes=passes))
    assert [(one.number, one.x, one.y, one.width) for one in strip.bands] == [
        (1, 0, 12, 12 * COLUMNS),
        (1, 0, 26, 60),
        (2, 60, 26, 156),
    ]
    [alone] = coverage_strips(sheet_of(document(*runs), passes=passes[:1]))
    assert alone.bands == ()


def test_cited_pages_are_links_and_the_rest_is_counted() -> None:
    links = [CitedLink(f"p. {number}", f"/{number}/") for number in range(1, MOST_RANGES + 6)]
    [strip] = coverage_strips(sheet_of(document(PageRun(1, 99, "sent"))), {1: links})
    assert list(strip.links) == links[:MOST_RANGES]
    assert strip.more_links == 5


def test_what_was_left_out_is_told_once_for_each_reason() -> None:
    runs = [PageRun(number, number, "left_out", "no text") for number in (3, 4, 8, *range(100, 200, 2))]
    rows = left_out_rows(
        sheet_of(
            document(*runs, PageRun(300, 310, "left_out", "unticked")), document(ordinal=2, reason="locked")
        )
    )
    assert [(row.name, row.reason, row.ranges[:2], row.more) for row in rows] == [
        ("Volume 1.pdf", "no text", [(3, 4), (8, 8)], 52 - MOST_RANGES),
        ("Volume 1.pdf", "unticked", [(300, 310)], 0),
        ("Volume 2.pdf", "locked", [], 0),
    ]
