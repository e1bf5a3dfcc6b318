"""From the link that `make run` prints to a cited answer that opens its page: by keys alone, and without scripts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import tab_to
from tests.gallery.addresses import PASSWORD
from tests.gallery.house import NEWCOMER, fill_first_run
from tests.gallery.looks import watch
from tests.services import LiveStack, run_live_stack

pytestmark = [pytest.mark.services, pytest.mark.browser]

BOX_COVERS_WORDS = """() => {
    const boxes = [...document.querySelectorAll(".quote-box")].map((one) => one.getBoundingClientRect());
    const words = [...document.querySelectorAll(".sheet-text text")];
    return boxes.map((box) => words
        .filter((word) => {
            const at = word.getBoundingClientRect();
            const middle = at.top + at.height / 2;
            return middle > box.top && middle < box.bottom && at.left < box.right && at.right > box.left;
        })
        .map((word) => word.textContent).join(" "));
}"""


@pytest.fixture
def fresh_stack(tmp_path: Path) -> Iterator[LiveStack]:
    """An installation that nobody has come to, without any key."""
    with run_live_stack(tmp_path / "data") as stack:
        yield stack


def test_a_newcomer_reaches_the_words_of_a_citation_by_keyboard_within_a_minute(
    fresh_stack: LiveStack, browser: Browser
) -> None:
    page = browser.new_page(base_url=fresh_stack.url, reduced_motion="reduce")
    said: list[str] = []
    watch(page, said)
    began_at = time.monotonic()

    page.goto(fresh_stack.first_run_url)
    for name, value in (("name", "Olga"), ("email", NEWCOMER), ("password", PASSWORD)):
        tab_to(page, f"[name={name}]")
        page.keyboard.type(value)
    page.keyboard.press("Enter")
    page.wait_for_url("**/corpora/**")
    page.wait_for_function("() => document.querySelectorAll('.document.ready').length === 2", timeout=40_000)
    tab_to(page, "#question-text")
    assert "notice" in page.input_value("#question-text")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".answer.done", timeout=40_000)
    assert "Demo: not a language model" in page.inner_text("#conversation")

    page.keyboard.press("Alt+ArrowDown")
    page.wait_for_selector("#viewer .quote-box")
    page.wait_for_function("() => document.querySelector('.sheet-picture').naturalWidth > 0")
    took = time.monotonic() - began_at
    boxed = page.evaluate(BOX_COVERS_WORDS)
    assert boxed
    assert all(boxed), boxed
    assert letters(page.inner_text(".cited q >> nth=0")) in letters(" ".join(boxed))
    assert took < 60

    first = page.evaluate("document.activeElement.outerHTML")
    page.keyboard.press("Alt+ArrowDown")
    page.wait_for_function("(before) => document.activeElement.outerHTML !== before", arg=first)
    page.keyboard.press("Escape")
    page.wait_for_selector("#viewer .viewer-empty")
    assert page.evaluate("document.activeElement.matches('a.cite')")
    assert said == []
    page.context.close()


def letters(text: str) -> str:
    """What line ends, hyphens and quote signs do not change."""
    return "".join(one for one in text.casefold() if one.isalnum())


def test_without_scripts_the_same_path_is_forms_and_links(fresh_stack: LiveStack, browser: Browser) -> None:
    context = browser.new_context(base_url=fresh_stack.url, java_script_enabled=False)
    page = context.new_page()
    page.goto(fresh_stack.first_run_url)
    fill_first_run(page)
    page.get_by_role("button", name="Begin").click()
    reload_until(page, ".document.ready >> nth=1")
    page.click("#ask-button")
    assert "/conversations/" in page.url
    reload_until(page, ".answer.done")
    page.click(".answer-blocks a.cite >> nth=0")
    assert page.locator(".quote-box").count() > 0
    picture = page.locator(".sheet-picture").get_attribute("src")
    assert picture is not None
    assert context.request.get(picture).headers["content-type"] == "image/webp"
    page.click("text=Back to the answer")
    page.click(".answer-actions >> text=Coverage")
    assert "selected pages were sent" in page.inner_text(".coverage-sum")
    context.close()


def reload_until(page: Page, selector: str, *, seconds: float = 40) -> None:
    """What a reader without scripts does: reload until it is there."""
    ends = time.monotonic() + seconds
    while not page.locator(selector).count():
        assert time.monotonic() < ends, f"no {selector} at {page.url}"
        page.wait_for_timeout(300)
        page.reload()
