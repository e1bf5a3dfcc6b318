import io
import tarfile

import pytest

from apps.library.ingestion.guards import SENTENCES, IngestionError, check_file, check_kind
from apps.library.ingestion.kinds import ACCEPT, KINDS, Kind

PDF = b"%PDF-1.7\n"


HEADS = {
    "pdf": PDF,
    "epub": b"PK\x03\x04", "xps": b"PK\x03\x04", "docx": b"PK\x03\x04", "pptx": b"PK\x03\x04", "cbz": b"PK\x03\x04",
    "mobi": bytes(60) + b"BOOKMOBI",
    "fb2": b'<?xml version="1.0"?><FictionBook>',
    "png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff\xe0", "tiff": b"MM\0*", "gif": b"GIF89a", "bmp": b"BM",
    "jp2": b"\xff\x4f\xff\x51", "pnm": b"P6\n", "svg": b"<svg ",
    "html": b"<!doctype html><p>Lease", "text": b"Lease", "markdown": b"# Lease", "csv": b"a,b\n", "jsonl": b'{"a": 1}\n',
    "vtt": b"\xef\xbb\xbfWEBVTT\n", "srt": b"1\n00:00:01,000 --> 00:00:03,000\nLease\n", "eml": b"From: a@example.org\n",
    "application/zip": b"PK\x03\x04", "application/gzip": b"\x1f\x8b", "application/zstd": b"\x28\xb5\x2f\xfd",
    "application/x-xz": b"\xfd7zXZ\0", "application/x-tar": tarfile.TarInfo("src/a.py").tobuf(),
}  # fmt: skip


def head_of(kind: Kind) -> bytes:
    return HEADS[kind.content_type if kind.document == "repository" else kind.name]


@pytest.mark.parametrize("kind", KINDS, ids=[kind.extensions[0] for kind in KINDS])
def test_a_kind_is_known_by_name_and_content_together(kind: Kind) -> None:
    for extension in kind.extensions:
        assert check_kind(f"Lease 1.2{extension.upper()}", head_of(kind)) is kind
        with pytest.raises(IngestionError) as refused:
            check_kind(f"lease{extension}", b"\x7fELF, a program" * 80)
        assert refused.value.code == kind.mismatch_code
        assert extension in ACCEPT.split(",")


def test_header_may_stand_within_the_first_1024_bytes() -> None:
    assert check_kind("lease.pdf", b"\n" * 1019 + b"%PDF-").name == "pdf"
    with pytest.raises(IngestionError):
        check_kind("lease.pdf", b"\n" * 1020 + b"%PDF-")


@pytest.mark.parametrize(
    ("name", "head", "code"),
    [
        ("lease.pdf", b"", "empty_file"),
        ("lease.pdf", b"<html>", "not_a_pdf"),
        ("lease.py", PDF, "kind_not_accepted"),
        ("lease.html", PDF, "other_content"),
        ("lease", PDF, "kind_not_accepted"),
        ("lease.epub", PDF, "other_content"),
        ("lease.pdf", HEADS["png"], "not_a_pdf"),
        ("costs.xlsx", HEADS["docx"], "kind_not_accepted"),
        ("lease.pdf.exe", PDF, "kind_not_accepted"),
        ("table.csv.gz", HEADS["application/gzip"], "kind_not_accepted"),
        ("code.tar.gz", HEADS["application/x-tar"], "not_an_archive"),
        ("code.tar", HEADS["application/x-tar"].replace(b"a.py", b"b.py"), "not_an_archive"),
    ],
    ids=[
        "empty",
        "other content",
        "other name",
        "a PDF as HTML",
        "no extension",
        "a PDF as a book",
        "a picture as a PDF",
        "a spreadsheet",
        "two extensions",
        "a compressed file that is no archive",
        "an archive that is not compressed",
        "a tar with a wrong checksum",
    ],
)
def test_mismatch_is_refused(name: str, head: bytes, code: str) -> None:
    with pytest.raises(IngestionError) as refused:
        check_kind(name, head)
    assert refused.value.code == code


def test_size_is_held_to_the_byte() -> None:
    file = io.BytesIO(PDF + b"x" * 100)
    assert check_file("a.pdf", file, max_bytes=len(PDF) + 100).name == "pdf"
    assert file.tell() == 0
    with pytest.raises(IngestionError) as refused:
        check_file("a.pdf", file, max_bytes=len(PDF) + 99)
    assert refused.value.code == "too_large"


@pytest.mark.parametrize("code", SENTENCES)
def test_every_code_has_a_sentence_with_its_numbers(code: str) -> None:
    numbers = dict.fromkeys(
        ("limit", "found", "declared", "pages", "reason", "number", "kind", "place", "skipped", "characters"),
        7,
    )
    error = IngestionError(code, **numbers)
    assert error.code == code
    assert str(error) == error.sentence
    assert "{" not in error.sentence
    assert error.sentence.endswith((".", "7"))
