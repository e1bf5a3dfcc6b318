"""What a page holds besides its text: notes, replies, filled fields, attached files."""

from pathlib import Path
from typing import Any

import pytest

from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.ingestion.readers.base import Attachment, DocumentInfo, PageText, ReadOptions
from apps.library.ingestion.readers.pdf import PdfReader
from tests.library.ingestion import pdfs


def read_one(path: Path) -> PageText:
    (page,) = PdfReader().read_pages(memoryview(path.read_bytes()), 1, 1, ReadOptions())
    return page


def describe(path: Path) -> DocumentInfo:
    return PdfReader().describe(memoryview(path.read_bytes()), ReadOptions())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made.pdf"


def add_field(page: Any, name: str, kind: int, value: object, **facts: object) -> Any:
    widget = pymupdf.Widget()
    widget.field_name, widget.field_type, widget.field_value = name, kind, value
    top = 72 + 30 * len(list(page.widgets()))
    widget.rect = pymupdf.Rect(72, top, 300, top + 20)
    for key, fact in facts.items():
        setattr(widget, key, fact)
    page.add_widget(widget)
    return list(page.widgets())[-1]


def test_comments_and_notes_are_included_and_marked(path: Path) -> None:
    def annotated(page) -> None:
        pdfs.prose(page)
        page.add_text_annot((500, 72), "Check this period with the client")
        page.add_highlight_annot(pymupdf.Rect(72, 72, 300, 90)).set_info(content="Longer than usual")
        page.add_freetext_annot(pymupdf.Rect(72, 600, 400, 640), "Shown on the page itself")

    page = read_one(pdfs.save(path, annotated))
    assert "[Annotation: Text] Check this period with the client" in page.text
    assert "[Annotation: Highlight] Longer than usual" in page.text
    assert page.text.count("Shown on the page itself") == 1
    assert page.flags == ("annotations",)


def test_filled_fields_are_included_with_their_names(path: Path) -> None:
    def form(page) -> None:
        for position, (name, kind, value) in enumerate(
            (
                ("tenant", pymupdf.PDF_WIDGET_TYPE_TEXT, "The Tenant signs here"),
                ("deposit", pymupdf.PDF_WIDGET_TYPE_TEXT, ""),
                ("renewal", pymupdf.PDF_WIDGET_TYPE_CHECKBOX, True),
                ("parking", pymupdf.PDF_WIDGET_TYPE_CHECKBOX, False),
            )
        ):
            widget = pymupdf.Widget()
            widget.field_name, widget.field_type, widget.field_value = name, kind, value
            widget.rect = pymupdf.Rect(72, 72 + 40 * position, 300, 92 + 40 * position)
            page.add_widget(widget)

    page = read_one(pdfs.save(path, form))
    assert "[Form field: tenant] The Tenant signs here" in page.text
    assert "[Form field: renewal] Yes" in page.text
    assert "deposit" not in page.text
    assert "parking" not in page.text
    assert page.flags == ("form_values",)


def test_authors_are_named_and_replies_stand_under_what_they_answer(path: Path) -> None:
    def discussed(page: Any) -> None:
        def note(words: str, author: str, answers: Any = None) -> Any:
            made = page.add_text_annot((400, 72), words)
            made.set_info(title=author)
            if answers is not None:
                made.set_irt_xref(answers.xref)
            return made

        pdfs.prose(page)
        first = note("Is this period usual?", "Alice\nof the tenants")
        note("Please check the address.", "Vera")
        answer = note("No, six months are.", "Bob", first)
        note("Then we ask for six.", "Alice", answer)

    lines = [line for line in read_one(pdfs.save(path, discussed)).text.splitlines() if line.startswith("[")]
    assert lines == [
        "[Annotation: Text, Alice of the tenants] Is this period usual?",
        "[Annotation: Reply, Bob] No, six months are.",
        "[Annotation: Reply, Alice] Then we ask for six.",
        "[Annotation: Text, Vera] Please check the address.",
    ]


def test_notes_that_answer_each_other_in_a_ring_are_all_kept(path: Path) -> None:
    def ring(page: Any) -> None:
        one, two = page.add_text_annot((400, 72), "One"), page.add_text_annot((400, 92), "Two")
        one.set_irt_xref(two.xref)
        two.set_irt_xref(one.xref)

    text = read_one(pdfs.save(path, ring)).text
    assert "[Annotation: Reply] One" in text
    assert "[Annotation: Reply] Two" in text


def test_choices_are_given_in_the_words_a_person_sees(path: Path) -> None:
    def form(page: Any) -> None:
        add_field(
            page,
            "basis",
            pymupdf.PDF_WIDGET_TYPE_COMBOBOX,
            "2",
            choice_values=[("1", "Area"), ("2", "Units")],
        )
        add_field(page, "floor", pymupdf.PDF_WIDGET_TYPE_LISTBOX, "second", choice_values=["first", "second"])
        add_field(page, "empty", pymupdf.PDF_WIDGET_TYPE_COMBOBOX, "", choice_values=["one", "two"])
        several = add_field(
            page, "rooms", pymupdf.PDF_WIDGET_TYPE_LISTBOX, "", choice_values=["kitchen", "hall", "bath"]
        )
        page.parent.xref_set_key(several.xref, "V", "[(kitchen) (bath)]")

    lines = [line for line in read_one(pdfs.save(path, form)).text.splitlines() if line.startswith("[")]
    assert lines == [
        "[Form field: basis] Units",
        "[Form field: floor] second",
        "[Form field: rooms] kitchen, bath",
    ]


def test_of_a_group_of_buttons_only_the_pressed_one_counts(path: Path) -> None:
    def form(page: Any) -> None:
        pdfs.prose(page)
        document = page.parent
        group = document.get_new_xref()
        buttons = [
            add_field(page, f"kind {state}", pymupdf.PDF_WIDGET_TYPE_RADIOBUTTON, False).xref
            for state in ("monthly", "yearly")
        ]
        kids = " ".join(f"{xref} 0 R" for xref in buttons)
        document.update_object(group, f"<</FT/Btn/Ff 49152/T(payment)/V/yearly/Kids[{kids}]>>")
        for xref, state in zip(buttons, ("monthly", "yearly"), strict=True):
            document.xref_set_key(xref, "Parent", f"{group} 0 R")
            document.xref_set_key(xref, "T", "null")
            document.xref_set_key(xref, "V", "null")
            document.xref_set_key(xref, "FT", "null")
            document.xref_set_key(xref, "AS", "/yearly" if state == "yearly" else "/Off")
            looks = document.xref_get_key(xref, "AP/N")[1]
            document.xref_set_key(xref, "AP/N", looks.replace("/False", f"/{state}"))

    text = read_one(pdfs.save(path, form)).text
    assert text.count("[Form field: payment] yearly") == 1
    assert "monthly" not in text


def test_files_inside_are_listed_with_their_sizes_and_never_opened(path: Path) -> None:
    def clipped(page: Any) -> None:
        pdfs.prose(page)
        page.add_file_annot((500, 72), b"x" * 1234, "sketch.dwg")
        for number in range(3):
            page.parent.embfile_add(f"plan {number}.txt", b"secret words" * (number + 1))

    pdfs.save(path, clipped, deflate=True)
    assert describe(path).attachments == tuple(
        Attachment(f"plan {number}.txt", 12 * (number + 1)) for number in range(3)
    )
    text = read_one(path).text
    assert "[Attached file: sketch.dwg, 1,234 bytes]" in text
    assert "secret words" not in text


def test_what_is_left_alone_is_said(path: Path) -> None:
    def scripted(page: Any) -> None:
        add_field(page, "tenant", pymupdf.PDF_WIDGET_TYPE_TEXT, "Filled in the form")
        document, catalog = page.parent, page.parent.pdf_catalog()
        packet = document.get_new_xref()
        document.update_object(packet, "<<>>")
        document.update_stream(packet, b"<xdp><template>Only in XFA</template></xdp>")
        document.xref_set_key(catalog, "AcroForm/XFA", f"{packet} 0 R")
        document.xref_set_key(
            catalog, "Names/JavaScript", "<</Names[(go)<</S/JavaScript/JS(app.alert(1))>>]>>"
        )

    pdfs.save(path, scripted)
    assert describe(path).notes == (
        "The form has a second version (XFA) that is ignored; its filled fields are read.",
        "Scripts in the file are ignored.",
    )
    text = read_one(path).text
    assert "[Form field: tenant] Filled in the form" in text
    assert "Only in XFA" not in text
