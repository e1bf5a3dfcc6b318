"""A small PDF that makes the parser walk most of its paths; made by code, read before the zygote forks."""

from __future__ import annotations

from apps.library.ingestion.pymupdf_lean import pymupdf

_PARAGRAPH = "The first reading of a page is the dearest: fonts, colours and tables are set up for it. " * 6
_FONTS = ("helv", "tiro", "cour", "hebo")


def sample_pdf() -> bytes:
    """Prose in columns, a table, white words on a bar, a picture, a note and a filled field, in a compressed file."""
    document = pymupdf.open()
    for number in range(2):
        page = document.new_page()
        for column, font in enumerate(_FONTS[number % 2 :: 2]):
            box = pymupdf.Rect(50 + 260 * column, 60, 290 + 260 * column, 330)
            page.insert_textbox(box, _PARAGRAPH * 2, fontname=font, fontsize=9)
        for row in range(12):
            for column in range(4):
                place = (60 + 120 * column, 400 + 14 * row)
                page.insert_text(place, f"{row * column * 1000:,}.50", fontname=_FONTS[column], fontsize=9)
        page.draw_rect(pymupdf.Rect(50, 340, 545, 380), fill=(0.1, 0.2, 0.4))
        page.insert_text((60, 365), "White words upon a dark bar", color=(1, 1, 1))
    picture = pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, 64, 64), False)
    picture.clear_with(120)
    page.insert_image(pymupdf.Rect(60, 600, 260, 760), pixmap=picture)
    page.add_text_annot((500, 72), "A note")
    field = pymupdf.Widget()
    field.field_name, field.field_type, field.field_value = "name", pymupdf.PDF_WIDGET_TYPE_TEXT, "value"
    field.rect = pymupdf.Rect(300, 600, 500, 620)
    page.add_widget(field)
    document.set_toc([[1, "Start", 1], [2, "End", 2]])
    document.set_page_labels([{"startpage": 0, "style": "r", "firstpagenum": 1}])
    sample: bytes = document.tobytes(deflate=True, use_objstms=True)
    document.close()
    return sample
