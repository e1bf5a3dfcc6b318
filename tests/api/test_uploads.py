"""Announcing resumable uploads: headers of the protocol, JSON, and what is told of them."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from apps.api import tus
from apps.common.http import Refused
from apps.library.models import Corpus, Upload
from apps.library.part_file import PartFile
from tests.api.conftest import Caller, error_code
from tests.factories import make_document, pdf_bytes

VERSION = {"Tus-Resumable": "1.0.0"}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def announce(caller: Caller, corpus: Corpus, **headers: str) -> HttpResponse:
    sent = {
        **VERSION,
        "Upload-Length": "1000",
        "Upload-Metadata": f"filename {encoded('Übergabe.pdf')}",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    client = Client()
    client.force_login(caller.user)
    return client.generic(
        "POST",
        f"/api/v1/corpora/{corpus.pk}/uploads",
        headers={name: value for name, value in sent.items() if value},
    )


def test_an_announcement_says_where_the_bytes_go_and_until_when(bob: Caller, corpus: Corpus) -> None:
    announced = announce(bob, corpus)
    assert announced.status_code == 201
    upload = Upload.objects.get()
    told = json.loads(announced.content)
    assert announced.headers["Location"] == f"/api/v1/uploads/{upload.pk}"
    assert announced.headers["Tus-Resumable"] == "1.0.0"
    assert announced.headers["Upload-Offset"] == "0"
    assert announced.headers["Upload-Expires"].endswith(" GMT")
    assert (told["name"], told["size"], told["offset"], told["document_id"]) == (
        "Übergabe.pdf",
        1000,
        0,
        None,
    )


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Tus_Resumable": ""}, 412, "tus_version"),
        ({"Tus_Resumable": "2.0.0"}, 412, "tus_version"),
        ({"Upload_Length": ""}, 400, "bad_header"),
        ({"Upload_Length": "-5"}, 400, "bad_header"),
        ({"Upload_Length": "1e9"}, 400, "bad_header"),
        ({"Upload_Length": "9" * 15}, 413, "too_large"),
        ({"Upload_Metadata": "filename not-base64!"}, 400, "bad_header"),
        ({"Upload_Metadata": "filename " + "A" * 5000}, 400, "bad_header"),
        ({"Upload_Metadata": ""}, 415, "kind_not_accepted"),
        ({"Upload_Metadata": f"filename {encoded('a.pdf')},sha256 {encoded('short')}"}, 400, "bad_checksum"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_announcement_is_refused_and_leaves_no_row(
    bob: Caller, corpus: Corpus, headers: dict[str, str], status: int, code: str
) -> None:
    refused = announce(bob, corpus, **headers)
    assert (refused.status_code, error_code(refused)) == (status, code)
    assert not Upload.objects.exists()


def test_how_far_it_is_stands_in_the_body_and_in_the_headers(bob: Caller, corpus: Corpus) -> None:
    made = bob.post(f"/corpora/{corpus.pk}/uploads", {"name": "deed.pdf", "size": 1000}).json()
    with PartFile(Upload.objects.get().pk) as part:
        part.append(b"%PDF-1.7")
    shown = bob.get(f"/uploads/{made['id']}")
    assert shown.json()["offset"] == 8
    assert (shown.headers["Upload-Offset"], shown.headers["Upload-Length"]) == ("8", "1000")
    assert shown.headers["Cache-Control"] == "no-store"
    assert bob.get(f"/corpora/{corpus.pk}/uploads").json()["items"] == [shown.json()]
    assert bob.delete(f"/uploads/{made['id']}").status_code == 204
    assert bob.get(f"/uploads/{made['id']}").status_code == 404


def test_known_content_is_answered_with_its_document(bob: Caller, corpus: Corpus) -> None:
    content = pdf_bytes(["One."])
    digest = hashlib.sha256(content).hexdigest()
    document = make_document(corpus, sha256=digest)
    made = bob.post(
        f"/corpora/{corpus.pk}/uploads", {"name": "a.pdf", "size": len(content), "sha256": digest.upper()}
    )
    assert made.status_code == 201
    assert made.json()["document_id"] == str(document.pk)
    assert made.json()["offset"] == len(content)
    assert made.headers["Content-Location"] == f"/api/v1/documents/{document.pk}"


@pytest.mark.parametrize(
    ("given", "is_fine"),
    [
        ("sha1 " + base64.b64encode(bytes(20)).decode(), True),
        ("sha256 " + base64.b64encode(bytes(32)).decode(), True),
        ("sha256 " + base64.b64encode(bytes(20)).decode(), False),
        ("md5 " + base64.b64encode(bytes(16)).decode(), False),
        ("sha256", False),
        ("sha256 ***", False),
        ("", False),
    ],
)
def test_checksums_of_pieces_are_read_strictly(given: str, is_fine: bool) -> None:
    headers: dict[str, Any] = {"Upload-Checksum": given}
    if is_fine:
        assert tus.read_checksum(headers) is not None
    else:
        with pytest.raises(Refused):
            tus.read_checksum(headers)
