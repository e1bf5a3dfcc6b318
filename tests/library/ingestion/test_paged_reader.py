"""Paged files beside PDF: read, labelled by heading, the same each time, and harmless when they are hostile."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from apps.library.ingestion import pictures
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.heading_labels import heading_labels
from apps.library.ingestion.kinds import KIND_OF_NAME, PAGED_KINDS
from apps.library.ingestion.limits import Limits
from apps.library.ingestion.pipeline import PipelineOptions, read_document
from apps.library.ingestion.readers.base import DocumentInfo, OutlineEntry, PageText, ReadOptions
from apps.library.ingestion.readers.paged import PagedReader
from apps.library.ingestion.sandbox import ChildDied
from tests.library.ingestion import other_files as made
from tests.library.ingestion import pdfs

FLOWING: dict[str, Callable[[], bytes]] = {
    "epub": made.epub,
    "mobi": made.mobi,
    "fb2": made.fb2,
    "html": made.html,
    "docx": made.docx,
}
PICTURES: dict[str, bytes] = {
    "png": made.image("PNG"),
    "jpeg": made.image("JPEG"),
    "tiff": made.tiff(1),
    "gif": made.image("GIF"),
    "bmp": made.image("BMP"),
    "jp2": made.image("JPEG2000"),
    "pnm": made.image("PPM"),
}
EVERY_KIND: dict[str, bytes] = {
    **{name: make() for name, make in FLOWING.items()},
    **PICTURES,
    "xps": made.xps(),
    "pptx": made.pptx(),
    "cbz": made.cbz(),
    "svg": made.svg(),
}


def read(kind: str, content: bytes) -> tuple[DocumentInfo, list[PageText]]:
    reader, data = PagedReader(KIND_OF_NAME[kind]), memoryview(content)
    info = reader.describe(data, ReadOptions())
    return info, list(reader.read_pages(data, 1, info.pages, ReadOptions()))


def in_children(kind: str, content: bytes, **limits: Any) -> tuple[DocumentInfo, list[PageText], bytes]:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        info, *ranges = read_document(file, PipelineOptions(reader=kind, limits=Limits(**limits)))
        assert isinstance(info, DocumentInfo)
        pages = sorted((page for found in ranges for page in found.pages), key=lambda page: page.number)
        return info, pages, pictures.render_page(file.fileno(), 1, reader=kind)


def test_every_kind_but_pdf_is_among_the_cases() -> None:
    assert {kind.name for kind in PAGED_KINDS} == {*EVERY_KIND, "pdf"}


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_kind_is_read_and_drawn_in_a_child(kind: str) -> None:
    info, pages, picture = in_children(kind, EVERY_KIND[kind])
    assert [page.number for page in pages] == list(range(1, info.pages + 1))
    assert [page.label for page in pages] == list(info.labels)
    assert picture[:4] == b"RIFF"
    assert all(page.width > 0 and page.height > 0 for page in pages)
    assert {page.state for page in pages} <= {"read", "no_text"}


@pytest.mark.parametrize("kind", FLOWING)
def test_all_words_of_a_file_that_flows_are_on_some_page(kind: str) -> None:
    info, pages = read(kind, FLOWING[kind]())
    words = " ".join(" ".join(page.text for page in pages).split())
    assert words.count(" ".join(pdfs.PROSE.split())) == 3 * 12
    assert info.pages > 1
    assert "no pages of its own" in info.notes[0]
    assert {(page.width, page.height) for page in pages} == {(450, 636)}


@pytest.mark.parametrize("kind", FLOWING)
def test_pages_that_flow_are_labelled_by_their_heading(kind: str) -> None:
    info, pages = read(kind, FLOWING[kind]())
    assert [entry.title for entry in info.outline] == list(made.CHAPTERS)
    for title in made.CHAPTERS:
        begin = info.labels.index(title)
        assert title in pages[begin].text
    # A web page has no leaves between its chapters, so that the last one begins where the one before ends.
    assert info.labels[-1] == f"{made.CHAPTERS[-1]} · {3 if kind == 'html' else 2}"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_html_is_read_in_its_own_encoding_and_without_what_nobody_sees(encoding: str) -> None:
    content = made.html(1).decode().replace("</h1>", " – größer</h1>").encode(encoding)
    _, pages = read("html", content)
    text = "".join(page.text for page in pages)
    assert "Notice – größer" in text
    assert "script" not in text
    assert "nobody sees" not in text


def test_a_book_is_laid_out_the_same_way_each_time() -> None:
    content = made.epub(40)
    info, pages = read("epub", content)
    assert read("epub", content) == (info, pages)
    reader = PagedReader(KIND_OF_NAME["epub"])
    alone = [
        page
        for number in range(1, info.pages + 1)
        for page in reader.read_pages(memoryview(content), number, number, ReadOptions())
    ]
    assert alone == pages


def test_title_and_author_of_a_book_are_told() -> None:
    info, _ = read("epub", made.epub())
    assert (info.title, info.author) == ("Lease of an office", "The Landlord")


def test_each_picture_of_a_tiff_is_a_page_to_be_recognised() -> None:
    info, pages = read("tiff", made.tiff(3))
    assert info.labels == ("1", "2", "3")
    assert [page.state for page in pages] == ["no_text"] * 3
    # 800 by 600 pixels at 96 to the inch.
    assert (pages[0].width, pages[0].height) == (600, 450)


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_is_a_scan(kind: str) -> None:
    _, (page,) = read(kind, PICTURES[kind])
    assert (page.state, page.text) == ("no_text", "")
    assert page.reason.startswith("A picture covers 100 %")


def test_values_survive_json() -> None:
    import json

    info, _ = read("docx", made.docx())
    assert DocumentInfo.from_json(json.loads(json.dumps(asdict(info)))) == info


ENTRIES = (
    OutlineEntry(1, "One", 2),
    OutlineEntry(2, "One A", 2),
    OutlineEntry(1, "Two", 4),
    OutlineEntry(1, "Out", 0),
)


@pytest.mark.parametrize(
    ("outline", "labels"),
    [
        ((), ("1", "2", "3", "4", "5")),
        (ENTRIES, ("1", "One", "One A · 2", "Two", "Two · 2")),
        ((OutlineEntry(1, "", 1), OutlineEntry(1, "Two", 3)), ("1", "2", "Two", "Two · 2", "Two · 3")),
        ((OutlineEntry(1, "w" * 300, 1),), ("w" * 79 + "…", *(f"{'w' * 79}… · {n}" for n in (2, 3, 4, 5)))),
        ((OutlineEntry(1, "Far", 99),), ("1", "2", "3", "4", "5")),
    ],
    ids=["no outline", "nested", "without words", "long", "past the end"],
)
def test_heading_labels(outline: tuple[OutlineEntry, ...], labels: tuple[str, ...]) -> None:
    assert heading_labels(outline, 5) == labels


@pytest.mark.parametrize(
    ("kind", "content", "code"),
    [
        ("epub", made.docx(), "other_content"),
        ("docx", made.epub(), "other_content"),
        ("xps", made.cbz(), "other_content"),
        ("cbz", made.epub(), "other_content"),
        ("png", made.image("JPEG").replace(b"\xff\xd8\xff", b"\0\0\0", 1), "no_readable_page"),
        ("epub", b"PK\x03\x04 and nothing of an archive", "damaged"),
        ("docx", made.packed({"a.txt": "words"}), "damaged"),
        ("cbz", made.packed({"a.txt": "words"}), "no_pages"),
        ("epub", b"", "empty_file"),
    ],
    ids=[
        "office as book", "book as office", "pictures as XPS", "book as pictures", "no picture", "no archive",
        "an archive", "no pictures", "empty",
    ],
)  # fmt: skip
def test_another_content_is_refused(kind: str, content: bytes, code: str) -> None:
    with pytest.raises(IngestionError) as refused:
        in_children(kind, content)
    assert refused.value.code == code


def test_nothing_is_loaded_from_outside(tmp_path: Any) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("a secret of this machine")
    links = (
        f'<img src="{secret}"/><img src="file://{secret}"/><img src="http://127.0.0.1:9/x.png"/>'
        f'<link rel="stylesheet" href="{secret}"/><object data="../../../../{secret}"/><p>The end.</p>'
    )
    _, pages, _ = in_children("epub", made.epub(1, chapter=links))
    words = "".join(page.text for page in pages)
    assert "The end." in words
    assert "a secret" not in words


def test_entities_of_a_drawing_are_not_multiplied() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    hostile = f'<!DOCTYPE svg [<!ENTITY l0 "ha">{laughs}]><svg xmlns="http://www.w3.org/2000/svg"><text y="9">&l11;</text></svg>'
    try:
        _, pages, _ = in_children("svg", hostile.encode(), wall_seconds=10, cpu_seconds=5)
        words = pages[0].text
    except IngestionError as refused:
        words = refused.sentence
    assert len(words) < 1000


def test_an_archive_that_swells_ends_at_a_limit() -> None:
    # 300 MB of text in 300 kB of archive.
    bomb = made.epub(0, chapter="<p>" + "lorem ipsum " * 8_000_000 + "</p>")
    assert len(bomb) < 1_000_000
    with pytest.raises((ChildDied, IngestionError)) as ended:
        in_children("epub", bomb, wall_seconds=8, cpu_seconds=3, memory_bytes=1024**3)
    assert getattr(ended.value, "limit", "") in {"cpu", "time", "memory", "output"} or "stopped" in str(
        ended.value
    )
