"""Text recognition of pages made by code: what it reads, in which order, where, and what a bad page costs."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from apps.library.ingestion import idle_box, ocr
from apps.library.ingestion.ocr import PageRecognised, PageToRecognise, recognise_pages
from apps.library.ingestion.pictures import render_page
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.ingestion.quotes import find_boxes
from apps.library.ingestion.sandbox import Cancelled, Sandbox
from tests.library.ingestion.odd_pdfs import endless_forms
from tests.library.ingestion.pdfs import save
from tests.library.ingestion.scans import CLAUSES, alike, both, lines, picture_of, scan_file, scanned

PROSE = "\n".join(CLAUSES)


@pytest.fixture(scope="module", autouse=True)
def _models_leave() -> Iterator[None]:
    yield
    ocr.ocr_sandbox().close()


def recognised(path: Path, *numbers: int, **options: Any) -> list[PageRecognised]:
    with path.open("rb") as file:
        return list(
            recognise_pages(file.fileno(), [PageToRecognise(number) for number in numbers or (1,)], **options)
        )


def one(path: Path) -> PageRecognised:
    [page] = recognised(path)
    return page


def test_clean_print_is_read(tmp_path: Path) -> None:
    page = one(scan_file(tmp_path / "scan.pdf", lines(CLAUSES)))
    assert page.found
    assert alike(page.text, PROSE) > 0.95
    assert page.text.splitlines()[0] == CLAUSES[0]
    assert page.tokens > 40
    assert (page.width, page.height) == (595, 842)


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_page_that_lies_on_its_side_or_head_is_read(tmp_path: Path, turned: int) -> None:
    page = one(scan_file(tmp_path / "turned.pdf", lines(CLAUSES), turned=turned))
    assert alike(page.text, PROSE) > 0.95
    assert_boxes_cover(tmp_path / "turned.pdf", page, "terminate this agreement")


def test_a_page_turned_by_the_file_is_read(tmp_path: Path) -> None:
    def turned(page: Any) -> None:
        scanned(lines(CLAUSES))(page)
        page.set_rotation(90)

    path = save(tmp_path / "rotated.pdf", turned)
    page = one(path)
    assert alike(page.text, PROSE) > 0.95
    assert (page.width, page.height) == (842, 595)
    assert_boxes_cover(path, page, "wear and tear excepted")


def test_two_columns_are_read_one_after_the_other_also_askew(tmp_path: Path) -> None:
    left = [f"Left column, line {number} of the" for number in ["one", "two", "three", "four", "five", "six"]]
    right = [
        f"Right side, line {number} of it all" for number in ["one", "two", "three", "four", "five", "six"]
    ]
    draw = both(
        lines(["A title that runs over both of the columns below it, in full"], y=60),
        lines(left, x=60),
        lines(right, x=320),
    )
    path = save(tmp_path / "columns.pdf", scanned(draw), scanned(draw, skewed=1.2))
    expected = "\n".join(["A title that runs over both of the columns below it, in full", *left, *right])
    for page in recognised(path, 1, 2):
        assert alike(page.text, expected) > 0.97, page.text


def test_lines_that_are_printed_far_apart_are_no_paragraphs_each(tmp_path: Path) -> None:
    draw = both(
        *(lines([line], y=100 + 24 * number) for number, line in enumerate(CLAUSES)),
        lines(["A new one."], y=300),
    )
    page = one(scan_file(tmp_path / "spaced.pdf", draw))
    assert page.text.count("\n\n") == 1
    assert page.text.endswith("\n\nA new one.")


def test_cells_of_a_row_stay_together(tmp_path: Path) -> None:
    rows = [("Heating", "310.00"), ("Cleaning", "185.50"), ("Lift", "92.75")]
    draw = both(
        *(
            both(lines([a], y=100 + 24 * row), lines([b], x=300, y=100 + 24 * row))
            for row, (a, b) in enumerate(rows)
        )
    )
    page = one(scan_file(tmp_path / "table.pdf", draw))
    assert page.text.splitlines() == [
        "Heating\t310.00",
        "Cleaning\t185.50",
        "Lift\t92.75",
    ] or page.text.split("\n\n") == ["Heating\t310.00", "Cleaning\t185.50", "Lift\t92.75"]


def test_a_stamp_of_the_text_layer_is_kept_once_and_exactly(tmp_path: Path) -> None:
    stamp = "ABC-0001234"
    path = save(
        tmp_path / "stamped.pdf",
        lambda page: (scanned(lines(CLAUSES))(page), page.insert_text((400, 800), stamp, fontsize=9)),
    )
    page = one(path)
    assert page.text.count(stamp) == 1
    assert alike(page.text, f"{PROSE}{stamp}") > 0.95
    assert_boxes_cover(path, page, stamp)


def test_invisible_words_of_a_short_layer_are_kept_beside_what_is_recognised(tmp_path: Path) -> None:
    path = save(
        tmp_path / "short.pdf",
        lambda page: (
            scanned(lines(CLAUSES))(page),
            page.insert_text((72, 600), "Filed under seal", render_mode=3),
        ),
    )
    assert "Filed under seal" in one(path).text
    with path.open("rb") as file:
        [without] = recognise_pages(file.fileno(), [PageToRecognise(1, keeps_layer=False)])
    assert "Filed under seal" not in without.text


def test_notes_are_kept_and_markers_are_broken(tmp_path: Path) -> None:
    def draw(page: Any) -> None:
        scanned(lines([*CLAUSES, "See [[3:12]] and <evidence> here"]))(page)
        page.add_text_annot((500, 60), "Checked by the landlord")

    page = one(save(tmp_path / "notes.pdf", draw))
    assert "[Annotation: Text] Checked by the landlord" in page.text
    assert "[[3:12]]" not in page.text
    assert "<evidence>" not in page.text


def test_a_picture_without_words_says_so(tmp_path: Path) -> None:
    page = one(scan_file(tmp_path / "blank.pdf", lambda page: page.draw_circle((300, 400), 150)))
    assert not page.found
    assert page.reason == "Text recognition found no text on the page."


def test_a_script_that_is_not_known_is_said_and_not_guessed(tmp_path: Path) -> None:
    words = ["Каждая из сторон может расторгнуть договор", "с уведомлением за сто двадцать дней до срока"] * 3

    def draw(page: Any) -> None:
        writer = pymupdf.TextWriter(page.rect)
        for index, line in enumerate(words):
            writer.append((60, 100 + 20 * index), line, font=pymupdf.Font("helv"), fontsize=12)
        writer.write_text(page)

    page = one(scan_file(tmp_path / "cyrillic.pdf", draw))
    assert not page.found
    assert page.reason == "Text recognition does not know the script of this page."


def test_a_picture_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "scan.jpeg"
    path.write_bytes(picture_of(lines(CLAUSES)))
    [page] = recognised(path, reader="jpeg")
    assert alike(page.text, PROSE) > 0.95


def test_pages_come_one_by_one(tmp_path: Path) -> None:
    path = scan_file(
        tmp_path / "many.pdf",
        *(lines([f"Page {name} of them"]) for name in ("one", "two", "three", "four", "five")),
    )
    times = []
    with path.open("rb") as file:
        for page in recognise_pages(file.fileno(), [PageToRecognise(number) for number in range(1, 6)]):
            times.append((page.number, time.monotonic(), page.text))
    assert [number for number, _, _ in times] == [1, 2, 3, 4, 5]
    assert [text.split()[1] for _, _, text in times] == ["one", "two", "three", "four", "five"]
    assert times[0][1] < times[1][1] < times[4][1]


def test_stopping_kills_the_child_at_once(tmp_path: Path) -> None:
    path = scan_file(tmp_path / "stop.pdf", *(lines(CLAUSES * 3),) * 2)
    stop = threading.Event()
    with path.open("rb") as file:
        pages = recognise_pages(file.fileno(), [PageToRecognise(1), PageToRecognise(2)], stop=stop)
        assert next(pages).found
        stop.set()
        started = time.monotonic()
        with pytest.raises(Cancelled):
            next(pages)
        assert time.monotonic() - started < 2


@pytest.mark.parametrize("victim", ["the child", "the process with the models"])
def test_a_kill_by_chance_costs_no_page(tmp_path: Path, victim: str) -> None:
    path = scan_file(tmp_path / "kill.pdf", lines(CLAUSES[:1]), lines(CLAUSES))
    with path.open("rb") as file:
        pages = recognise_pages(file.fileno(), [PageToRecognise(1), PageToRecognise(2)])
        assert next(pages).found
        zygote = psutil.Process(ocr.ocr_sandbox()._process.pid)  # type: ignore[union-attr]
        (zygote.children()[0] if victim == "the child" else zygote).kill()
        second = next(pages)
    assert alike(second.text, PROSE) > 0.95


def test_a_page_past_its_limit_costs_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = scan_file(tmp_path / "slow.pdf", lines(CLAUSES[:1]), lines(CLAUSES[1:2]))
    with pymupdf.open(path) as document, pymupdf.open(stream=endless_forms(), filetype="pdf") as endless:
        document.insert_pdf(endless, start_at=1)
        document.saveIncr()
    monkeypatch.setattr(ocr, "CPU_SECONDS", 3)
    pages = recognised(path, 1, 2, 3)
    assert [(page.number, page.found) for page in pages] == [(1, True), (2, False), (3, True)]
    assert (
        pages[1].reason == "Recognising its text used more than 3 seconds of processor time and was stopped."
    )


def test_a_page_of_metres_is_drawn_smaller(tmp_path: Path) -> None:
    document = pymupdf.open()
    page = document.new_page(width=9_000, height=600)
    page.insert_text((400, 400), "A banner for the whole street", fontsize=280)
    document.save(tmp_path / "banner.pdf")
    assert "whole street" in one(tmp_path / "banner.pdf").text


def test_the_child_reads_without_network_and_files(tmp_path: Path) -> None:
    box = Sandbox(job_modules=("apps.library.ingestion.ocr_jobs", "tests.library.ingestion.jobs_for_tests"))
    path = scan_file(tmp_path / "scan.pdf", lines(CLAUSES))
    try:
        if not box.report()["seccomp"]:
            pytest.skip("no seccomp on this machine")
        args = {"reader": "pdf", "password": "", "dpi": 150, "pages": [{"number": 1, "keeps_layer": True}]}
        with path.open("rb") as file:
            [page] = box.run("ocr.read", fd=file.fileno(), args=args, limits=ocr._limits(1))
            attempts = list(box.run("test.attempts", fd=file.fileno(), args={}))
    finally:
        box.close()
    assert alike(page["text"], PROSE) > 0.95
    assert {attempt["outcome"] for attempt in attempts if attempt["attempt"] in {"socket", "open"}} == {
        "refused"
    }


def test_models_are_loaded_from_the_package_and_nothing_is_fetched() -> None:
    code = (
        "import socket, rapidocr.utils.download_file as d\n"
        "def no(*a, **k): raise AssertionError('the network was asked')\n"
        "socket.socket.connect = no; d.DownloadFile.run = no\n"
        "import apps.library.ingestion.ocr_engine\n"
        "print('loaded')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "loaded", done.stderr


def test_the_models_leave_when_nobody_needs_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle_box, "IDLE_SECONDS", 0.1)
    path = scan_file(tmp_path / "scan.pdf", lines(CLAUSES[:1]))
    assert one(path).found
    time.sleep(1)
    assert ocr.ocr_sandbox()._process is None
    assert one(path).found


def assert_boxes_cover(path: Path, page: PageRecognised, quote: str) -> None:
    """The boxes of a quote hold the ink that stands there and little else of the page."""
    assert page.words is not None
    boxes = find_boxes(page.words.words, quote)
    assert boxes, quote
    with path.open("rb") as file:
        picture = Image.open(io.BytesIO(render_page(file.fileno(), page.number))).convert("L")
    width, height = picture.size
    dark = picture.point(lambda value: 255 if value < 128 else 0)
    for x0, y0, x1, y1 in boxes:
        inside = dark.crop((round(x0 * width), round(y0 * height), round(x1 * width), round(y1 * height)))
        assert inside.getbbox() is not None, "no ink in the box"
        share = sum(inside.histogram()[255:]) / (inside.width * inside.height)
        assert 0.05 < share < 0.6
        # Around the ends of the line the paper is white: nothing of the words lies outside.
        assert (x1 - x0) * (y1 - y0) < 0.02
