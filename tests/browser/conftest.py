"""A browser, and an installation with a model endpoint that answers as slowly as a test asks it to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.gallery.house import CHROMIUM_ARGUMENTS
from tests.gallery.looks import watch
from tests.live.conftest import EMAIL, PASSWORD, House, house

__all__ = ["house"]

IS_FOCUS_SEEN = """() => {
    const element = document.activeElement;
    const isDrawn = (one) => {
        if (!one) return false;
        const style = getComputedStyle(one);
        return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
    };
    return [element, element.closest("label"), element.parentElement].some(isDrawn);
}"""


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Desk:
    """alice before her browser. said: what went wrong in any of her pages."""

    house: House
    browser: Browser
    cookies: Any
    said: list[str] = field(default_factory=list)

    def page(self, **options: Any) -> Page:
        context = self.browser.new_context(
            storage_state=self.cookies, base_url=self.house.stack.url, **options
        )
        page = context.new_page()
        watch(page, self.said)
        return page

    def corpus(self, name: str) -> tuple[str, str]:
        """A new corpus: its id and the path of its page."""
        corpus_id = self.house.api.new_corpus(name)
        workspace = self.house.api.get("/workspaces")["items"][0]
        return corpus_id, f"/w/{workspace['name'].lower()}/corpora/{corpus_id}/"


@pytest.fixture(scope="module")
def signed_in(house: House, browser: Browser) -> Any:
    page = browser.new_page(base_url=house.stack.url)
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/w/**")
    cookies = page.context.storage_state()
    page.context.close()
    return cookies


@pytest.fixture
def desk(house: House, browser: Browser, signed_in: Any) -> Iterator[Desk]:
    """Closes her pages; a script error or a blocked style fails the test."""
    house.provider.reset()
    before = len(browser.contexts)
    desk = Desk(house, browser, signed_in)
    yield desk
    for context in browser.contexts[before:]:
        context.close()
    assert desk.said == []


def tab_to(page: Page, selector: str, *, most: int = 60) -> None:
    """Press Tab until an element has the focus; at every stop the focus must be seen."""
    for _ in range(most):
        page.keyboard.press("Tab")
        assert page.evaluate(IS_FOCUS_SEEN), page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{most} presses of Tab do not reach {selector}")
