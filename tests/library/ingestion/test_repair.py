"""Damaged PDFs: mended once, by a second library, never ready with fewer pages than they hold or state."""

import tempfile
from pathlib import Path

import pikepdf
import pytest

from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.limits import Limits
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.ingestion.readers.base import PageText, ReadOptions
from apps.library.ingestion.readers.pdf import PdfReader
from apps.library.ingestion.repair import REPAIRABLE, Repaired, repair
from apps.library.ingestion.sandbox import ChildDied
from tests.library.ingestion import pdfs


def mend(content: bytes, password: str = "") -> tuple[Repaired, bytes]:
    with tempfile.TemporaryFile() as original, tempfile.TemporaryFile() as copy:
        original.write(content)
        original.flush()
        repaired = repair(original.fileno(), copy.fileno(), password=password)
        copy.seek(0)
        return repaired, copy.read()


def read(content: bytes, password: str = "") -> list[PageText]:
    data, options = memoryview(content), ReadOptions(password)
    pages = PdfReader().describe(data, options).pages
    return list(PdfReader().read_pages(data, 1, pages, options))


def numbered(tmp_path: Path, pages: int = 3, **options: object) -> bytes:
    words = [pdfs.text(f"This is page {number}") for number in range(1, pages + 1)]
    return pdfs.save(tmp_path / "made.pdf", *words, **options).read_bytes()


def words_of(pages: list[PageText]) -> list[str]:
    return [page.text for page in pages]


NUMBERED = ["This is page 1", "This is page 2", "This is page 3"]


@pytest.mark.parametrize("stated", [1, 9])
def test_a_count_that_lies_is_true_in_the_copy(tmp_path: Path, stated: int) -> None:
    repaired, copy = mend(numbered(tmp_path).replace(b"/Count 3", b"/Count %d" % stated))
    assert (repaired.pages, repaired.lost, repaired.is_rebuilt) == (3, 0, False)
    assert words_of(read(copy)) == NUMBERED


def test_pages_whose_tree_is_gone_are_found_one_by_one(tmp_path: Path) -> None:
    broken = numbered(tmp_path).replace(b"/Type/Pages", b"/Type/Gone_").replace(b"/Kids", b"/Lost")
    with pytest.raises(IngestionError) as refused:
        read(broken)
    assert refused.value.code in REPAIRABLE
    repaired, copy = mend(broken)
    assert (repaired.pages, repaired.is_rebuilt) == (3, True)
    assert "3 pages were found" in repaired.sentence
    assert words_of(read(copy)) == NUMBERED


def test_nodes_that_the_root_forgot_keep_their_order(tmp_path: Path) -> None:
    document = pymupdf.open(stream=numbered(tmp_path), filetype="pdf")
    last, middle, first = (document.page_xref(position) for position in range(3))
    node = document.get_new_xref()
    document.update_object(node, f"<</Type/Pages/Count 3/Kids[{first} 0 R {middle} 0 R {last} 0 R]>>")
    root = document.xref_get_key(document.pdf_catalog(), "Pages")[1].encode()
    content = document.tobytes().replace(b"/Pages " + root, b"/Pages 0 0 R")
    # The old root comes first in the file.
    content = content.replace(b"/Type/Pages", b"/Type/Gone_", 1).replace(b"/Kids", b"/Lost", 1)
    repaired, copy = mend(content)
    assert repaired.is_rebuilt
    assert words_of(read(copy)) == NUMBERED[::-1]


def test_pages_that_the_file_states_and_lost_are_listed(tmp_path: Path) -> None:
    with pikepdf.open(
        pdfs.save(tmp_path / "made.pdf", *[pdfs.text(words) for words in NUMBERED])
    ) as document:
        document.save(
            tmp_path / "web.pdf", linearize=True, object_stream_mode=pikepdf.ObjectStreamMode.disable
        )
    content = (tmp_path / "web.pdf").read_bytes()
    # The tree and the last page are overwritten, as in a download that was cut and filled up with zeros.
    last_page = content.rindex(b"/Type /Page ")
    start, end = content.rindex(b"obj", 0, last_page), content.index(b"endobj", last_page)
    content = content[:start] + b"\0" * (end - start) + content[end:]
    content = content.replace(b"/Type /Pages", b"/Type /Gone_").replace(b"/Kids", b"/Lost")
    repaired, copy = mend(content)
    assert (repaired.pages, repaired.lost) == (3, 1)
    assert "2 of 3 pages were found" in repaired.sentence
    pages = read(copy)
    assert [page.state for page in pages] == ["read", "read", "unreadable"]
    assert pages[2].reason.startswith("This page is missing")


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7\n", b"%PDF-1.7\n" + b"\0" * 5000, b"not a pdf"])
def test_what_nobody_can_open_stays_damaged(content: bytes) -> None:
    with pytest.raises(IngestionError) as refused:
        mend(content)
    assert refused.value.code in {"damaged", "no_pages", "empty_file"}


def test_a_protected_file_stays_protected(tmp_path: Path) -> None:
    content = numbered(tmp_path, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="open", owner_pw="own")
    content = content.replace(b"/Count 3", b"/Count 1")
    for password, code in (("", "needs_password"), ("guess", "wrong_password")):
        with pytest.raises(IngestionError) as refused:
            mend(content, password)
        assert refused.value.code == code
    _, copy = mend(content, "open")
    with pytest.raises(IngestionError) as refused:
        read(copy)
    assert refused.value.code == "needs_password"
    assert b"This is page" not in copy
    assert words_of(read(copy, "open")) == NUMBERED


def test_repair_has_limits_too(tmp_path: Path) -> None:
    with tempfile.TemporaryFile() as original, tempfile.TemporaryFile() as copy:
        original.write(numbered(tmp_path, pages=40))
        original.flush()
        with pytest.raises(ChildDied) as died:
            repair(original.fileno(), copy.fileno(), limits=Limits(disk_bytes=1000))
    assert died.value.limit == "disk"


def test_a_page_tree_that_neither_library_walks_is_recovered(corpora: Path) -> None:
    content = (corpora / "sample-files/017-unreadable-meta-data/unreadablemetadata.pdf").read_bytes()
    with pytest.raises(IngestionError) as refused:
        read(content)
    assert refused.value.code == "no_pages"
    repaired, copy = mend(content)
    pages = read(copy)
    assert repaired.pages == len(pages) == 4
    # Objects 79 to 174 are zeros in the file: one of the four pages exists in name only.
    assert [page.state == "unreadable" for page in pages] == [False, False, False, True]
    assert "Rotary" in pages[0].text
