"""Deleting a document while it is read: at every write, whatever is being written, nothing comes back or stays."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.http import Http404

from apps.accounts.models import User
from apps.library import reading, readings, recognition, services, storage
from apps.library.ingestion.ocr import PageRecognised
from apps.library.ingestion.quotes import PageWords, Word
from apps.library.models import Corpus, Document, Page, PageImage, Revision, Upload
from apps.library.resumable import begin_upload
from apps.library.tasks import sweep_files
from tests.factories import make_corpus, make_document, make_user, make_workspace, pdf_bytes
from tests.library.house import pdf
from tests.library.ingestion.pdfs import PROSE

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alice() -> User:
    return make_user("alice@example.org")


@pytest.fixture
def corpus(alice: User) -> Corpus:
    return make_corpus(make_workspace("Leases", owner=alice))


@contextmanager
def at_call(
    patch: pytest.MonkeyPatch, owner: Any, name: str, number: int, do: Callable[[], None]
) -> Iterator[list[int]]:
    """Do something just before the number-th call of a function; gives a list with the count of calls.

    Inside a transaction it is begun in another thread, which waits for that transaction to end.
    """
    original, calls, threads = getattr(owner, name), [0], []

    def in_thread() -> None:
        try:
            do()
        finally:
            connection.close()

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == number:
            threads.append(threading.Thread(target=in_thread))
            threads[0].start()
            if not connection.in_atomic_block:
                threads[0].join()
        return original(*args, **kwargs)

    with patch.context() as context:
        context.setattr(owner, name, counted)
        yield calls
        for thread in threads:
            thread.join()


def assert_nothing_is_left(document: Document) -> None:
    assert not Page.objects.filter(revision__document=document).exists()
    assert not PageImage.objects.filter(page__revision__document=document).exists()
    for revision in Revision.objects.filter(document=document):
        assert (revision.claim, revision.storage_name, bytes(revision.password_box)) == (None, "", b"")
    tombstone = Document.objects.get(pk=document.pk)
    assert tombstone.deleted_at is not None
    assert tombstone.name == ""


def stored_files(workspace_id: uuid.UUID) -> list[str]:
    found = []
    folders = [str(workspace_id)]
    while folders:
        folder = folders.pop()
        try:
            below, names = default_storage.listdir(folder)
        except FileNotFoundError:
            continue
        folders += [f"{folder}/{name}" for name in below]
        found += [f"{folder}/{name}" for name in names]
    return found


# The calls of one reading: claiming is before the first; opening, facts, ranges, ready.
@pytest.mark.parametrize("number", range(1, 9))
def test_deleted_at_each_write_of_a_reading(
    alice: User, corpus: Corpus, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    content = pdf_bytes([f"Page {page}. {PROSE}" for page in range(70)])
    document = services.add_upload(alice, corpus, pdf(content=content)).document

    def delete() -> None:
        services.delete_document(alice, document)

    with at_call(monkeypatch, Revision, "write_claimed", number, delete) as calls:
        reading.read_revision(str(document.current_revision_id))
    if calls[0] < number:
        # It was ready before that many writes.
        assert Revision.objects.get(document=document).status == "ready"
        delete()
    assert_nothing_is_left(document)
    assert stored_files(corpus.workspace_id) == []


def test_deleted_between_finding_the_document_and_claiming_it(
    alice: User, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = services.add_upload(alice, corpus, pdf()).document
    with at_call(
        monkeypatch, Revision, "claim_for_reading", 1, lambda: services.delete_document(alice, document)
    ):
        assert not reading.read_revision(str(document.current_revision_id))
    assert_nothing_is_left(document)


def test_a_claim_that_ran_beside_the_deletion_is_let_go(
    alice: User, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = services.add_upload(alice, corpus, pdf()).document
    claim = Revision.claim_for_reading

    def too_late(self: Revision, *args: Any) -> uuid.UUID | None:
        token = claim(self, *args)
        # As a database may order it: the claim did not see the deletion, nor the deletion the claim.
        services.delete_document(alice, document)
        Revision.objects.filter(pk=self.pk).update(claim=token)
        return token

    monkeypatch.setattr(Revision, "claim_for_reading", too_late)
    assert not reading.read_revision(str(document.current_revision_id))
    assert_nothing_is_left(document)


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    def pages(fd: int, wanted: Sequence[Any], **options: Any) -> Any:
        for page in wanted:
            words = PageWords(595, 842, (Word(0.1, 0.1, 0.3, 0.12, "Recognised", 0, 0),))
            yield PageRecognised(page.number, True, f"Recognised {page.number}", 9, 595, 842, words)

    monkeypatch.setattr(recognition, "recognise_pages", pages)


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(("owner", "name"), [(Revision, "write_claimed"), (default_storage, "save")])
@pytest.mark.parametrize("number", range(1, 7))
def test_deleted_at_each_write_of_a_recognition(
    alice: User,
    corpus: Corpus,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    number: int,
    settings: Any,
) -> None:
    settings.RECOGNISE_SCANS = True
    document = make_document(corpus, "mixed.pdf", [PROSE, "", PROSE, "", ""], added_by=alice, with_file=True)
    readings.read_again(alice, document, {"ocr": "scans"})
    document.refresh_from_db()

    def delete() -> None:
        services.delete_document(alice, document)

    with at_call(monkeypatch, owner, name, number, delete) as calls:
        recognition.recognise_revision(str(document.next_revision_id))
    if calls[0] < number:
        document.refresh_from_db()
        assert document.next_revision_id is None
        assert document.current_revision is not None
        assert document.current_revision.base_id is not None
        delete()
    assert_nothing_is_left(document)
    sweep_files()
    assert stored_files(corpus.workspace_id) == []


def test_the_sweep_keeps_what_readings_of_the_same_bytes_share(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = make_document(corpus, with_file=True)
    first = document.current_revision
    assert first is not None
    shared = Revision.objects.create(
        **{
            name: getattr(first, name)
            for name in (
                *("workspace_id", "document_id", "sha256", "size_bytes", "storage_name", "content_type"),
                *("reader", "tokenizer", "packing_version"),
            )
        },
        base=first,
        status="ready",
    )
    other = make_document(corpus, "other.pdf", with_file=True).current_revision
    assert other is not None
    # The first reading is gone; its bytes are needed by the one that was made from it.
    Document.objects.filter(pk=document.pk).update(current_revision=shared)
    Revision.objects.filter(pk=first.pk).delete()
    Document.objects.filter(pk=other.document_id).delete()
    monkeypatch.setattr(storage, "is_older", lambda *_: True)
    sweep_files()
    assert stored_files(corpus.workspace_id) == [shared.storage_name]


@pytest.mark.parametrize("status", ["needs_password", "failed"])
def test_what_is_asked_of_a_document_that_was_deleted_a_moment_before_changes_nothing(
    alice: User, corpus: Corpus, status: str
) -> None:
    document = make_document(corpus, added_by=alice, with_file=True)
    Revision.objects.filter(document=document).update(status=status)
    services.delete_document(alice, document)
    with pytest.raises(Http404):
        services.give_password(alice, document, "a secret")
    with pytest.raises(Http404):
        services.retry_document(alice, document)
    with pytest.raises(Http404):
        readings.read_again(alice, document, {"ocr": "never"})
    with pytest.raises(Http404):
        readings.cancel_next(alice, document)
    assert Revision.objects.get(document=document).status == status
    assert_nothing_is_left(document)


def test_a_deleted_document_leaves_no_name_with_the_uploads_it_came_by(alice: User, corpus: Corpus) -> None:
    document = make_document(corpus, added_by=alice, with_file=True)
    for name, became in (("lease.pdf", document), ("other.pdf", None)):
        Upload.objects.create(
            workspace=corpus.workspace, corpus=corpus, owner=alice, name=name, size_bytes=1, document=became
        )
    services.delete_document(alice, document)
    assert [upload.name for upload in Upload.objects.all()] == ["other.pdf"]


def test_what_joins_a_corpus_that_is_being_deleted_is_refused_or_deleted_with_it(
    alice: User, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[Exception] = []

    def bring() -> None:
        try:
            services.add_upload(alice, corpus, pdf())
        except Corpus.DoesNotExist as error:
            refused.append(error)

    make_document(corpus, added_by=alice)
    delete = services.delete_document

    def slowly(*args: Any) -> None:
        time.sleep(0.5)
        delete(*args)

    monkeypatch.setattr(services, "delete_document", slowly)
    with at_call(monkeypatch, services, "delete_document", 1, bring):
        services.delete_corpus(alice, corpus)
    assert len(refused) == 1
    assert not Document.objects.filter(deleted_at=None).exists()


def test_announcing_and_bringing_do_not_wait_for_each_other_forever(
    alice: User, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def announce() -> None:
        begin_upload(alice, corpus, name="other.pdf", size_bytes=10, sha256="0" * 64)

    create = services._create_document

    def slowly(*args: Any) -> Any:
        time.sleep(0.5)
        return create(*args)

    monkeypatch.setattr(services, "_create_document", slowly)
    with at_call(monkeypatch, services, "_create_document", 1, announce):
        services.add_upload(alice, corpus, pdf())
    assert (Document.objects.count(), Upload.objects.count()) == (1, 1)
