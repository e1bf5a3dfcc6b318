"""What people and programs are told when something is not to be had, or broke."""

import logging
import re

import pytest
from django.test import Client, RequestFactory

from apps.accounts.models import User
from apps.common.views import server_error, too_many_requests


@pytest.fixture
def signed_in(db) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_user("alice@example.org"))
    return client


def test_unexpected_error_shows_a_reference_that_the_log_explains(signed_in, monkeypatch, caplog):
    def fail(*_, **__):
        raise RuntimeError("secret-of-the-trace")

    monkeypatch.setattr("apps.accounts.views._profile", fail)
    with caplog.at_level(logging.ERROR):
        response = signed_in.get("/profile/")
    html = response.content.decode()
    assert response.status_code == 500
    assert "secret-of-the-trace" not in html
    assert "Traceback" not in html
    reference = re.search(r'class="reference">([0-9a-f]{8})<', html)[1]
    assert any(
        reference in record.getMessage()
        and record.exc_info
        and "secret-of-the-trace" in str(record.exc_info[1])
        for record in caplog.records
    )


def test_error_page_needs_neither_database_nor_templates(monkeypatch):
    monkeypatch.setattr("django.template.loader.get_template", lambda *_: (_ for _ in ()).throw(ValueError()))
    response = server_error(RequestFactory().get("/profile/"))
    assert response.status_code == 500
    assert "Reference: " in response.content.decode()


def test_programs_get_errors_as_json():
    failed = server_error(RequestFactory().get("/api/v1/workspaces"))
    assert failed.headers["Content-Type"] == "application/json"
    slowed = too_many_requests(RequestFactory().get("/api/v1/workspaces"), 30)
    assert slowed.status_code == 429
    assert slowed["Retry-After"] == "30"
    assert b'"too_many_requests"' in slowed.content


def test_missing_page_is_a_page_or_a_fragment(signed_in):
    page = signed_in.get("/nowhere/")
    fragment = signed_in.get("/nowhere/", headers={"HX-Request": "true"})
    assert page.status_code == fragment.status_code == 404
    assert b"<html" in page.content
    assert b"<html" not in fragment.content
    assert b"There is nothing here" in fragment.content


def test_nothing_tells_versions_or_settings(signed_in):
    for address in ("/nowhere/", "/healthz", "/readyz"):
        text = signed_in.get(address).content.decode().lower()
        assert not re.search(r"django(?!_htmx/)|python|\d+\.\d+\.\d+", text)


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"%", b"name=%ff%fe", b"name=" + b"x" * 70_000])
@pytest.mark.parametrize("address", ["/new-workspace/", "/profile/", "/profile/tokens/", "/profile/theme/"])
def test_malformed_bodies_are_refused_not_crashed_on(signed_in, address, body):
    for content_type in (
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
    ):
        assert signed_in.generic("POST", address, body, content_type=content_type).status_code < 500


@pytest.mark.parametrize(
    "name", ["\x00", "a\x00b", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")]
)
def test_control_characters_in_names_are_no_server_error(signed_in, name):
    assert signed_in.post("/new-workspace/", {"name": name}).status_code < 500
    assert signed_in.post("/profile/tokens/", {"name": name}).status_code < 500


def test_form_without_a_token_is_told_what_to_do(db, settings):
    settings.CSRF_FAILURE_VIEW = "apps.common.views.csrf_failure"
    client = Client(enforce_csrf_checks=True)
    page = client.post("/accounts/login/", {"login": "alice@example.org", "password": "x"})
    assert page.status_code == 403
    assert "reload the page" in page.content.decode()
    assert b"<html" in page.content
