"""Protected files: asked for, opened, kept encrypted, wiped, and never seen anywhere."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.forms.models import model_to_dict

from apps.accounts.models import User
from apps.common.http import Refused
from apps.library import reading, services, storage
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.models import Corpus, Document, Page, Revision
from apps.library.passwords import opened, seal
from apps.library.pictures import page_picture, page_words
from apps.workspaces.models import AuditEntry
from tests.factories import make_corpus, make_user, make_workspace
from tests.library.ingestion import pdfs

pytestmark = pytest.mark.django_db

CANARY = "Kanarienvogel-Schlüssel 7"
OWNER = "owner of it all"


@pytest.fixture
def alice() -> User:
    return make_user("alice@example.org")


@pytest.fixture
def corpus(alice: User) -> Corpus:
    return make_corpus(make_workspace("Tenancy", owner=alice))


def protected(tmp_path: Path, **options: Any) -> bytes:
    options = {"encryption": pymupdf.PDF_ENCRYPT_AES_256, "user_pw": CANARY, "owner_pw": OWNER, **options}
    return pdfs.save(tmp_path / "made.pdf", pdfs.prose, pdfs.prose, **options).read_bytes()


def bring(alice: User, corpus: Corpus, content: bytes) -> Document:
    added = services.add_upload(alice, corpus, SimpleUploadedFile("lease.pdf", content))
    return read(added.document)


def read(document: Document) -> Document:
    reading.read_revision(str(document.current_revision_id))
    return Document.objects.select_related("current_revision").get(pk=document.pk)


def revision_of(document: Document) -> Revision:
    assert document.current_revision is not None
    return document.current_revision


@pytest.mark.parametrize(
    "encryption",
    [
        pymupdf.PDF_ENCRYPT_AES_256,
        pymupdf.PDF_ENCRYPT_AES_128,
        pymupdf.PDF_ENCRYPT_RC4_128,
        pymupdf.PDF_ENCRYPT_RC4_40,
    ],
    ids=["AES-256", "AES-128", "RC4-128", "RC4-40"],
)
@pytest.mark.parametrize("password", [CANARY, OWNER], ids=["user password", "owner password"])
def test_a_protected_file_asks_and_is_read_with_its_password(
    alice: User, corpus: Corpus, tmp_path: Path, encryption: int, password: str
) -> None:
    document = bring(alice, corpus, protected(tmp_path, encryption=encryption))
    revision = revision_of(document)
    assert (revision.status, revision.error_code) == ("needs_password", "needs_password")
    assert "Enter its password" in revision.error_sentence

    services.give_password(alice, document, password)
    revision = revision_of(read(document))
    assert (revision.status, revision.error_code, revision.page_count) == ("ready", "", 2)
    assert "terminate this agreement" in Page.objects.get(revision=revision, number=2).text
    assert page_picture(revision, 1)[:4] == b"RIFF"
    assert page_words(revision, [2])[2].words


def test_a_wrong_password_is_said_and_forgotten(alice: User, corpus: Corpus, tmp_path: Path) -> None:
    document = bring(alice, corpus, protected(tmp_path))
    services.give_password(alice, document, "not this one")
    revision = revision_of(read(document))
    assert (revision.status, revision.error_code) == ("needs_password", "wrong_password")
    assert "does not open" in revision.error_sentence
    assert bytes(revision.password_box) == b""

    services.give_password(alice, document, CANARY)
    assert revision_of(read(document)).status == "ready"


def test_a_file_that_only_its_owner_protected_needs_none(alice: User, corpus: Corpus, tmp_path: Path) -> None:
    document = bring(alice, corpus, protected(tmp_path, user_pw=""))
    revision = revision_of(document)
    assert (revision.status, revision.facts["encrypted"]) == ("ready", True)


def test_no_password_is_taken_where_none_is_asked_for(alice: User, corpus: Corpus, tmp_path: Path) -> None:
    document = bring(alice, corpus, pdfs.save(tmp_path / "open.pdf", pdfs.prose).read_bytes())
    with pytest.raises(Refused) as refused:
        services.give_password(alice, document, CANARY)
    assert refused.value.code == "no_password_needed"
    assert bytes(revision_of(read(document)).password_box) == b""


def test_a_password_is_seen_nowhere_and_wiped_with_the_document(
    alice: User,
    corpus: Corpus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Any,
) -> None:
    caplog.set_level(logging.DEBUG)
    sent: list[object] = []
    monkeypatch.setattr(
        "celery.app.task.Task.apply_async", lambda task, *args, **options: sent.append((args, options))
    )
    document = bring(alice, corpus, protected(tmp_path).replace(b"/Count 2", b"/Count 1"))
    with django_capture_on_commit_callbacks(execute=True):
        services.give_password(alice, document, CANARY)
    document = read(document)
    revision = revision_of(document)
    assert (revision.status, revision.page_count) == ("ready", 2)
    assert revision.facts["repaired"]

    page_picture(revision, 1)
    rows = json.dumps(
        [model_to_dict(revision), *AuditEntry.objects.values(), *Page.objects.values()], default=repr
    )
    stored = b"".join(path.read_bytes() for path in files_of(revision))
    for place in (rows, repr(sent), caplog.text):
        assert CANARY not in place
    for text in (CANARY, "terminate this agreement"):
        assert text.encode() not in stored
    assert opened(revision) == CANARY

    with django_capture_on_commit_callbacks(execute=True):
        services.delete_document(alice, document)
    with connection.cursor() as cursor:
        cursor.execute("SELECT password_box, repaired_name, storage_name FROM library_revision")
        assert [tuple(map(bytes, row[:1])) + row[1:] for row in cursor.fetchall()] == [(b"", "", "")]
    assert not files_of(revision)


def files_of(revision: Revision) -> list[Path]:
    from django.core.files.storage import default_storage

    folder = Path(default_storage.path(f"{revision.workspace_id}"))
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_box_opens_for_the_bytes_it_was_made_for_alone(
    alice: User, corpus: Corpus, tmp_path: Path, settings: Any
) -> None:
    revision = revision_of(bring(alice, corpus, protected(tmp_path)))
    revision.password_box = seal(CANARY, revision)
    assert opened(revision) == CANARY
    same_bytes = Revision(
        workspace_id=revision.workspace_id,
        storage_name=revision.storage_name,
        password_box=revision.password_box,
    )
    assert opened(same_bytes) == CANARY
    other = Revision(
        workspace_id=revision.workspace_id,
        storage_name=storage.original_name(revision.workspace_id, corpus.pk),
        password_box=revision.password_box,
    )
    assert opened(other) == ""
    settings.FIELD_KEYS = ["nnyU1yGzqYfGPDzoYBbYvCUWrLyIkIiGyRx7ecWqPGY="]
    assert opened(revision) == ""
