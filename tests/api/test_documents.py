from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.library.models import Corpus, Document, Page, Revision, SkippedPath
from tests.api.conftest import UNKNOWN, Caller, error_code
from tests.factories import make_corpus, make_document, make_next_revision, pdf_bytes

FIELDS = {
    "id",
    "name",
    "kind",
    "ordinal",
    "status",
    "stage",
    "progress",
    "pages",
    "tokens",
    "pages_not_read",
    "skipped_count",
    "error",
    "findings",
    "git",
    "seconds_left",
    "read_again",
    "attachments",
    "remarks",
}


def pdf(name: str = "lease.pdf", text: str = "The rent is 1,850 euros a month.") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, pdf_bytes([text]), "application/pdf")


def test_an_upload_is_accepted_and_waits_for_its_reader(bob: Caller, corpus: Corpus) -> None:
    accepted = bob.upload(corpus, pdf("../../Lease 2024.pdf"))
    assert accepted.status_code == 202
    document = accepted.json()
    assert set(document) == FIELDS
    assert document["name"] == "Lease 2024.pdf"
    assert (document["kind"], document["ordinal"], document["status"]) == ("pdf", 1, "uploaded")
    assert document["progress"] == {"done": 0, "total": 0}
    assert (document["error"], document["findings"]) == (None, [])
    assert bob.get(f"/documents/{document['id']}").json() == document


def test_the_same_content_is_the_same_document(bob: Caller, corpus: Corpus) -> None:
    content = pdf_bytes(["One."])
    first = bob.upload(corpus, SimpleUploadedFile("a.pdf", content))
    again = bob.upload(corpus, SimpleUploadedFile("b.pdf", content))
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json() == first.json()
    elsewhere = bob.upload(make_corpus(corpus.workspace, "Other"), SimpleUploadedFile("c.pdf", content))
    assert elsewhere.status_code == 202
    assert elsewhere.json()["id"] == first.json()["id"]


@pytest.mark.parametrize(
    ("name", "content", "status", "code"),
    [
        ("empty.pdf", b"", 400, "empty_file"),
        ("page.exe", b"<script>alert(1)</script>", 415, "kind_not_accepted"),
        ("image.pdf", b"\x89PNG....", 415, "not_a_pdf"),
        ("", b"%PDF-1.7", 422, "one_file"),
    ],
    ids=["empty", "another kind", "another content", "without a name"],
)
def test_what_is_no_pdf_is_refused_in_words(
    bob: Caller, corpus: Corpus, name: str, content: bytes, status: int, code: str
) -> None:
    file = BytesIO(content)
    file.name = name
    refused = bob.upload(corpus, file if name else content.decode())
    assert refused.status_code == status
    assert error_code(refused) == code
    assert not Document.objects.exists()


def test_one_byte_too_many_is_refused(bob: Caller, corpus: Corpus, settings) -> None:
    content = pdf_bytes(["One."])
    settings.MAX_UPLOAD_BYTES = len(content) - 1
    refused = bob.upload(corpus, SimpleUploadedFile("a.pdf", content))
    assert refused.status_code == 413
    assert error_code(refused) == "too_large"
    settings.MAX_UPLOAD_BYTES = len(content)
    assert bob.upload(corpus, SimpleUploadedFile("a.pdf", content)).status_code == 202


def test_a_repository_is_named_as_json_and_fetched_later(bob: Caller, corpus: Corpus) -> None:
    path = f"/corpora/{corpus.pk}/documents"
    wanted = {
        "git_url": "https://forge.example/ada/lib.git",
        "ref": "v1",
        "include": ["src/"],
        "token": "hush",
    }
    added = bob.post(path, wanted)
    assert added.status_code == 202
    told = added.json()
    assert (told["name"], told["kind"], told["status"]) == ("lib", "repository", "uploaded")
    assert told["git"] == {"url": "https://forge.example/ada/lib.git", "ref": "v1", "commit": ""}
    assert b"hush" not in added.content
    again = bob.post(path, wanted)
    assert (again.status_code, again.json()["id"]) == (200, told["id"])


def test_a_repository_is_fetched_again_unless_that_is_under_way(bob: Caller, corpus: Corpus) -> None:
    added = bob.post(f"/corpora/{corpus.pk}/documents", {"git_url": "https://forge.example/lib"}).json()
    path = f"/documents/{added['id']}/fetch"
    refused = bob.post(path, {"ref": "main"})
    assert (refused.status_code, error_code(refused)) == (409, "already_reading")
    Revision.objects.filter(document=added["id"]).update(status="ready", page_count=1)
    told = bob.post(path, {"ref": "v2", "token": "hush"})
    assert (told.status_code, told.json()["read_again"]["status"]) == (202, "uploaded")
    assert b"hush" not in told.content


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"git_url": "http://forge.example/lib"}, "git_bad_address"),
        ({"git_url": "https://forge.example/lib", "ref": "--upload-pack=x"}, "git_bad_ref"),
        ({"git_url": "https://forge.example/lib", "exclude": ["a["]}, "bad_glob"),
        ({"git_url": "https://forge.example/lib", "depth": 3}, "invalid_request"),
        ({"git_url": 7}, "invalid_request"),
    ],
)
def test_a_repository_that_cannot_be_fetched_is_refused_in_words(
    bob: Caller, corpus: Corpus, body: dict, code: str
) -> None:
    refused = bob.post(f"/corpora/{corpus.pk}/documents", body)
    assert (refused.status_code, error_code(refused)) == (422, code)


def test_a_body_that_is_neither_a_file_nor_a_repository_is_refused(bob: Caller, corpus: Corpus) -> None:
    path = f"/corpora/{corpus.pk}/documents"
    refused = bob.post(path, {"name": "a.pdf"})
    assert (refused.status_code, error_code(refused)) == (415, "no_file")
    refused = bob.post(path, data=b"%PDF-1.7", content_type="application/pdf")
    assert (refused.status_code, error_code(refused)) == (415, "unsupported_media_type")


def test_a_corpus_shows_its_documents_with_their_ordinals(vera: Caller, corpus: Corpus) -> None:
    lease = make_document(corpus, texts=["One page.", ""])
    failed = make_document(
        corpus,
        "broken.pdf",
        status=Revision.Status.FAILED,
        error_code="damaged",
        error_sentence="The file is damaged.",
    )
    shown = vera.get(f"/corpora/{corpus.pk}").json()
    assert set(shown) == {"id", "name", "tokens", "pages", "documents"}
    assert [row["id"] for row in shown["documents"]] == [str(lease.pk), str(failed.pk)]
    first, second = shown["documents"]
    assert (first["ordinal"], first["status"], first["pages"], first["pages_not_read"]) == (1, "ready", 2, 1)
    assert shown["tokens"] == first["tokens"] > 0
    assert second["error"] == {"code": "damaged", "message": "The file is damaged."}
    assert vera.get(f"/corpora/{corpus.pk}/documents").json() == {
        "items": shown["documents"],
        "next": None,
    }


def test_pages_are_shown_as_they_are_sent(vera: Caller, corpus: Corpus) -> None:
    document = make_document(corpus, texts=["The rent is due.", ""])
    page = vera.get(f"/documents/{document.pk}/pages/1").json()
    assert page == {
        "number": 1,
        "label": "1",
        "text": "The rent is due.",
        "tokens": Page.objects.get(revision=document.current_revision, number=1).tokens,
        "state": "read",
        "source": "text_layer",
        "reason": "",
        "flags": [],
    }
    assert vera.get(f"/documents/{document.pk}/pages/2").json()["state"] == "no_text"
    for number in ("3", "0", "9" * 30):
        assert error_code(vera.get(f"/documents/{document.pk}/pages/{number}")) == "not_found"


def test_pictures_are_webp_and_originals_are_downloads(vera: Caller, corpus: Corpus) -> None:
    document = make_document(corpus, 'le"ase\u202e.pdf', with_file=True)
    picture = vera.get(f"/documents/{document.pk}/pages/1/image")
    assert (picture.status_code, picture.headers["Content-Type"]) == (200, "image/webp")
    assert picture.content[:4] == b"RIFF"
    original = vera.get(f"/documents/{document.pk}/original")
    assert original.status_code == 200
    assert b"".join(original.streaming_content).startswith(b"%PDF-")
    assert original.headers["Content-Type"] == "application/pdf"
    assert original.headers["Content-Disposition"].startswith("attachment;")
    assert original.headers["Content-Security-Policy"].startswith("sandbox")
    for response in (picture, original):
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    without_file = make_document(corpus, "gone.pdf")
    for path in ("original", "pages/1/image"):
        assert error_code(vera.get(f"/documents/{without_file.pk}/{path}")) == "not_found"


def test_what_was_skipped_is_listed_by_path(vera: Caller, corpus: Corpus) -> None:
    document = make_document(corpus)
    for path in ("b/", "a.bin"):
        SkippedPath.objects.create(revision=document.current_revision, path=path, reason="binary", count=2)
    body = vera.get(f"/documents/{document.pk}/skipped").json()
    assert body["items"][0] == {"path": "a.bin", "reason": "binary", "count": 2}
    assert [row["path"] for row in body["items"]] == ["a.bin", "b/"]


def test_changing_a_document_is_for_who_added_it_and_administrators(
    adam: Caller, bob: Caller, alice: Caller, vera: Caller, charlie: Caller, corpus: Corpus
) -> None:
    document = make_document(corpus, added_by=adam.user)
    path = f"/documents/{document.pk}"
    for caller, status in ((bob, 403), (vera, 403), (charlie, 404)):
        assert caller.patch(path, {"name": "mine.pdf"}).status_code == status
        assert caller.delete(path).status_code == status
        assert caller.post(f"{path}/retry").status_code == status
        assert caller.post(f"{path}/password", {"password": "x"}).status_code == status
    assert adam.patch(path, {"name": "Lease.pdf"}).json()["name"] == "Lease.pdf"
    assert alice.delete(path).status_code == 204
    assert alice.get(path).status_code == 404
    assert alice.get(f"/corpora/{corpus.pk}").json()["documents"] == []


def test_a_failed_document_is_read_again(bob: Caller, corpus: Corpus) -> None:
    document = make_document(
        corpus,
        added_by=bob.user,
        status=Revision.Status.FAILED,
        error_code="reader_failed",
        error_sentence="Try again.",
    )
    retried = bob.post(f"/documents/{document.pk}/retry")
    assert retried.status_code == 202
    assert (retried.json()["status"], retried.json()["error"]) == ("uploaded", None)


def test_a_password_is_taken_where_one_is_asked_for(bob: Caller, corpus: Corpus) -> None:
    ready = make_document(corpus, added_by=bob.user)
    refused = bob.post(f"/documents/{ready.pk}/password", {"password": "hunter2"})
    assert (refused.status_code, error_code(refused)) == (409, "no_password_needed")
    locked = make_document(corpus, added_by=bob.user, status=Revision.Status.NEEDS_PASSWORD)
    too_long = bob.post(f"/documents/{locked.pk}/password", {"password": "hunter2" * 74})
    assert (too_long.status_code, b"hunter2" in too_long.content) == (422, False)
    taken = bob.post(f"/documents/{locked.pk}/password", {"password": "hunter2"})
    assert (taken.status_code, taken.json()["status"]) == (202, "uploaded")
    assert b"hunter2" not in refused.content + taken.content
    revision = Revision.objects.get(document=locked)
    assert revision.password_box
    assert b"hunter2" not in bytes(revision.password_box)
    assert "hunter2" not in f"{revision.options} {revision.facts}"


def test_deleting_a_corpus_takes_an_administrator(
    adam: Caller, bob: Caller, charlie: Caller, corpus: Corpus
) -> None:
    document = make_document(corpus, added_by=bob.user)
    path = f"/corpora/{corpus.pk}"
    assert bob.patch(path, {"name": "Contracts"}).json() == {"id": str(corpus.pk), "name": "Contracts"}
    assert bob.delete(path).status_code == 403
    assert charlie.delete(path).status_code == 404
    assert adam.delete(path).status_code == 204
    assert adam.get(path).status_code == 404
    assert bob.get(f"/documents/{document.pk}").status_code == 404


def test_another_workspaces_documents_are_not_there(charlie: Caller, corpus: Corpus) -> None:
    document = make_document(corpus, with_file=True)
    for tail in ("", "/skipped", "/pages/1", "/pages/1/image", "/original"):
        outside = charlie.get(f"/documents/{document.pk}{tail}")
        unknown = charlie.get(f"/documents/{UNKNOWN}{tail}")
        malformed = charlie.get(f"/documents/not-an-id{tail}")
        assert outside.status_code == unknown.status_code == malformed.status_code == 404
        assert outside.content == unknown.content == malformed.content


def test_reading_again_leaves_the_document_usable_and_can_be_given_up(
    bob: Caller, corpus: Corpus, settings: Any
) -> None:
    settings.RECOGNISE_SCANS = True
    document = make_document(corpus, "mixed.pdf", ["One page.", ""], added_by=bob.user)
    path = f"/documents/{document.pk}/read-again"
    started = bob.post(path, {"ocr": "all"})
    assert started.status_code == 202
    shown = started.json()
    assert (shown["status"], shown["progress"], shown["seconds_left"]) == (
        "ready",
        {"done": 0, "total": 2},
        20,
    )
    assert shown["read_again"] == {"status": "uploaded", "ocr": "all", "error": None}
    assert error_code(bob.post(path, {"ocr": "all"})) == "already_reading"
    ended = bob.delete(path)
    assert (ended.status_code, ended.json()["read_again"]) == (200, None)
    assert bob.delete(path).status_code == 200
    assert bob.post(path, {"ocr": "sometimes"}).status_code == 422
    assert bob.post(path, {"ocr": "never"}).status_code == 202


def test_recognition_that_is_switched_off_is_refused(bob: Caller, corpus: Corpus) -> None:
    document = make_document(corpus, "mixed.pdf", ["One page.", ""], added_by=bob.user)
    refused = bob.post(f"/documents/{document.pk}/read-again", {})
    assert (refused.status_code, error_code(refused)) == (409, "recognition_off")


def test_a_mixed_document_is_ready_and_tells_what_is_still_recognised(vera: Caller, corpus: Corpus) -> None:
    mixed = make_document(corpus, "mixed.pdf", ["Words.", "", ""])
    make_next_revision(
        mixed,
        status=Revision.Status.READING,
        stage="Recognising text",
        done=1,
        total=2,
        seconds_left=20,
        options={"ocr": "scans"},
    )
    shown = vera.get(f"/documents/{mixed.pk}").json()

    assert (shown["status"], shown["stage"], shown["seconds_left"]) == ("ready", "Recognising text", 20)
    assert shown["progress"] == {"done": 1, "total": 2}
    assert (shown["pages"], shown["pages_not_read"]) == (3, 2)
    assert shown["tokens"] > 0
    assert shown["read_again"] == {"status": "reading", "ocr": "scans", "error": None}
    assert vera.get(f"/corpora/{corpus.pk}").json()["documents"] == [shown]
    assert vera.get(f"/corpora/{corpus.pk}/documents").json()["items"] == [shown]


def test_a_scan_is_reading_until_a_page_of_it_is_recognised(vera: Caller, corpus: Corpus) -> None:
    scan = make_document(corpus, "scan.pdf", ["", ""])
    make_next_revision(scan)
    shown = vera.get(f"/documents/{scan.pk}").json()
    assert (shown["status"], shown["stage"]) == ("reading", "Waiting: recognising text")


def test_a_failed_reading_again_leaves_the_document_ready(vera: Caller, corpus: Corpus) -> None:
    document = make_document(corpus)
    make_next_revision(
        document,
        status=Revision.Status.FAILED,
        error_code="took_too_long",
        error_sentence="It took too long.",
        options={"ocr": "all"},
    )
    shown = vera.get(f"/documents/{document.pk}").json()
    assert (shown["status"], shown["error"], shown["stage"]) == ("ready", None, "")
    assert shown["read_again"] == {
        "status": "failed",
        "ocr": "all",
        "error": {"code": "took_too_long", "message": "It took too long."},
    }


def test_what_the_file_says_of_itself_is_told(vera: Caller, corpus: Corpus) -> None:
    document = make_document(corpus)
    Revision.objects.filter(document=document).update(
        facts={
            "attachments": [{"name": "rents.xlsx", "size_bytes": 12}, "old.txt"],
            "repaired": "It was mended.",
            "notes": ["Its XFA form is not read."],
        }
    )
    shown = vera.get(f"/documents/{document.pk}").json()
    assert shown["attachments"] == [
        {"name": "rents.xlsx", "size_bytes": 12},
        {"name": "old.txt", "size_bytes": None},
    ]
    assert shown["remarks"] == ["It was mended.", "Its XFA form is not read."]


@pytest.mark.parametrize("digest", ["ab%00cd", "ab" * 40, "abcd"])
def test_a_figure_that_is_not_there_is_not_found(bob: Caller, corpus: Corpus, digest: str) -> None:
    document = make_document(corpus, added_by=bob.user)
    assert bob.get(f"/documents/{document.pk}/figures/{digest}").status_code == 404
