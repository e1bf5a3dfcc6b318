"""What is done to one document, by keys alone, in a real browser before real workers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from apps.library.ingestion.pymupdf_lean import pymupdf
from tests.browser.conftest import Desk, tab_to
from tests.factories import LEASE_PAGES, pdf_bytes
from tests.live.conftest import House, run_house

pytestmark = [pytest.mark.services, pytest.mark.browser]

FILE_PASSWORD = "kestrel-19"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An installation that recognises text."""
    with run_house(tmp_path_factory.mktemp("house"), DOCANALYST_OCR="1") as house:
        yield house


def protected_pdf() -> bytes:
    with pymupdf.open(stream=pdf_bytes(LEASE_PAGES), filetype="pdf") as document:
        content: bytes = document.tobytes(
            encryption=pymupdf.PDF_ENCRYPT_AES_256, owner_pw="another", user_pw=FILE_PASSWORD
        )
    return content


def type_password(page: Page, password: str) -> None:
    tab_to(page, ".document [name=password]")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def test_a_protected_file_is_opened_by_keys_after_a_wrong_password(desk: Desk) -> None:
    corpus_id, path = desk.corpus("Protected")
    desk.house.api.upload(corpus_id, "lease.pdf", protected_pdf())
    page = desk.page()
    page.goto(path)
    page.wait_for_selector(".document.needs_password", timeout=30_000)

    type_password(page, "not this one")
    page.wait_for_selector(".document.needs_password >> text=does not open", timeout=30_000)
    assert page.input_value(".document [name=password]") == ""

    type_password(page, FILE_PASSWORD)
    page.wait_for_selector(".document.ready", timeout=30_000)
    assert FILE_PASSWORD not in page.content()
    page.locator(".document-name").click()
    page.wait_for_selector("#viewer[data-page]")
    page.wait_for_function("() => document.querySelector('.sheet-picture').naturalWidth > 0")


def test_reading_again_is_started_and_cancelled_by_keys(desk: Desk) -> None:
    corpus_id, path = desk.corpus("Read twice")
    document = desk.house.api.upload(corpus_id, "lease.pdf", pdf_bytes(LEASE_PAGES * 4))
    desk.house.api.wait_until_read([document["id"]])
    page = desk.page()
    page.goto(path)
    tab_to(page, ".document-name")
    page.keyboard.press("Enter")
    page.wait_for_selector("#viewer[data-page]")
    tab_to(page, ".viewer-tabs a:last-child")
    page.keyboard.press("Enter")
    page.wait_for_selector("#about-state")
    assert page.is_disabled("#viewer [value=scans]")
    assert "12 pages, about" in page.inner_text("#viewer .again")

    tab_to(page, "#read-again")
    page.keyboard.press("Enter")
    page.wait_for_selector("#cancel-reading")
    row = page.locator(".document")
    row.get_by_text("ecognising text").wait_for()
    assert "ready" in (row.get_attribute("class") or "")

    tab_to(page, "#cancel-reading")
    page.keyboard.press("Enter")
    page.wait_for_selector("#read-again")
    row.get_by_text("ecognising text").wait_for(state="detached")
    state = desk.house.api.get(f"/documents/{document['id']}")
    assert (state["status"], state["read_again"], state["pages_not_read"]) == ("ready", None, 0)
