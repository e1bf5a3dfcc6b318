"""Resumable uploads against a running installation: cut, limited, shared, expired, and with a wrong checksum."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import socket
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

from tests.factories import pdf_bytes
from tests.live.client import ApiClient
from tests.live.conftest import House
from tests.live.tus import Tus, blocks_of, read_reply
from tests.services import wait_for

pytestmark = pytest.mark.services

MIB = 1024**2


@pytest.fixture
def tus(house: House) -> Tus:
    return Tus(house.api)


@pytest.fixture
def corpus_id(house: House) -> str:
    return house.api.new_corpus("Uploads")


def a_pdf(size: int = 0) -> bytes:
    """A new PDF; with a size, made up to it by a comment behind its end."""
    content = pdf_bytes([f"The rent is due on the third day. {uuid.uuid4()}"])
    return content + b"\n%" + random.Random(size).randbytes(size - len(content) - 2) if size else content


def parts(house: House) -> list[Path]:
    return list((house.stack.data_dir / "uploads").iterdir())


def stored(house: House, content: bytes) -> int:
    """How many stored originals have exactly these bytes."""
    originals = (house.stack.data_dir / "files").glob("*/*/original")
    return sum(one.stat().st_size == len(content) and one.read_bytes() == content for one in originals)


def test_a_client_of_the_protocol_uploads_in_pieces(house: House, corpus_id: str, tmp_path: Path) -> None:
    path, content = tmp_path / "deed.pdf", a_pdf(3 * MIB)
    path.write_bytes(content)
    client = TusClient(
        f"{house.stack.url}/api/v1/corpora/{corpus_id}/uploads",
        headers={"Authorization": f"Bearer {house.api.token}"},
    )
    uploader = client.uploader(
        str(path), chunk_size=MIB, metadata={"filename": "deed.pdf"}, upload_checksum=True
    )
    uploader.upload()
    document_id = uploader.request.response_headers["content-location"].rsplit("/", 1)[1]
    (document,) = house.api.wait_until_read([document_id])
    assert (document["name"], document["status"]) == ("deed.pdf", "ready")
    assert stored(house, content) == 1
    assert parts(house) == []


def test_a_line_cut_at_random_points_resumes_to_the_same_bytes(
    house: House, tus: Tus, corpus_id: str
) -> None:
    content, chance = a_pdf(8 * MIB), random.Random(7)
    path = tus.begin(corpus_id, "cut.pdf", content, with_checksum=True)
    for _ in range(8):
        here = tus.offset(path)
        piece = content[here : here + chance.randint(1, MIB)]
        tus.send_and_cut(path, here, len(content) - here, blocks_of(piece))
        wait_for(lambda: is_free(tus, path), seconds=10, what="the upload free again")
    here = tus.offset(path)
    assert 0 < here < len(content)
    reply = tus.patch(path, here, content[here:])
    assert (reply.status, reply.offset) == (204, len(content))
    assert stored(house, content) == 1
    assert parts(house) == []


def is_free(tus: Tus, path: str) -> bool:
    """Whether nobody writes to an upload; asked with a PATCH of nothing."""
    return tus.patch(path, tus.offset(path), b"").status == 204


def test_the_last_byte_counts_though_the_line_breaks_behind_it(
    house: House, tus: Tus, corpus_id: str
) -> None:
    content = a_pdf(300_000)
    path = tus.begin(corpus_id, "last.pdf", content)
    tus.send_and_cut(path, 0, len(content), blocks_of(content[:-1]))
    wait_for(lambda: is_free(tus, path), seconds=10, what="the upload free again")
    here = tus.offset(path)
    line = tus.begin_patch(path, here, len(content) - here)
    line.sendall(content[here:])
    # A line that breaks at once takes along what the server has not looked at yet.
    wait_for(lambda: stored(house, content) == 1, seconds=20, what="the document")
    line.close()
    reply = tus.call("HEAD", path)
    assert reply.offset == len(content)
    assert reply.headers["content-location"].startswith("/api/v1/documents/")


def test_known_content_is_answered_before_a_byte_is_sent(house: House, tus: Tus, corpus_id: str) -> None:
    content = a_pdf()
    document = house.api.upload(corpus_id, "known.pdf", content)
    reply = tus.announce(corpus_id, "again.pdf", len(content), hashlib.sha256(content).hexdigest())
    assert (reply.status, reply.offset) == (201, len(content))
    assert json.loads(reply.body)["document_id"] == document["id"]
    elsewhere = house.api.new_corpus("Another")
    reply = tus.announce(elsewhere, "again.pdf", len(content), hashlib.sha256(content).hexdigest())
    assert json.loads(reply.body)["document_id"] == document["id"]
    assert [one["id"] for one in house.api.all(f"/corpora/{elsewhere}/documents")] == [document["id"]]
    assert parts(house) == []


def test_the_limit_holds_to_the_byte(house: House, tus: Tus, corpus_id: str) -> None:
    limit = 200 * MIB
    assert tus.announce(corpus_id, "exact.pdf", limit).status == 201
    refused = tus.announce(corpus_id, "more.pdf", limit + 1)
    assert (refused.status, refused.error_code) == (413, "too_large")


def test_more_bytes_than_announced_are_refused_and_none_of_them_kept(tus: Tus, corpus_id: str) -> None:
    content = a_pdf(100_000)
    path = tus.begin(corpus_id, "more.pdf", content)
    assert tus.patch(path, 0, content[:50_000]).status == 204
    refused = tus.patch(path, 50_000, content[50_000:] + b"!")
    assert (refused.status, refused.error_code) == (413, "too_long")
    # Without a length, the bytes themselves are counted.
    line = tus.connect()
    head = tus.head(
        "PATCH", path, 0, {"Content_Type": "application/offset+octet-stream", "Upload_Offset": "50000"}
    )
    line.sendall(head.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"))
    body = content[50_000:] + b"!"
    line.sendall(f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")
    refused = read_reply(line)
    assert (refused.status, refused.error_code) == (413, "too_long")
    assert tus.offset(path) == 50_000
    assert tus.patch(path, 50_000, content[50_000:]).status == 204


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Upload_Offset": "7"}, 409, "wrong_offset"),
        ({"Upload_Offset": ""}, 400, "bad_header"),
        ({"Upload_Offset": "-1"}, 400, "bad_header"),
        ({"Tus_Resumable": "0.2.2"}, 412, "tus_version"),
        ({"Content_Type": "application/pdf"}, 415, "unsupported_media_type"),
        ({"Upload_Checksum": "md5 abc"}, 400, "bad_checksum"),
        ({"Upload_Checksum": "sha1 AAAA"}, 400, "bad_checksum"),
        ({"Sec_Fetch_Site": "cross-site"}, 403, "cross_site"),
        ({"Authorization": "Bearer nobody"}, 401, "not_signed_in"),
        ({"Host": "elsewhere.example"}, 400, "malformed"),
    ],
    ids=lambda value: str(value),
)
def test_a_wrong_request_is_refused_and_changes_nothing(
    tus: Tus, corpus_id: str, headers: dict[str, str], status: int, code: str
) -> None:
    content = a_pdf()
    path = tus.begin(corpus_id, "deed.pdf", content)
    refused = tus.patch(path, 0, content, **headers)
    assert (refused.status, refused.error_code) == (status, code)
    assert tus.offset(path) == 0
    assert tus.call("DELETE", path).status == 204


def test_a_session_needs_its_csrf_token(house: House, tus: Tus, corpus_id: str) -> None:
    content = a_pdf()
    path = tus.begin(corpus_id, "deed.pdf", content)
    session = (
        house.stack.manage(
            "shell",
            "-v",
            "0",
            "-c",
            "from django.test import Client; from apps.accounts.models import User; c = Client();"
            "c.force_login(User.objects.get(email='alice@example.org')); print(c.cookies['sessionid'].value)",
        )
        .strip()
        .splitlines()[-1]
    )
    token = "a" * 32
    cookies = {"Authorization": "", "Cookie": f"sessionid={session}; csrftoken={token}"}
    assert tus.patch(path, 0, content, **cookies).error_code == "csrf"
    assert (
        tus.patch(path, 0, content, **cookies, X_CSRFToken=token, Origin="https://evil.example").error_code
        == "csrf"
    )
    assert tus.patch(path, 0, content, **cookies, X_CSRFToken=token).status == 204


def test_a_checksum_of_the_whole_that_is_wrong_keeps_nothing(house: House, tus: Tus, corpus_id: str) -> None:
    content = a_pdf(100_000)
    reply = tus.announce(corpus_id, "deed.pdf", len(content), "0" * 64)
    refused = tus.patch(reply.headers["location"], 0, content)
    assert (refused.status, refused.error_code) == (460, "wrong_checksum")
    assert tus.call("HEAD", reply.headers["location"]).status == 404
    assert stored(house, content) == 0
    assert parts(house) == []


def test_a_piece_with_a_wrong_checksum_is_forgotten(tus: Tus, corpus_id: str) -> None:
    content = a_pdf(100_000)
    path = tus.begin(corpus_id, "deed.pdf", content)
    assert tus.patch(path, 0, content[:9_000]).status == 204
    wrong = "sha256 " + base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    refused = tus.patch(path, 9_000, content[9_000:], Upload_Checksum=wrong)
    assert (refused.status, refused.error_code) == (460, "wrong_checksum")
    assert tus.offset(path) == 9_000
    right = "sha256 " + base64.b64encode(hashlib.sha256(content[9_000:]).digest()).decode()
    assert tus.patch(path, 9_000, content[9_000:], Upload_Checksum=right).status == 204


def test_another_kind_is_refused_by_its_first_bytes(house: House, tus: Tus, corpus_id: str) -> None:
    words = b"These are only words. " * 500_000
    path = tus.begin(corpus_id, "words.pdf", words)
    line = tus.begin_patch(path, 0, len(words))
    line.sendall(words[:MIB])
    line.shutdown(socket.SHUT_WR)
    refused = read_reply(line)
    assert (refused.status, refused.error_code) == (415, "not_a_pdf")
    assert tus.call("HEAD", path).status == 404
    assert tus.announce(corpus_id, "page.exe", 10).error_code == "kind_not_accepted"
    assert tus.announce(corpus_id, "empty.pdf", 0).error_code == "empty_file"
    assert parts(house) == []


def test_two_at_once_do_not_mix(house: House, tus: Tus, corpus_id: str) -> None:
    content = a_pdf(2 * MIB)
    path = tus.begin(corpus_id, "both.pdf", content)
    first = tus.begin_patch(path, 0, len(content))
    first.sendall(content[:MIB])
    wait_for(lambda: tus.offset(path) > 0, seconds=10, what="the first bytes")
    second = tus.patch(path, tus.offset(path), b"x" * 1000)
    assert (second.status, second.error_code) == (423, "upload_busy")
    first.sendall(content[MIB:])
    assert read_reply(first).status == 204
    assert stored(house, content) == 1


def test_a_restart_of_the_web_process_loses_no_byte_that_was_written(
    house: House, tus: Tus, corpus_id: str
) -> None:
    content = a_pdf(2 * MIB)
    path = tus.begin(corpus_id, "restart.pdf", content, with_checksum=True)
    assert tus.patch(path, 0, content[:MIB]).status == 204
    house.stack.restart_web()
    assert tus.offset(path) == MIB
    assert tus.patch(path, MIB, content[MIB:]).status == 204
    assert stored(house, content) == 1


def test_what_is_discarded_is_gone(house: House, tus: Tus, corpus_id: str) -> None:
    content = a_pdf(100_000)
    path = tus.begin(corpus_id, "deed.pdf", content)
    assert tus.patch(path, 0, content[:50_000]).status == 204
    (one,) = house.api.all(f"/corpora/{corpus_id}/uploads")
    assert (one["name"], one["offset"], one["size"]) == ("deed.pdf", 50_000, 100_000)
    assert tus.call("DELETE", path).status == 204
    assert tus.patch(path, 50_000, content[50_000:]).status == 404
    assert house.api.all(f"/corpora/{corpus_id}/uploads") == []
    assert parts(house) == []


def test_the_server_says_what_it_speaks(house: House, tus: Tus, corpus_id: str) -> None:
    reply = tus.call("OPTIONS", f"/api/v1/corpora/{corpus_id}/uploads")
    assert reply.status == 204
    assert reply.headers["tus-extension"] == "creation,expiration,checksum,termination"
    assert reply.headers["tus-max-size"] == str(200 * MIB)


def test_a_client_hears_that_a_kind_is_not_taken(house: House, corpus_id: str, tmp_path: Path) -> None:
    path = tmp_path / "program.exe"
    path.write_bytes(b"MZ")
    client = TusClient(
        f"{house.stack.url}/api/v1/corpora/{corpus_id}/uploads",
        headers={"Authorization": f"Bearer {house.api.token}"},
    )
    with pytest.raises(TusCommunicationError) as refused:
        client.uploader(str(path), metadata={"filename": "program.exe"}).upload()
    assert refused.value.status_code == 415


def test_json_announces_as_well(house: House, tus: Tus, corpus_id: str) -> None:
    content = a_pdf()
    announced: dict[str, Any] = house.api.post(
        f"/corpora/{corpus_id}/uploads", {"name": "deed.pdf", "size": len(content)}
    )
    assert (announced["offset"], announced["document_id"]) == (0, None)
    assert tus.patch(f"/api/v1/uploads/{announced['id']}", 0, content).status == 204
    assert house.api.get(f"/uploads/{announced['id']}")["document_id"]


def test_a_member_who_is_removed_meanwhile_is_cut_off(house: House, corpus_id: str) -> None:
    house.stack.manage(
        *(
            "create_user",
            "rita@example.org",
            "--password-stdin",
            "--workspace",
            "Tenancy",
            "--role",
            "member",
        ),
        text_input="correct horse battery staple",
    )
    token = house.stack.manage("create_token", "rita@example.org").strip().splitlines()[-1]
    tus, content = Tus(ApiClient(house.stack.url, token)), a_pdf(MIB)
    path = tus.begin(corpus_id, "late.pdf", content)
    line = tus.begin_patch(path, 0, len(content))
    line.sendall(content[:100_000])
    wait_for(lambda: tus.offset(path) > 0, seconds=10, what="the first bytes")
    house.stack.manage(
        *("shell", "-v", "0", "-c"),
        "from apps.workspaces.models import Membership;"
        "Membership.objects.filter(user__email='rita@example.org').delete()",
    )
    # Slowly enough that the rights are asked for again before the end.
    for start in range(100_000, 800_000, 50_000):
        line.sendall(content[start : start + 50_000])
        time.sleep(0.5)
    line.shutdown(socket.SHUT_WR)
    refused = read_reply(line)
    assert (refused.status, refused.error_code) == (404, "not_found")
    assert stored(house, content) == 0
    # An administrator's to discard; other tests look whether anything is left.
    house.api.call("DELETE", path.removeprefix("/api/v1"))
