from __future__ import annotations

import re

from django.test import Client

from apps.api.v1 import api
from tests.api.conftest import Caller

EVERY_CALL = """
GET POST /workspaces
GET POST /workspaces/{workspace_id}/corpora
GET PATCH DELETE /corpora/{corpus_id}
POST /corpora/{corpus_id}/documents
GET PATCH DELETE /documents/{document_id}
POST /documents/{document_id}/retry
POST /documents/{document_id}/password
GET /documents/{document_id}/skipped
GET /documents/{document_id}/pages/{number}
GET /documents/{document_id}/pages/{number}/image
GET /documents/{document_id}/original
POST /corpora/{corpus_id}/plan
GET POST /corpora/{corpus_id}/conversations
POST /conversations/{conversation_id}/questions
GET /answers/{answer_id}
GET /answers/{answer_id}/coverage
GET /answers/{answer_id}/export
GET /answers/{answer_id}/events
POST /answers/{answer_id}/stop
POST /answers/{answer_id}/retry
GET /usage
"""


def test_the_schema_describes_every_call(alice: Caller) -> None:
    schema = alice.get("/openapi.json").json()
    for line in EVERY_CALL.split("\n")[1:-1]:
        *methods, path = line.split()
        described = schema["paths"][f"/api/v1{path}"]
        assert {method.lower() for method in methods} <= set(described), path
    for operations in schema["paths"].values():
        for operation in operations.values():
            assert operation["responses"]["default"]
            assert operation["summary"]
            assert operation["security"]


def test_the_schema_names_no_shape_it_does_not_hold(alice: Caller) -> None:
    response = alice.get("/openapi.json")
    named = set(re.findall(r"#/components/schemas/([^\"]+)", response.content.decode()))
    assert named == set(response.json()["components"]["schemas"])


def test_the_page_lists_every_call_and_loads_nothing_from_elsewhere(alice: Caller) -> None:
    browser = Client()
    browser.force_login(alice.user)
    page = browser.get("/api/v1/docs")
    assert page.status_code == 200
    text = page.content.decode()
    for path in api.get_openapi_schema()["paths"]:
        assert f"<code>{path}</code>" in text
    assert not re.search(r"(src|href)=.https?:", text)
    assert "style=" not in text
    anchors = set(re.findall(r'href="#([^"]+)"', text))
    assert anchors <= set(re.findall(r'id="([^"]+)"', text))


def test_the_page_is_for_signed_in_people(db: None) -> None:
    turned_away = Client().get("/api/v1/docs")
    assert turned_away.status_code == 302
    assert turned_away.headers["Location"].startswith("/accounts/login/")


def test_methods_other_than_reading_are_refused(alice: Caller) -> None:
    assert alice.post("/openapi.json").status_code == 405
    browser = Client()
    browser.force_login(alice.user)
    assert browser.post("/api/v1/docs").status_code == 405
