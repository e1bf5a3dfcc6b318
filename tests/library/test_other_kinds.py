"""Documents that are not PDFs: taken in, read, shown and given back."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.accounts.models import User
from apps.common.http import Refused
from apps.library import reading, services
from apps.library.downloads import original_response, picture_response
from apps.library.models import Corpus, Document, Page, Revision
from apps.library.pictures import page_words
from tests.factories import make_corpus, make_user, make_workspace
from tests.library.ingestion import other_files as made

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user("alice@example.org")


@pytest.fixture
def corpus(alice: User) -> Corpus:
    return make_corpus(make_workspace("Tenancy", owner=alice))


def bring(alice: User, corpus: Corpus, name: str, content: bytes) -> tuple[Document, Revision]:
    # What a browser says of the type is not believed.
    file = SimpleUploadedFile(name, content, content_type="text/html")
    document = services.add_upload(alice, corpus, file).document
    reading.read_revision(str(document.current_revision_id))
    document = Document.objects.select_related("current_revision").get(pk=document.pk)
    assert document.current_revision is not None
    return document, document.current_revision


def test_a_book_is_read_shown_and_given_back(alice: User, corpus: Corpus) -> None:
    content = made.epub()
    document, revision = bring(alice, corpus, "Lease.EPUB", content)
    assert (document.kind, revision.reader, revision.status) == ("paged", "epub", "ready")
    assert revision.facts["title"] == "Lease of an office"
    assert "no pages of its own" in revision.facts["notes"][0]

    page = Page.objects.select_related("revision").get(revision=revision, number=4)
    assert page.label == "Notice · 2"
    assert picture_response(page)["Content-Type"] == "image/webp"
    words = page_words(revision, [4])[4].words
    assert [word.text for word in words][:2] == page.text.split()[:2]

    response = original_response(document)
    assert response["Content-Type"] == "application/epub+zip"
    assert response["Content-Disposition"].startswith("attachment")
    assert b"".join(response.streaming_content) == content  # type: ignore[arg-type]


def test_a_picture_waits_for_recognition(alice: User, corpus: Corpus) -> None:
    _, revision = bring(alice, corpus, "scan.tiff", made.tiff(2))
    assert (revision.status, revision.page_count, revision.pages_not_read) == ("ready", 2, 2)
    page = Page.objects.select_related("revision").get(revision=revision, number=2)
    assert page.state == Page.State.NO_TEXT
    assert picture_response(page)["Content-Type"] == "image/webp"


def test_a_drawing_is_never_given_back_as_one(alice: User, corpus: Corpus) -> None:
    document, revision = bring(alice, corpus, "plan.svg", made.svg())
    assert revision.status == "ready"
    assert original_response(document)["Content-Type"] == "application/octet-stream"


def test_an_archive_of_another_kind_fails_with_its_cause(alice: User, corpus: Corpus) -> None:
    _, revision = bring(alice, corpus, "lease.docx", made.epub())
    assert (revision.status, revision.error_code) == ("failed", "other_content")
    assert "not Word" in revision.error_sentence


@pytest.mark.parametrize(
    ("name", "content", "code", "status"),
    [
        ("lease.epub", b"%PDF-1.7\n", "other_content", 415),
        ("page.svg", b"<html>no drawing</html>", "other_content", 415),
        ("costs.xlsx", made.xlsx(), "kind_not_accepted", 415),
        ("page.html", b"%PDF-1.7", "other_content", 415),
        ("photo.webp", made.image("WEBP"), "kind_not_accepted", 415),
        ("photo.png", b"", "empty_file", 400),
    ],
)
def test_what_is_not_taken_is_refused_at_the_door(
    alice: User, corpus: Corpus, name: str, content: bytes, code: str, status: int
) -> None:
    with pytest.raises(Refused) as refused:
        services.add_upload(alice, corpus, SimpleUploadedFile(name, content))
    assert (refused.value.code, refused.value.status) == (code, status)
    assert not Document.objects.exists()
