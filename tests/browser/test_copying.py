"""Answers and citations on the clipboard, and exports as plain links."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Desk, tab_to
from tests.factories import LEASE_PAGES, pdf_bytes

pytestmark = [pytest.mark.services, pytest.mark.browser]

CLIPBOARD = """async () => {
    const [item] = await navigator.clipboard.read();
    const read = async (type) => (await item.getType(type)).text();
    return { types: item.types, html: await read("text/html"), text: await read("text/plain") };
}"""
REFUSE = """() => {
    const refuse = () => Promise.reject(new DOMException("no", "NotAllowedError"));
    Object.defineProperty(navigator, "clipboard", { value: { write: refuse, writeText: refuse } });
}"""


@pytest.fixture
def answered(desk: Desk) -> tuple[Desk, str]:
    """The path of a conversation with a finished answer that cites."""
    corpus_id, path = desk.corpus("Leases")
    document = desk.house.api.upload(corpus_id, "lease.pdf", pdf_bytes(LEASE_PAGES))
    desk.house.api.wait_until_read([document["id"]])
    page = desk.page()
    page.goto(path)
    page.fill("#question-text", "What written notice ends the lease?")
    page.wait_for_selector("#plan .plan-line strong")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".answer-actions copy-answer", timeout=30_000)
    address = page.url
    page.context.close()
    return desk, address


def said(page: Page, selector: str) -> Any:
    return page.wait_for_selector(f"{selector} [role=status]:text-is('Copied')", state="attached")


def test_an_answer_and_a_citation_are_copied_and_exported(answered: tuple[Desk, str]) -> None:
    desk, address = answered
    page = desk.page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(address)

    tab_to(page, "copy-answer button", most=90)
    page.keyboard.press("Enter")
    said(page, "copy-answer")
    copied = page.evaluate(CLIPBOARD)
    assert "[1]" in copied["text"]
    assert "### Sources" in copied["text"]
    assert "[1] lease.pdf, p. " in copied["html"]
    assert "<a " not in copied["html"]

    page.locator(".answer details.evidence > summary").click()
    page.locator(".evidence-item copy-button button").first.click()
    said(page, ".evidence-item copy-button")
    text = page.evaluate("navigator.clipboard.readText()").replace("\u00a0", " ")
    assert text.startswith("“")
    assert "” (lease.pdf, p. " in text

    page.locator(".answer-actions details.menu > summary", has_text="Export").press("Enter")
    for name, extension in (("Word", "docx"), ("PDF", "pdf"), ("Markdown", "md")):
        with page.expect_download() as download:
            page.get_by_role("link", name=name, exact=True).click()
        assert download.value.suggested_filename == f"What written notice ends the lease.{extension}"


def test_without_leave_to_use_the_clipboard_the_text_is_there_to_be_taken(
    answered: tuple[Desk, str],
) -> None:
    desk, address = answered
    page = desk.page()
    page.add_init_script(f"({REFUSE})()")
    page.goto(address)
    page.locator("copy-answer button").click()

    area = page.get_by_label("Text to copy")
    area.wait_for()
    assert "### Sources" in area.input_value()
    assert page.evaluate("getSelection().toString() || document.activeElement.selectionEnd") not in ("", 0)
    page.keyboard.press("Escape")
    expect(page.locator("dialog.copy-dialog")).to_have_count(0)
    assert page.evaluate("document.activeElement.closest('copy-answer') !== null")

    page.locator(".answer details.evidence > summary").click()
    page.locator(".evidence-item copy-button button").first.click()
    assert "” (lease.pdf" in area.input_value()


def test_exports_are_links_without_any_script(answered: tuple[Desk, str]) -> None:
    desk, address = answered
    page = desk.page(java_script_enabled=False)
    page.goto(address)
    assert not page.locator("copy-answer").is_visible()
    page.locator(".answer-actions details.menu > summary", has_text="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Markdown", exact=True).click()
    assert download.value.suggested_filename.endswith(".md")
