"""An answer while it is written, and files while they come, in a real browser before real workers."""

from __future__ import annotations

import base64
import os

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Desk
from tests.factories import LEASE_PAGES, pdf_bytes

pytestmark = [pytest.mark.services, pytest.mark.browser]

QUESTION = "What written notice ends the lease?"
SLOWLY = {"tokens_per_second": 4}

DROP = """({ files, event }) => {
    const transfer = new DataTransfer();
    for (const [name, content] of files) {
        const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type: "application/pdf" }));
    }
    document.body.dispatchEvent(new DragEvent(event, { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""

SHOW_OR_HIDE = """(isHidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def lease(desk: Desk) -> str:
    """The path of a corpus with a lease that is read."""
    corpus_id, path = desk.corpus("Leases")
    document = desk.house.api.upload(corpus_id, "lease.pdf", pdf_bytes(LEASE_PAGES))
    desk.house.api.wait_until_read([document["id"]])
    return path


def ask(page: Page, text: str = QUESTION) -> None:
    page.fill("#question-text", text)
    page.wait_for_selector("#plan .plan-line strong")
    page.keyboard.press("Control+Enter")


def begun(page: Page) -> None:
    """Wait until the answer has begun and is still being written."""
    page.wait_for_function(
        "() => document.querySelector('answer-stream .answer-blocks')?.textContent.trim().length > 10",
        timeout=20_000,
    )


def test_a_reload_and_a_second_tab_in_the_middle_end_with_the_same_html(desk: Desk, lease: str) -> None:
    desk.house.provider.script(SLOWLY)
    streamed, reloaded, late = (desk.page() for _ in range(3))
    streamed.goto(lease)
    ask(streamed)
    begun(streamed)
    address = streamed.url
    reloaded.goto(address)
    begun(reloaded)
    reloaded.reload()
    late.goto(address)
    begun(late)
    shown = []
    for page in (streamed, reloaded, late):
        page.wait_for_selector(".answer.done", timeout=40_000)
        shown.append((page.inner_html(".answer-blocks"), page.inner_html(".evidence-list")))

    assert shown[0] == shown[1] == shown[2]
    assert shown[0][0].count('class="cite') > 0
    late.reload()
    assert (late.inner_html(".answer-blocks"), late.inner_html(".evidence-list")) == shown[0]


def test_what_a_script_or_a_reader_sized_survives_a_swap_without_an_inline_style(
    desk: Desk, lease: str
) -> None:
    page = desk.page()
    page.goto(lease)
    page.wait_for_selector("#plan .plan-line strong")
    page.evaluate("document.querySelector('#question-text').style.height = '90px'")
    page.fill("#question-text", QUESTION)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".answer.done", timeout=40_000)


def test_a_refusal_stays_until_the_question_changes(desk: Desk, lease: str) -> None:
    page = desk.page()
    page.goto(lease)
    page.wait_for_selector("#plan .plan-line strong")
    page.route(
        "**/questions/",
        lambda route: route.fulfill(
            status=422,
            headers={"HX-Retarget": "#plan", "HX-Reswap": "outerHTML"},
            content_type="text/html",
            body='<div id="plan" class="plan"><p class="plan-refusal">Ten answers run already.</p></div>',
        ),
    )
    page.fill("#question-text", QUESTION)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#plan .plan-refusal")
    page.wait_for_timeout(1_000)
    assert page.inner_text("#plan") == "Ten answers run already."
    page.fill("#question-text", QUESTION + " And when?")
    page.wait_for_selector("#plan .plan-line strong")
    # The browser itself notes the refused request.
    desk.said[:] = [
        text for text in desk.said if "status of 422" not in text and "Response Status" not in text
    ]


def test_stop_stands_where_ask_was_and_keeps_what_came(desk: Desk, lease: str) -> None:
    desk.house.provider.script({"tokens_per_second": 5})
    page = desk.page()
    page.goto(lease)
    # The plan brings the button anew.
    page.wait_for_selector("#plan .plan-line strong")
    ask_at = page.locator("#composer-action").bounding_box()
    ask(page)
    begun(page)
    stop = page.get_by_role("button", name="Stop")
    stop_at = stop.bounding_box()
    assert ask_at is not None
    assert stop_at is not None
    assert abs(ask_at["x"] + ask_at["width"] - stop_at["x"] - stop_at["width"]) < 2
    stop.click()
    page.get_by_role("button", name="Stopping").wait_for(timeout=1_000)
    page.wait_for_selector(".answer.stopped", timeout=10_000)
    assert len(page.inner_text(".answer-blocks").strip()) > 10
    page.wait_for_selector("#ask-button")
    request = desk.house.provider.wait_for(lambda one: one["disconnected_at"])
    assert request["disconnected_at"]


def test_a_hidden_tab_lets_go_of_its_stream_and_takes_it_up_again(desk: Desk, lease: str) -> None:
    desk.house.provider.script(SLOWLY)
    page = desk.page()
    opened: list[str] = []
    closed: list[str] = []
    page.on("request", lambda request: opened.append(request.url) if "/events" in request.url else None)
    page.on("requestfailed", lambda request: closed.append(request.url) if "/events" in request.url else None)
    page.goto(lease)
    ask(page)
    begun(page)
    assert (len(opened), len(closed)) == (1, 0)
    page.evaluate(SHOW_OR_HIDE, True)
    page.wait_for_timeout(400)
    assert (len(opened), len(closed)) == (1, 1)
    page.evaluate(SHOW_OR_HIDE, False)
    page.wait_for_selector(".answer.done", timeout=40_000)
    assert len(opened) == 2


def test_two_dropped_files_show_their_progress_and_are_read(desk: Desk) -> None:
    _, path = desk.corpus("Dropped")
    page = desk.page()
    page.goto(path)
    line = page.context.new_cdp_session(page)
    line.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 300_000},
    )
    # What follows the end of a PDF is no part of it, but takes its time on the way.
    files = [
        (name, base64.b64encode(pdf_bytes([name]) + b"%" + os.urandom(300_000).hex().encode()[:300_000]).decode())
        for name in ("first.pdf", "second.pdf")
    ]  # fmt: skip
    page.evaluate(DROP, {"files": files, "event": "dragenter"})
    assert page.locator(".drop-veil").is_visible()
    page.evaluate(DROP, {"files": files, "event": "drop"})
    assert page.locator(".drop-veil").is_hidden()
    assert page.locator(".upload-row").count() == 2
    page.wait_for_function(
        "() => [...document.querySelectorAll('.upload-progress')].some((bar) => bar.value > 5 && bar.value < 95)"
    )
    page.wait_for_function("() => document.querySelectorAll('.document.ready').length === 2", timeout=40_000)
    assert page.locator(".upload-row").count() == 0
    assert "2 documents" in page.inner_text("#documents-sum")


def test_unticking_moves_the_meter_at_once_and_the_plan_after_it(desk: Desk, lease: str) -> None:
    page = desk.page()
    page.goto(lease)
    page.wait_for_selector("#plan .plan-line strong")
    page.route("**/tick/", lambda route: page.wait_for_timeout(600) or route.continue_())
    with page.expect_response("**/tick/"):
        page.uncheck(".document-tick [type=checkbox]")
        assert page.inner_text("[data-meter-selected]") == "0"
        assert page.locator(".meter-fill").get_attribute("width") == "0"
    page.wait_for_selector("#plan .plan-refusal")
    page.reload()
    assert not page.is_checked(".document-tick [type=checkbox]")


def test_at_four_hundred_percent_everything_is_within_reach(desk: Desk, lease: str) -> None:
    """1280 × 1024 at 400 % leaves 320 × 256."""
    page = desk.page(viewport={"width": 320, "height": 256})
    page.goto(lease)
    page.get_by_role("link", name="Conversation").click()
    ask(page)
    page.wait_for_selector(".answer.done", timeout=40_000)
    page.locator(".answer-blocks a.cite").first.click()
    page.wait_for_selector("#viewer .quote-box")
    for selector in ("#viewer-page", ".viewer-scroll", "[data-close-viewer]"):
        reach(page, selector)
    page.locator("[data-close-viewer]").click()
    page.get_by_role("link", name="Conversation").click()
    for selector in ("#question-text", "#ask-button", ".answer-actions >> text=Coverage"):
        reach(page, selector)
    page.get_by_role("link", name="Documents").click()
    for selector in (".upload-choose", ".document-name", ".meter-sum"):
        reach(page, selector)


def reach(page: Page, selector: str) -> None:
    """Scroll to an element as a reader can; it must then be whole in the window, from side to side."""
    element = page.locator(selector).first
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    assert box is not None, selector
    assert box["x"] >= 0, selector
    assert box["x"] + box["width"] <= 320, selector
    assert box["y"] < 256, selector
    assert box["y"] + box["height"] > 0, selector
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), selector


def test_nothing_moves_for_who_asked_for_stillness(desk: Desk, lease: str) -> None:
    desk.house.provider.script(SLOWLY)
    still, lively = desk.page(reduced_motion="reduce"), desk.page(reduced_motion="no-preference")
    still.goto(lease)
    ask(still)
    begun(still)
    lively.goto(still.url)
    moving = """document.getAnimations().filter((one) => one.playState === "running"
        && one.effect.getComputedTiming().duration > 50).length"""
    assert still.evaluate(moving) == 0
    assert lively.evaluate(moving) > 0
    still.wait_for_selector(".answer.done", timeout=40_000)


def test_the_theme_changes_under_a_running_answer(desk: Desk, lease: str) -> None:
    desk.house.provider.script(SLOWLY)
    page = desk.page(color_scheme="light")
    page.goto(lease)
    ask(page)
    begun(page)
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(background)
    page.locator(".site-nav summary").click()
    with page.expect_response("**/profile/theme/"):
        page.get_by_role("button", name="Dark").click()
    assert page.evaluate(background) != light
    page.wait_for_selector(".answer.done", timeout=40_000)
    with page.expect_response("**/profile/theme/"):
        page.get_by_role("button", name="Auto").click()


def test_a_cut_answer_goes_on_where_it_stopped(desk: Desk, lease: str) -> None:
    desk.house.provider.script(
        {"text": "Notice is **120 days** [[1:2]]. The rent is 1,9", "finish_reason": "length"},
        {"text": "The rent is 1,950 euros a month [[1:3]].", "tokens_per_second": 4},
    )
    page = desk.page()
    page.goto(lease)
    ask(page)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_selector("answer-stream")
    assert "The rent is 1,9" in page.locator("answer-stream .answer-blocks").inner_text()
    page.wait_for_selector(".answer.done")
    words = page.locator(".answer-blocks").inner_text()
    assert words.count("The rent is") == 1
    assert "The rent is 1,950 euros a month" in words
    assert page.locator(".answer-blocks a.cite").count() == 2
    assert page.get_by_role("button", name="Continue").count() == 0
