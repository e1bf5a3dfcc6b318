"""Makes the two sample PDFs beside this file: python -m apps.library.samples.make_samples

Deterministic: the same text and the same PyMuPDF give the same bytes. Run it after changing a text and commit
the result.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.samples import office_lease, reading_with_proof

FOLDER = Path(__file__).parent

_PAGE = pymupdf.paper_rect("a4")
_TEXT = pymupdf.Rect(78, 74, _PAGE.width - 78, _PAGE.height - 84)
_PLAIN = pymupdf.TEXT_PRESERVE_WHITESPACE
_DATE = "D:20260105090000Z"

_STYLE = """
body { margin: 0; font-family: serif; font-size: 11pt; line-height: 1.48; color: #1d2126; }
p { margin: 0 0 8pt 0; text-align: left; }
h1 { font-family: sans-serif; font-size: 27pt; line-height: 1.15; font-weight: bold; margin: 0 0 12pt 0; color: #14202e; }
h2 { font-family: sans-serif; font-size: 14pt; line-height: 1.25; font-weight: bold; margin: 14pt 0 7pt 0; color: #14202e; }
h3 { font-family: sans-serif; font-size: 11pt; font-weight: bold; margin: 14pt 0 6pt 0; color: #14202e; }
.kicker { font-family: sans-serif; font-size: 9.5pt; color: #2f5d8a; margin: 26pt 0 6pt 0; }
.lead { font-size: 13pt; color: #46505c; margin: 0 0 18pt 0; }
.note { font-size: 9pt; color: #46505c; margin: 8pt 0 0 0; }
.signature { margin: 26pt 0 0 0; }
table { margin: 4pt 0 9pt 0; }
th, td { padding: 3.5pt 10pt 3.5pt 0; font-size: 10pt; text-align: left; vertical-align: top; }
td { border-bottom: 0.5pt solid #d4d8de; }
.number { text-align: right; }
th { font-family: sans-serif; font-weight: bold; color: #14202e; }
"""


def make_lease() -> bytes:
    headings = [f"{number}  {title}" for number, (title, _) in enumerate(office_lease.CLAUSES, start=1)]
    clauses = [
        f"<h2>{heading}</h2>{text}" for heading, (_, text) in zip(headings, office_lease.CLAUSES, strict=True)
    ]
    schedules = [
        f"<h2>{title}</h2>{text.format(service_rows=_service_rows(), floor_rows=_floor_rows())}"
        for title, text in office_lease.SCHEDULES
    ]
    titles = headings + [title for title, _ in office_lease.SCHEDULES]
    main = [clauses, *([schedule] for schedule in schedules)]
    # The contents need the pages, the pages need no contents: lay out once to learn them.
    starts = _find_titles(_lay_out(main), titles)
    rows = "".join(
        f"<tr><td>{title}</td><td>{page}</td></tr>" for title, page in zip(titles, starts, strict=True)
    )
    front = [[office_lease.FRONT], [office_lease.CONTENTS.format(rows=rows)]]
    return _publish(office_lease.TITLE, front, main, list(zip(titles, starts, strict=True)))


def make_guide() -> bytes:
    titles = [title for title, _ in reading_with_proof.SECTIONS]
    sections = [f"<h2>{title}</h2>{text}" for title, text in reading_with_proof.SECTIONS]
    main = [[reading_with_proof.FRONT], sections]
    starts = _find_titles(_lay_out(main), titles)
    return _publish(reading_with_proof.TITLE, [], main, list(zip(titles, starts, strict=True)))


def _service_rows() -> str:
    rows, building, month_total, year_total = [], 0, 0.0, 0.0
    for name, cost in office_lease.SERVICES:
        year = cost * office_lease.SHARE_PER_MILLE / 1000
        building, year_total, month_total = building + cost, year_total + year, month_total + year / 12
        rows.append((name, f"{cost:,}", f"{year:,.2f}", f"{year / 12:,.2f}"))
    rows.append(("Total", f"{building:,}", f"{year_total:,.2f}", f"{month_total:,.2f}"))
    return _rows(rows)


def _floor_rows() -> str:
    rows = [(room, floor, use, f"{area} m²") for room, floor, use, area in office_lease.ROOMS]
    rows.append(("Total", "2 and 3", "All rooms", f"{sum(room[3] for room in office_lease.ROOMS):,} m²"))
    return _rows(rows)


def _rows(rows: Sequence[tuple[str, ...]]) -> str:
    return "".join(
        "<tr>" + "".join(f"<td{_alignment(cell)}>{cell}</td>" for cell in row) + "</tr>" for row in rows
    )


def _alignment(cell: str) -> str:
    return ' class="number"' if cell[:1].isdigit() and cell.removesuffix(" m²")[-1:].isdigit() else ""


def _lay_out(chapters: list[list[str]]) -> Any:
    """A document in which each chapter begins on a new page and no section runs over the end of one."""
    file = io.BytesIO()
    writer = pymupdf.DocumentWriter(file)
    for chapter in chapters:
        device, top = writer.begin_page(_PAGE), _TEXT.y0
        for section in chapter:
            story = pymupdf.Story(html=f"<body>{section}</body>", user_css=_STYLE)
            more, filled = story.place(_below(top))
            if more and top > _TEXT.y0:
                writer.end_page()
                device, top = writer.begin_page(_PAGE), _TEXT.y0
                story.reset()
                more, filled = story.place(_below(top))
            assert not more, f"A section is longer than a page: {section[:60]}"
            story.draw(device)
            top = pymupdf.Rect(filled).y1
        writer.end_page()
    writer.close()
    return pymupdf.open("pdf", file.getvalue())


def _below(top: float) -> Any:
    return pymupdf.Rect(_TEXT.x0, top, _TEXT.x1, _TEXT.y1)


def _find_titles(document: Any, titles: list[str]) -> list[int]:
    """The page, from 1, on which each title stands as a heading."""
    pages = []
    for title in titles:
        wanted = " ".join(title.split())
        page = next(
            page.number + 1
            for page in document
            if wanted in (" ".join(line.split()) for line in page.get_text(flags=_PLAIN).splitlines())
        )
        pages.append(page)
    return pages


def _publish(
    title: str, front: list[list[str]], main: list[list[str]], outline: list[tuple[str, int]]
) -> bytes:
    document = _lay_out([*front, *main])
    unnumbered = len(front)
    rules = [{"startpage": unnumbered, "style": "D", "firstpagenum": 1}]
    if unnumbered:
        rules.insert(0, {"startpage": 0, "style": "r", "firstpagenum": 1})
    document.set_page_labels(rules)
    document.set_toc([[1, heading, page + unnumbered] for heading, page in outline])
    for page in document:
        _foot(page, title)
    document.set_metadata(
        {"title": title, "author": "DocAnalyst", "creationDate": _DATE, "modDate": _DATE, "producer": ""}
    )
    document.subset_fonts()
    return bytes(document.tobytes(garbage=4, deflate=True, deflate_fonts=True, no_new_id=True, use_objstms=1))


def _foot(page: Any, title: str) -> None:
    grey = (0.42, 0.46, 0.51)
    y = _PAGE.height - 48
    page.draw_line((_TEXT.x0, y - 14), (_TEXT.x1, y - 14), color=(0.82, 0.84, 0.87), width=0.6)
    page.insert_text((_TEXT.x0, y), title, fontname="helv", fontsize=8.5, color=grey)
    label = page.get_label()
    width = pymupdf.get_text_length(label, fontname="helv", fontsize=8.5)
    page.insert_text((_TEXT.x1 - width, y), label, fontname="helv", fontsize=8.5, color=grey)


def main() -> None:
    (FOLDER / "office-lease.pdf").write_bytes(make_lease())
    (FOLDER / "reading-with-proof.pdf").write_bytes(make_guide())


if __name__ == "__main__":
    main()
