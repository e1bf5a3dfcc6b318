"""Texts as documents: brought, read, shown by lines, given back as plain text."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.common.http import Refused
from apps.library import reading, readings, services
from apps.library.downloads import original_response
from apps.library.models import Corpus, Document, Page
from tests.factories import make_corpus, make_user, make_workspace
from tests.library.ingestion.test_texts import EVERY_TEXT

pytestmark = pytest.mark.django_db

NAMES = {
    "text": "build.log", "markdown": "Manual.MD", "csv": "rents.csv", "jsonl": "rows.jsonl", "vtt": "call.vtt",
    "srt": "talk.srt", "eml": "letter.eml",
}  # fmt: skip


@pytest.fixture
def alice() -> User:
    return make_user("alice@example.org")


@pytest.fixture
def corpus(alice: User) -> Corpus:
    return make_corpus(make_workspace("Tenancy", owner=alice))


def bring(alice: User, corpus: Corpus, name: str, content: bytes) -> Document:
    document = services.add_upload(alice, corpus, SimpleUploadedFile(name, content)).document
    reading.read_revision(str(document.current_revision_id))
    return Document.objects.select_related("current_revision").get(pk=document.pk)


@pytest.mark.parametrize("kind", EVERY_TEXT)
def test_a_text_is_read_shown_and_given_back_as_plain_text(
    alice: User, corpus: Corpus, client: Client, kind: str
) -> None:
    content = EVERY_TEXT[kind]()
    document = bring(alice, corpus, NAMES[kind], content)
    revision = document.current_revision
    assert revision is not None
    assert (document.kind, revision.reader, revision.status) == ("text", kind, "ready"), (
        revision.error_sentence
    )
    pages = list(Page.objects.filter(revision=revision))
    assert revision.token_count > sum(page.tokens for page in pages) > 0
    client.force_login(alice)
    last = pages[-1]
    shown = client.get(reverse("library:page", args=[corpus.workspace.slug, document.pk, last.number]))
    assert shown.status_code == 200
    assert last.text.split()[-1].strip('"}.,') in shown.content.decode()
    response = original_response(document)
    assert response["Content-Type"].startswith("text/plain")
    assert response["Content-Disposition"].startswith("attachment")


def test_a_text_is_not_offered_to_recognition(alice: User, corpus: Corpus, client: Client) -> None:
    document = bring(alice, corpus, "a.txt", b"words\n")
    client.force_login(alice)
    about = client.get(
        reverse("library:document-about", args=[corpus.workspace.slug, document.pk])
    ).content.decode()
    assert "Text as brought" in about
    assert 'name="ocr"' not in about
    with pytest.raises(Refused) as refused:
        readings.read_again(alice, document, {"ocr": "all"})
    assert refused.value.code == "nothing_to_recognise"


def test_a_text_that_is_none_fails_with_its_cause(alice: User, corpus: Corpus) -> None:
    document = bring(alice, corpus, "data.txt", b"words\n" * 500 + bytes(5000))
    assert document.current_revision is not None
    assert (document.current_revision.status, document.current_revision.error_code) == (
        "failed",
        "other_content",
    )
