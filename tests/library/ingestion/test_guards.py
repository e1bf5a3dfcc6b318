import io

import pytest

from apps.library.ingestion.guards import SENTENCES, IngestionError, check_file, check_kind

PDF = b"%PDF-1.7\n"


def test_pdf_is_known_by_name_and_content() -> None:
    assert check_kind("Lease.PDF", PDF).name == "pdf"


def test_header_may_stand_within_the_first_1024_bytes() -> None:
    assert check_kind("lease.pdf", b"\n" * 1019 + b"%PDF-").name == "pdf"
    with pytest.raises(IngestionError):
        check_kind("lease.pdf", b"\n" * 1020 + b"%PDF-")


@pytest.mark.parametrize(
    ("name", "head", "code"),
    [
        ("lease.pdf", b"", "empty_file"),
        ("lease.pdf", b"<html>", "not_a_pdf"),
        ("lease.html", PDF, "kind_not_accepted"),
        ("lease", PDF, "kind_not_accepted"),
        ("lease.pdf.exe", PDF, "kind_not_accepted"),
    ],
    ids=["empty", "other content", "other name", "no extension", "two extensions"],
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
    numbers = dict.fromkeys(("limit", "found", "declared", "pages", "reason", "number"), 7)
    error = IngestionError(code, **numbers)
    assert error.code == code
    assert str(error) == error.sentence
    assert "{" not in error.sentence
    assert error.sentence.endswith((".", "7"))
