from __future__ import annotations

import json
from unittest.mock import patch

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.library.models import Corpus
from apps.workspaces.models import Workspace
from tests.api.conftest import UNKNOWN, Caller, error_code

HOSTILE_BODIES = {
    "no JSON": b"{",
    "nothing": b"",
    "no object": b"[]",
    "a word": b'"name"',
    "NaN": b'{"name": NaN}',
    "another encoding": '{"name": "é"}'.encode("latin-1"),
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "NUL": b'{"name": "a\\u0000b"}',
    "half a surrogate": b'{"name": "\\ud800"}',
    "half a surrogate in a key": b'{"name": "a", "\\udfff": 1}',
    "a huge number": b'{"name": ' + b"9" * 10_000 + b"}",
    "too deep": b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "another type": b'{"name": {"a": 1}}',
    "null": b'{"name": null}',
}


@pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES.keys())
def test_a_malformed_body_is_refused_in_the_one_shape(alice: Caller, body: bytes) -> None:
    refused = alice.call("post", "/workspaces", data=body, content_type="application/json")
    assert refused.status_code in {400, 422}
    assert error_code(refused) in {"bad_json", "bad_text", "invalid_request"}


def test_a_body_of_megabytes_is_refused(alice: Caller) -> None:
    body = json.dumps({"name": "x" * 3_000_000})
    refused = alice.call("post", "/workspaces", data=body, content_type="application/json")
    assert (refused.status_code, error_code(refused)) == (413, "body_too_large")


def test_broken_multipart_is_refused(alice: Caller, corpus: Corpus) -> None:
    for content_type in (
        "multipart/form-data",
        "multipart/form-data; boundary=\x7f",
        "multipart/form-data; boundary=a",
    ):
        refused = alice.call(
            "post", f"/corpora/{corpus.pk}/documents", data=b"--b\r\nx", content_type=content_type
        )
        assert refused.status_code in {400, 422}
        assert error_code(refused) in {"malformed", "one_file"}


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer da_wrong", "Basic YTpi", "Bearer \xe9"]
)
def test_without_a_valid_token_nothing_is_told(
    alice: Caller, workspace: Workspace, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for path in (
        "/workspaces",
        f"/workspaces/{workspace.pk}/corpora",
        f"/documents/{UNKNOWN}",
        "/openapi.json",
    ):
        refused = Client(headers=headers).get(f"/api/v1{path}")
        assert (refused.status_code, error_code(refused)) == (401, "not_signed_in")
        assert refused.headers["WWW-Authenticate"] == "Bearer"
        assert "Location" not in refused.headers


def test_a_dead_token_is_not_saved_by_a_session(alice: Caller) -> None:
    browser = Client(headers={"Authorization": "Bearer da_dead"})
    browser.force_login(alice.user)
    assert browser.get("/api/v1/workspaces").status_code == 401


def test_a_revoked_token_and_a_closed_account_end_at_once(alice: Caller, bob: Caller) -> None:
    assert alice.get("/workspaces").status_code == 200
    alice.user.api_tokens.all().delete()
    assert alice.get("/workspaces").status_code == 401
    User.objects.filter(pk=bob.user.pk).update(is_active=False)
    assert bob.get("/workspaces").status_code == 401


def test_a_session_needs_the_csrf_token_where_something_changes(alice: Caller) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice.user)
    assert browser.get("/api/v1/workspaces").status_code == 200
    refused = browser.post("/api/v1/workspaces", {"name": "A"}, content_type="application/json")
    assert (refused.status_code, error_code(refused)) == (403, "csrf")
    browser.get("/profile/")
    token = browser.cookies["csrftoken"].value
    made = browser.post(
        "/api/v1/workspaces", {"name": "A"}, content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert made.status_code == 201
    program = Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {alice.token}"})
    assert (
        program.post("/api/v1/workspaces", {"name": "B"}, content_type="application/json").status_code == 201
    )


def test_another_site_cannot_use_a_session(alice: Caller) -> None:
    refused = alice.post("/workspaces", {"name": "A"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert refused.status_code == 403
    assert error_code(refused)


def test_unknown_addresses_and_methods_are_told_in_json(alice: Caller) -> None:
    for path in ("/", "/nothing", "/workspaces/", f"/documents/{UNKNOWN}/tree"):
        missing = alice.get(path)
        assert (missing.status_code, error_code(missing)) == (404, "not_found"), path
    for method in ("put", "delete", "options", "trace"):
        wrong = alice.call(method, "/workspaces")
        assert (wrong.status_code, error_code(wrong)) == (405, "wrong_method")
        assert wrong.headers["Allow"] == "GET, POST"


def test_head_is_answered_as_get_without_a_body(alice: Caller) -> None:
    shown = alice.call("head", "/workspaces")
    assert (shown.status_code, shown.content) == (200, b"")
    assert alice.call("head", f"/documents/{UNKNOWN}").status_code == 404


def test_an_unexpected_error_gives_a_reference_and_no_trace(alice: Caller) -> None:
    alice.client.raise_request_exception = False
    with patch("apps.api.workspaces.create_workspace", side_effect=RuntimeError("secret detail")):
        failed = alice.post("/workspaces", {"name": "A"})
    assert (failed.status_code, error_code(failed)) == (500, "internal")
    assert "Reference" in failed.json()["error"]["message"]
    assert b"secret detail" not in failed.content
    for name in ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cache-Control"):
        assert name in failed.headers


def test_another_host_is_refused_in_json(alice: Caller) -> None:
    refused = alice.call("get", "/workspaces", headers={"Host": "evil.example"})
    assert (refused.status_code, error_code(refused)) == (400, "malformed")
    assert b"evil.example" not in refused.content
    page = alice.client.get("/", headers={"Host": "evil.example"})
    assert (page.status_code, page.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
