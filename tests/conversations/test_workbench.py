"""The workbench in a real browser, before a whole installation: upload, ask, check, by mouse, keys and without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.factories import LEASE_PAGES, PASSWORD, pdf_bytes
from tests.services import LiveStack

pytestmark = [pytest.mark.services, pytest.mark.browser]

EMAIL = "alice@example.org"
QUESTION = "How many days of written notice end the lease?"
LEASE = {"name": "lease.pdf", "mimeType": "application/pdf", "buffer": pdf_bytes(LEASE_PAGES)}
# Chromium reports what the policy blocked as an event of the document; a console message would name no element.
REPORT_VIOLATIONS = """document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy: ${event.violatedDirective} ${event.target?.outerHTML?.slice(0, 200)}`))"""


@dataclass
class Desk:
    stack: LiveStack
    browser: Browser
    state: Any
    corpus_url: str = ""
    conversation_url: str = ""
    problems: list[str] = field(default_factory=list)

    def context(self, **options: Any) -> BrowserContext:
        return self.browser.new_context(storage_state=self.state, base_url=self.stack.url, **options)

    def page(self, **options: Any) -> Page:
        """A page whose script errors and policy violations are kept in `problems`."""
        page = self.context(**options).new_page()
        page.add_init_script(REPORT_VIOLATIONS)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.problems.append(message.text))
        return page


@pytest.fixture(scope="module")
def desk(live_stack: LiveStack, chromium: str) -> Iterator[Desk]:
    """alice, signed in, with a corpus whose lease has one answered question."""
    live_stack.manage(
        "create_user", EMAIL, "--password-stdin", "--workspace", "Tenancy", "--role", "owner",
        text_input=PASSWORD,
    )  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        page = browser.new_page(base_url=live_stack.url)
        page.goto("/accounts/login/")
        page.fill("input[type=email]", EMAIL)
        page.fill("input[type=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/w/**")
        desk = Desk(live_stack, browser, page.context.storage_state())
        page.fill("main form input[name=name]", "Leases")
        page.keyboard.press("Enter")
        page.wait_for_url("**/corpora/**")
        desk.corpus_url = page.url
        page.context.close()
        ask_first(desk)
        yield desk
        browser.close()


def ask_first(desk: Desk) -> None:
    page = desk.page()
    page.goto(desk.corpus_url)
    page.set_input_files("input[type=file]", [LEASE])
    page.wait_for_selector(".document.ready")
    page.fill("#question-text", QUESTION)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".answer.done", timeout=30_000)
    desk.conversation_url = page.url
    page.context.close()


@pytest.fixture(autouse=True)
def _nothing_breaks(desk: Desk) -> Iterator[None]:
    yield
    problems, desk.problems = desk.problems, []
    assert problems == []


def test_a_citation_opens_its_page_with_the_words_boxed_by_keys_alone(desk: Desk) -> None:
    page = desk.page()
    page.goto(desk.conversation_url)
    page.wait_for_selector(".answer-blocks a.cite")

    page.keyboard.press("Alt+ArrowDown")
    page.wait_for_selector("#viewer .quote-box")
    picture = page.wait_for_selector(".sheet-picture")
    assert picture is not None
    assert page.locator(".sheet-text text", has_text="120 days written notice").count() == 1
    box, line = (
        page.locator(selector).first.bounding_box()
        for selector in (".quote-box", ".sheet-text text:has-text('120 days written notice')")
    )
    assert box is not None
    assert line is not None
    assert abs((box["y"] + box["height"] / 2) - (line["y"] + line["height"] / 2)) < line["height"]

    page.keyboard.press("Escape")
    page.wait_for_selector("#viewer .viewer-empty")
    assert "cite" in (page.evaluate("document.activeElement.className") or "")
    page.context.close()


def test_the_words_of_a_page_can_be_copied_in_order(desk: Desk) -> None:
    page = desk.page()
    page.goto(desk.conversation_url)
    page.click(".answer-blocks a.cite")
    page.wait_for_selector(".sheet-text text")
    copied = page.evaluate(
        """() => {
            getSelection().selectAllChildren(document.querySelector(".sheet-text"));
            return getSelection().toString();
        }"""
    )
    assert "Either party may terminate with 120 days written notice." in copied
    page.context.close()


def test_zoom_and_steps_stay_with_the_reader(desk: Desk) -> None:
    page = desk.page()
    page.goto(desk.corpus_url)
    page.click(".document-name")
    page.wait_for_selector("#viewer[data-page='1']")
    page.click("[data-zoom-step='1']")
    assert page.get_attribute("#viewer", "data-zoom") == "125"
    page.click("[data-page-step='1']")
    page.wait_for_selector("#viewer[data-page='2'][data-zoom='125']")
    page.fill("#viewer-page", "3")
    page.keyboard.press("Enter")
    page.wait_for_selector("#viewer[data-page='3']")
    page.context.close()


def test_a_refused_file_says_why_in_its_row(desk: Desk) -> None:
    page = desk.page()
    page.goto(desk.corpus_url)
    page.set_input_files(
        "input[type=file]", [{"name": "notes.pdf", "mimeType": "application/pdf", "buffer": b"no pdf"}]
    )
    row = page.wait_for_selector(".upload-row.refused")
    assert row is not None
    assert "This is not a PDF" in row.inner_text()
    # The browser itself reports the refused request; nothing else may have gone wrong.
    assert all("415" in problem for problem in desk.problems)
    desk.problems.clear()
    page.context.close()


def test_a_tick_moves_the_meter_before_the_server_answers(desk: Desk) -> None:
    page = desk.page()
    page.goto(desk.corpus_url)
    page.route("**/tick/", lambda route: route.abort())
    page.uncheck(".document-tick [type=checkbox]")
    assert page.inner_text("[data-meter-selected]") == "0"
    page.context.close()
    # The tick that was aborted on purpose; it may be told late.
    desk.problems.clear()


def test_stop_ends_the_answer_and_brings_ask_back(desk: Desk) -> None:
    page = desk.page()
    page.goto(desk.corpus_url)
    page.fill("#question-text", "When is the rent due?")
    page.click("#ask-button")
    stop = page.wait_for_selector(".composer-action button:has-text('Stop')")
    assert stop is not None
    stop.click()
    page.wait_for_selector(".answer.stopped, .answer.done", timeout=10_000)
    page.wait_for_selector("#ask-button")
    page.context.close()


def test_a_second_tab_and_a_reload_show_the_same_answer(desk: Desk) -> None:
    first, second = desk.page(), desk.page()
    for page in (first, second):
        page.goto(desk.conversation_url)
        page.wait_for_selector(".answer.done")
    assert first.inner_html(".answer-blocks") == second.inner_html(".answer-blocks")
    second.reload()
    assert first.inner_html(".answer-blocks") == second.inner_html(".answer-blocks")
    for page in (first, second):
        page.context.close()


def test_without_scripts_asking_and_checking_work_as_forms_and_links(desk: Desk) -> None:
    page = desk.context(java_script_enabled=False).new_page()
    page.goto(desk.corpus_url)
    page.fill("#question-text", QUESTION)
    page.click("noscript > button[formaction$='/plan/']")
    assert "1 pass" in page.inner_text("#plan")
    page.click("#ask-button")
    for _ in range(60):
        if page.locator(".answer.done").count():
            break
        page.wait_for_timeout(250)
        page.reload()
    page.click(".answer-blocks a.cite >> nth=0")
    assert page.locator(".quote-box").count() > 0
    page.click("text=Back to the answer")
    assert page.locator(".answer.done").count() == 1
    page.context.close()


@pytest.mark.parametrize("width", [320, 768, 1280, 1920])
def test_nothing_scrolls_sideways(desk: Desk, width: int) -> None:
    page = desk.page(viewport={"width": width, "height": 800})
    for url in (desk.corpus_url, desk.conversation_url):
        page.goto(url)
        page.wait_for_selector("#composer")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if page.locator(".answer-blocks a.cite").count():
            page.click(".answer-blocks a.cite >> nth=0")
            page.wait_for_selector("#viewer .quote-box")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(desk: Desk, theme: Any) -> None:
    page = desk.page(color_scheme=theme, bypass_csp=True)
    for url in (desk.corpus_url, desk.conversation_url):
        page.goto(url)
        page.wait_for_selector("#plan .plan-line strong")
        if page.locator(".answer-blocks a.cite").count():
            page.click(".evidence > summary")
            page.click(".answer-blocks a.cite >> nth=0")
            page.wait_for_selector("#viewer .quote-box")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    page.click("text=Coverage")
    page.wait_for_selector(".coverage-strip")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.context.close()
