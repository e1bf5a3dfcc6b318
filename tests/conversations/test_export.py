"""An answer taken along: Markdown, Word file and PDF, from one tree by one door."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import docx
import pikepdf
import pypdfium2
import pytest
from django.utils import timezone

from apps.conversations.export import FORMATS, copy_answer, export_answer
from apps.conversations.export_docx import docx_of
from apps.conversations.export_tree import Paragraph, parse_blocks, plain
from apps.conversations.models import Answer, Conversation, Question, Verdict
from apps.library.models import Document
from apps.library.services import delete_document
from apps.workspaces.models import AuditEntry
from tests.conversations.hostile_texts import HOSTILE
from tests.conversations.room import Room, answered_room, body  # noqa: F401 (fixture)
from tests.factories import add_evidence

SCRIPTS = "Ελληνικά Кириллица 租赁合同 한국어 ქართული"
TEXT = f"""# The end of the lease

Either party may **end** the *lease* [[1:2]]; rent is due on the `1st` [[1:3]], as said [[1:2]]. {SCRIPTS}

- notice of 120 days
  - in writing
- to the [registry](https://registry.example/notices)

3. third
4. fourth

| Item | Days |
|:-----|-----:|
| notice | 120 |

```python
if days < 120 and "<b>" in page: pass
```

No page [[7:7]], no source [1].
"""


def write(answer: Answer, **fields: Any) -> Answer:
    Answer.objects.filter(pk=answer.pk).update(**fields)
    return Answer.objects.select_related("question__conversation").get(pk=answer.pk)


def markdown(answer: Answer) -> str:
    return export_answer(answer, "md").content.decode()


def word_file(answer: Answer) -> Any:
    return docx.Document(io.BytesIO(export_answer(answer, "docx").content))


def pdf_text(content: bytes) -> str:
    document = pypdfium2.PdfDocument(content)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def words(text: str) -> str:
    return " ".join(text.split())


def read_back(answer: Answer, extension: str) -> str:
    """What the file says, read by another library than the one that wrote it where there is one."""
    content = export_answer(answer, extension).content
    match extension:
        case "md":
            return words(content.decode().replace("\\", "").replace("**", ""))
        case "docx":
            document = docx.Document(io.BytesIO(content))
            cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
            return words(" ".join([*(paragraph.text for paragraph in document.paragraphs), *cells]))
    return words(pdf_text(content))


@pytest.mark.parametrize("extension", list(FORMATS))
def test_every_format_says_all_there_is(room: Room, extension: str) -> None:
    add_evidence(
        room.answer,
        "rent is due on the first of each month",
        3,
        Verdict.ALTERED,
        label="iii",
        differences=[{"quoted": "first", "printed": "third"}],
    )
    answer = write(
        room.answer,
        text=TEXT,
        notices=[{"code": "cut", "sentence": "The answer reached its longest length and was cut there."}],
    )
    said = read_back(answer, extension)

    for expected in [
        "How can the lease end?",
        "Note: The answer reached its longest length and was cut there.",
        "[1]; rent is due on the",
        "[2], as said",
        SCRIPTS,
        "notice of 120 days",
        "registry (",
        "https://registry.example/notices",
        "fourth",
        'if days < 120 and "<b>" in page: pass',
        "No page [[7:7]], no source [ 1].",
        "[1] lease.pdf, p. 2",
        "“Either party may terminate with 120 days written notice.” (word for word)",
        "[2] lease.pdf, p. 3",
        "(altered: “first” where the page says “third”)",
        "3 of 3 selected pages were sent and counted.",
        "Maverick (meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8) at DeepInfra",
        "UTC",
        "$0.00032 (1,210 tokens in, 96 out)",
        "“word for word”: These words stand on this page.",
        "No verdict says that a claim is true.",
    ]:
        assert words(expected) in said, expected


def test_the_word_file_has_words_own_structure(room: Room) -> None:
    document = word_file(write(room.answer, text=TEXT))
    styles = [(paragraph.style.name, paragraph.text) for paragraph in document.paragraphs]

    assert ("Heading 1", "How can the lease end?") in styles
    assert ("Heading 3", "The end of the lease") in styles
    assert ("List Bullet", "notice of 120 days") in styles
    assert ("List Bullet 2", "in writing") in styles
    assert ("List Number", "third") in styles
    assert ("Code", 'if days < 120 and "<b>" in page: pass') in styles
    assert [[cell.text for cell in row.cells] for row in document.tables[0].rows] == [
        ["Item", "Days"],
        ["notice", "120"],
    ]
    xml = document.element.xml
    assert re.findall(r'w:hyperlink w:anchor="(\w+)"', xml) == ["source_1", "source_2", "source_1"]
    assert re.findall(r'w:bookmarkStart w:id="\d" w:name="(\w+)"', xml) == ["source_1", "source_2"]
    assert '<w:startOverride w:val="3"/>' in document.part.numbering_part.element.xml


def test_citations_of_the_pdf_lead_to_their_sources(room: Room) -> None:
    content = export_answer(write(room.answer, text=TEXT), "pdf").content
    with pikepdf.open(io.BytesIO(content)) as document:
        links = [link for page in document.pages for link in page.get("/Annots", [])]
        jumps = [link for link in links if "/URI" not in link.get("/A", {})]
        addresses = [str(link.A.URI) for link in links if "/URI" in link.get("/A", {})]
        assert str(document.docinfo["/Title"]) == "How can the lease end?"
    assert len(jumps) == 3
    # One for each piece of a line.
    assert set(addresses) == {"https://registry.example/notices"}


def test_scripts_that_run_leftwards_are_set_leftwards(room: Room) -> None:
    answer = write(room.answer, text="عقد الإيجار ينتهي [[1:2]].\n\nIt ends.")
    paragraphs = [p for p in word_file(answer).paragraphs if "عقد" in p.text or p.text == "It ends."]

    assert ["w:bidi" in paragraph._p.xml for paragraph in paragraphs] == [True, False]
    assert '<p dir="rtl">عقد' in copy_answer(answer).html
    # Letters of the PDF have the forms they are joined in, in the order of drawing; they are looked at, not read.
    assert re.search("[\u0600-\u06ff\ufb50-\ufeff]", pdf_text(export_answer(answer, "pdf").content))


def test_nothing_runs_over_the_edge_of_the_paper(room: Room) -> None:
    wide = "|".join(f"responsibility{column}" for column in range(12))
    text = f"{'W' * 150}\n\n```\n{'let abc = 1; ' * 20}last\n```\n\n|{wide}|\n|{'-|' * 12}\n|{wide}|"
    content = export_answer(write(room.answer, text=text), "pdf").content
    page = pypdfium2.PdfDocument(content)[0]
    letters = page.get_textpage()
    right = max(letters.get_charbox(index)[2] for index in range(letters.count_chars()))
    assert right < page.get_width() - 60
    assert "responsibility11: responsibility11" in words(pdf_text(content))


def test_a_pdf_holds_the_letters_it_needs_and_no_more(room: Room) -> None:
    answer = write(room.answer, text=f"{SCRIPTS} [[1:2]]")
    assert len(export_answer(answer, "pdf").content) < 400_000


# Sources ------------------------------------------------------------------------------------------


def test_ranges_name_both_ends_and_the_page_of_each_quote(room: Room) -> None:
    assert "[1] lease.pdf, p. 2–3\n\n- “Either party" in markdown(write(room.answer, text="So [[1:2-3]]."))
    assert "notice.” (word for word, p. 2)" in markdown(write(room.answer, text="So [[1:2-3]]."))


def test_a_printed_label_comes_with_the_position(room: Room) -> None:
    room.answer.evidence.update(label="xii")
    document = Document.objects.get()
    document.current_revision.pages.filter(number=2).update(label="xii")
    assert "[1] lease.pdf, p. xii (page 2 of the file)" in markdown(room.answer)


def test_quotes_that_nobody_sees_or_that_run_over_a_page_say_so(room: Room) -> None:
    room.answer.evidence.update(
        is_hidden=True, continued={"page": 3, "label": "3", "boxes": [], "lines": None}
    )
    assert "(word for word, with words not visible on the page, p. 2–3)" in markdown(room.answer)


def test_a_page_without_a_quote_is_said_to_have_none(room: Room) -> None:
    assert "[1] lease.pdf, p. 1: page only, without a quote" in markdown(
        write(room.answer, text="So [[1:1]].")
    )


def test_quotes_that_the_text_does_not_cite_are_listed_too(room: Room) -> None:
    text = markdown(write(room.answer, text="Nothing is cited."))
    assert "## Sources" not in text
    assert "## Quoted, but not cited in the text\n\n- “Either party may" in text


def test_a_quote_that_was_found_elsewhere_says_what_the_answer_named(room: Room) -> None:
    room.answer.evidence.update(verdict=Verdict.ELSEWHERE, marker_given="[[1:3]]")
    assert "(on another page: the answer named [[1:3]])" in markdown(room.answer).replace("\\", "")


@pytest.mark.parametrize("extension", list(FORMATS))
def test_a_removed_document_keeps_its_name_quotes_and_labels(room: Room, extension: str) -> None:
    room.answer.evidence.update(label="xii")
    delete_document(room.people["alice"], Document.objects.get())
    said = read_back(write(room.answer), extension)
    assert "[1] lease.pdf (removed since), p. xii (page 2 of the file)" in said
    assert "Either party may terminate with 120 days written notice." in said


def test_unfinished_and_failed_answers_say_so(room: Room) -> None:
    failed = write(room.answer, status=Answer.Status.FAILED, error_sentence="The stream was cut.")
    assert "*The stream was cut.*" in markdown(failed)
    running = write(room.answer, status=Answer.Status.WRITING, error_sentence="", ended_at=None)
    assert "*This answer was still being written.*" in markdown(running)


# The door ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extension", list(FORMATS))
def test_a_download_is_named_after_its_conversation_and_leaves_an_entry(room: Room, extension: str) -> None:
    Conversation.objects.update(title='Müller/租赁: "final"\u202e\r\n.exe', shared_at=timezone.now())
    response = room.client("vera").get(room.url("export", extension))

    assert response.status_code == 200
    assert response["Content-Type"] == FORMATS[extension][0]
    assert response["Content-Disposition"] == (
        f"attachment; filename*=utf-8''M%C3%BCller%20%E7%A7%9F%E8%B5%81%20final%20.exe.{extension}"
    )
    assert "sandbox" in response["Content-Security-Policy"]
    entry = AuditEntry.objects.get(action="answer.export")
    assert (entry.actor_id, entry.target_id) == (room.people["vera"].pk, room.answer.pk)
    assert entry.details == {"format": extension}


def test_programs_get_the_same_files(room: Room) -> None:
    address = f"/api/v1/answers/{room.answer.pk}/export"
    client = room.client("alice")

    assert client.get(address).content == client.get(room.url("export", "md")).content
    assert client.get(f"{address}?format=docx").content.startswith(b"PK")
    assert client.get(f"{address}?format=pdf").content.startswith(b"%PDF")
    assert client.get(f"{address}?format=exe").status_code == 422
    assert room.client("charlie").get(address).status_code == 404
    assert AuditEntry.objects.filter(action="answer.export").count() == 4


def test_what_is_not_offered_is_not_there(room: Room) -> None:
    assert room.client("alice").get(room.url("export", "exe")).status_code == 404
    assert room.client("bob").get(room.url("export", "md")).status_code == 404
    assert not AuditEntry.objects.filter(action="answer.export").exists()


def test_a_pdf_that_cannot_be_written_is_refused_in_words(room: Room, monkeypatch: Any) -> None:
    from apps.library import printing

    monkeypatch.setattr(printing, "MOST_CHILDREN", 0)
    monkeypatch.setattr(printing, "WAIT_SECONDS", 0)
    for _ in range(2):
        printing._children.acquire()
    try:
        response = room.client("alice").get(room.url("export", "pdf"))
    finally:
        for _ in range(2):
            printing._children.release()
    assert response.status_code == 503
    assert "Take Markdown or Word meanwhile." in body(response)


def test_copy_gives_the_answer_and_its_sources_twice(room: Room) -> None:
    copied = room.client("alice").get(room.url("copy")).json()
    assert copied["html"].startswith("<p>The lease can be ended early with 120 days&#x27; notice [1].</p>")
    assert "<p>[1] lease.pdf, p. 2</p>" in copied["html"]
    assert "href" not in copied["html"]
    assert copied["text"].startswith("The lease can be ended early with 120 days' notice [1].\n\n### Sources")


# Hostile text --------------------------------------------------------------------------------------


def plant(room: Room, payload: str) -> Answer:
    """The payload wherever words of others come in."""
    payload = payload.replace("\0", "")
    Conversation.objects.update(title=payload[:200])
    Question.objects.update(text=payload)
    room.answer.evidence.update(
        quote=payload, why=payload[:500], marker_given=payload[:200], label=payload[:300]
    )
    manifest = [{**entry, "name": payload} for entry in room.answer.manifest]
    notices = [{"code": "cut", "sentence": payload}]
    text = f"Cited [[1:2]].\n\n{payload.replace('3:12', '1:2')}"
    return write(room.answer, text=text, manifest=manifest, notices=notices, error_sentence=payload[:500])


@pytest.fixture(name="hostile", params=range(0, len(HOSTILE), 26))
def hostile_answer(room: Room, request: pytest.FixtureRequest) -> Answer:
    return plant(room, "\n\n".join(HOSTILE[request.param : request.param + 26]))


def test_a_word_file_leads_nowhere_but_to_addresses_it_shows(hostile: Answer) -> None:
    check_word_file(export_answer(hostile, "docx").content)


@pytest.mark.parametrize("payload", HOSTILE)
def test_no_payload_is_more_than_text_in_a_word_file(payload: str) -> None:
    check_word_file(
        docx_of([*parse_blocks(payload), Paragraph((plain(payload),))], title=plain(payload).text)
    )


def check_word_file(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        relations = "".join(archive.read(name).decode() for name in names if name.endswith(".rels"))
        xml = archive.read("word/document.xml").decode()
    assert not [name for name in names if re.search(r"vba|activeX|embeddings|\.bin$", name, re.IGNORECASE)]
    for relation in re.findall(r"<Relationship [^>]*TargetMode=\"External\"[^>]*>", relations):
        assert "relationships/hyperlink" in relation
        address = re.search(r'Target="((?:https?|mailto):[^"]*)"', relation)
        assert address, relation
        assert f">{address[1]}<" in xml
    assert not re.search(r"<w:(fldSimple|fldChar|instrText|object|altChunk|control|drawing|pict)\b", xml)


def test_a_pdf_runs_starts_and_holds_nothing(hostile: Answer) -> None:
    content = export_answer(hostile, "pdf").content
    with pikepdf.open(io.BytesIO(content)) as document:
        assert not {"/OpenAction", "/AA", "/AcroForm", "/Names"} & set(document.Root.keys())
        for item in document.objects:
            if isinstance(item, pikepdf.Dictionary):
                assert item.get("/S") not in (
                    "/JavaScript",
                    "/Launch",
                    "/SubmitForm",
                    "/GoToR",
                    "/ImportData",
                )
                assert not {"/JS", "/AA", "/EF"} & set(item.keys())
                assert re.match("(https?|mailto):", str(item.get("/URI", "https:")))
