"""Damaged files of documents: repaired once, read from the copy, the original kept as it was brought."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.accounts.models import User
from apps.library import reading, repairs, services, storage
from apps.library.models import Corpus, Page, Revision
from apps.library.pictures import page_picture, page_words
from tests.factories import make_corpus, make_user, make_workspace
from tests.library.ingestion import pdfs

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user("alice@example.org")


@pytest.fixture
def corpus(alice: User) -> Corpus:
    return make_corpus(make_workspace("Tenancy", owner=alice))


def three_pages(tmp_path: Path) -> bytes:
    words = [pdfs.text(f"This is page {number}") for number in (1, 2, 3)]
    return pdfs.save(tmp_path / "made.pdf", *words).read_bytes()


def bring(alice: User, corpus: Corpus, content: bytes) -> Revision:
    document = services.add_upload(alice, corpus, SimpleUploadedFile("lease.pdf", content)).document
    reading.read_revision(str(document.current_revision_id))
    return Revision.objects.get(pk=document.current_revision_id)


def test_a_count_that_hides_pages_is_mended_and_all_pages_are_read(
    alice: User, corpus: Corpus, tmp_path: Path
) -> None:
    content = three_pages(tmp_path).replace(b"/Count 3", b"/Count 1")
    revision = bring(alice, corpus, content)
    assert (revision.status, revision.page_count, revision.pages_not_read) == ("ready", 3, 0)
    assert "repaired copy with 3 pages" in revision.facts["repaired"]
    assert [page.text for page in Page.objects.filter(revision=revision)] == [
        f"This is page {number}" for number in (1, 2, 3)
    ]
    assert revision.repaired_name == storage.repaired_name(revision)
    with default_storage.open(revision.storage_name) as original:
        assert original.read() == content
    assert page_picture(revision, 3)[:4] == b"RIFF"
    assert [word.text for word in page_words(revision, [3])[3].words] == ["This", "is", "page", "3"]


def test_an_intact_file_is_not_touched(alice: User, corpus: Corpus, tmp_path: Path) -> None:
    revision = bring(alice, corpus, three_pages(tmp_path))
    assert (revision.status, revision.repaired_name) == ("ready", "")
    assert "repaired" not in revision.facts


def test_what_cannot_be_repaired_fails_with_the_first_cause(alice: User, corpus: Corpus) -> None:
    revision = bring(alice, corpus, b"%PDF-1.7\n" + b"\0" * 5000)
    assert (revision.status, revision.repaired_name) == ("failed", "")
    assert revision.error_code in {"damaged", "no_pages"}


def test_repair_is_tried_once(
    alice: User, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def useless(fd: int, writable_fd: int, **options: object) -> repairs.Repaired:
        calls.append(fd)
        with open(writable_fd, "wb", closefd=False) as copy:
            copy.write(b"%PDF-1.7\nstill broken")
        return repairs.Repaired(pages=3, lost=0, is_rebuilt=False)

    monkeypatch.setattr(repairs, "repair", useless)
    revision = bring(alice, corpus, three_pages(tmp_path).replace(b"/Count 3", b"/Count 1"))
    assert (revision.status, len(calls)) == ("failed", 1)


def test_a_copy_left_by_a_worker_that_died_is_replaced(alice: User, corpus: Corpus, tmp_path: Path) -> None:
    content = three_pages(tmp_path).replace(b"/Count 3", b"/Count 9")
    document = services.add_upload(alice, corpus, SimpleUploadedFile("lease.pdf", content)).document
    revision = Revision.objects.get(pk=document.current_revision_id)
    default_storage.save(storage.repaired_name(revision), SimpleUploadedFile("left", b"half a file"))
    reading.read_revision(str(revision.pk))
    revision.refresh_from_db()
    assert (revision.status, revision.page_count) == ("ready", 3)
    assert revision.repaired_name == storage.repaired_name(revision)


def test_pages_that_were_looked_at_before_the_repair_are_drawn_from_the_copy(
    alice: User, corpus: Corpus, tmp_path: Path
) -> None:
    content = three_pages(tmp_path).replace(b"/Count 3", b"/Count 1")
    document = services.add_upload(alice, corpus, SimpleUploadedFile("lease.pdf", content)).document
    revision = Revision.objects.get(pk=document.current_revision_id)
    page_picture(revision, 1)
    before = default_storage.open(storage.picture_name(revision, 1, 110)).read()
    # As if the damaged file had named another page the first one.
    default_storage.delete(storage.picture_name(revision, 1, 110))
    default_storage.save(
        storage.picture_name(revision, 1, 110), SimpleUploadedFile("old", before + b"of another page")
    )
    reading.read_revision(str(revision.pk))
    revision.refresh_from_db()
    assert page_picture(revision, 1) == before
    services.delete_document(alice, document)
