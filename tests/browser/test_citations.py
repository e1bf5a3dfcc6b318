"""Checking an answer by its citations in a real browser: by keys alone, by mouse, in a narrow window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from apps.conversations.models import Answer, Evidence, Verdict
from apps.workspaces.models import Role
from tests.browser.conftest import IS_FOCUS_SEEN, tab_to
from tests.factories import add_member, make_user, make_workspace
from tests.gallery.looks import watch
from tests.gallery.seed_answers import every_verdict
from tests.gallery.seed_documents import make_small

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

VERDICTS = ("exact", "altered", "close", "elsewhere", "page_only", "not_found")
"""Of the answer's six citations, in their order."""


@pytest.fixture(scope="module", autouse=True)
def _rows_beside_a_browser() -> Iterator[None]:
    """Playwright keeps a loop in this thread; Django takes that for asynchronous code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield


@dataclass
class Reader:
    """alice before an answer with a citation of every verdict."""

    browser: Browser
    origin: str
    path: str
    session: str
    said: list[str] = field(default_factory=list)

    def page(self, width: int = 1280) -> Page:
        context = self.browser.new_context(
            viewport={"width": width, "height": 800}, reduced_motion="reduce", base_url=self.origin
        )
        context.add_cookies([{"name": "sessionid", "value": self.session, "url": self.origin}])
        page = context.new_page()
        watch(page, self.said)
        page.goto(self.path)
        page.wait_for_selector(".answer-blocks a.cite")
        return page


@pytest.fixture
def reader(browser: Browser, transactional_db: None, live_server: object) -> Iterator[Reader]:
    alice = make_user("alice@example.org")
    workspace = make_workspace("Tenancy", owner=alice)
    add_member(workspace, make_user("bob@example.org"), Role.MEMBER)
    answer: Answer = every_verdict(make_small(workspace, alice), alice)
    client = Client()
    client.force_login(alice)
    path = reverse("conversations:detail", args=[workspace.slug, answer.question.conversation_id])
    reader = Reader(browser, str(live_server), path, str(client.cookies["sessionid"].value))
    yield reader
    for context in browser.contexts:
        context.close()
    assert reader.said == []


def spoken(text: object) -> str:
    return str(text).replace("\u00a0", " ")


def focused(page: Page) -> str:
    return spoken(page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.className"))


def test_by_keys_alone_a_reader_walks_all_citations_and_comes_back(reader: Reader) -> None:
    page = reader.page()
    tab_to(page, ".answer-blocks a.cite")
    assert focused(page) == "Lease p. 2, word for word"
    expect(page.locator("#cite-card")).to_contain_text(
        "Either party may terminate with 120 days written notice."
    )
    assert page.get_attribute("a.cite:focus", "aria-describedby") == "cite-card"
    page.keyboard.press("Escape")
    assert page.locator("#cite-card").count() == 0

    page.keyboard.press("Enter")
    page.wait_for_selector("#viewer[data-page='2'] .quote-box:not(.unsure)")
    expect(page.locator("[data-cite-at]")).to_have_text("citation 1 of 6")

    for number, verdict in enumerate(VERDICTS[1:], start=2):
        page.keyboard.press("Alt+ArrowDown")
        expect(page.locator("[data-cite-at]")).to_have_text(f"citation {number} of 6")
        expect(page.locator(f".cited .verdict--{verdict}")).to_be_visible()
        assert page.locator(f"a.cite--{verdict}[aria-current]").count() == 1
        assert page.evaluate(IS_FOCUS_SEEN), verdict
    page.keyboard.press("Alt+ArrowDown")
    expect(page.locator("[data-cite-at]")).to_have_text("citation 1 of 6")
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator("[data-cite-at]")).to_have_text("citation 6 of 6")

    page.keyboard.press("Escape")
    page.wait_for_selector("#viewer .viewer-empty")
    assert focused(page) == "Addendum p. 4, not found"


def test_every_citation_names_document_page_and_verdict(reader: Reader) -> None:
    page = reader.page()
    names = page.eval_on_selector_all(
        ".answer-blocks a.cite", "all => all.map((one) => one.ariaLabel.replaceAll('\u00a0', ' '))"
    )
    assert list(map(spoken, names)) == [
        "Lease p. 2, word for word",
        "Lease p. 3, altered",
        "Addendum p. 1, close",
        "Addendum p. 2, on another page",
        "Addendum p. 3, page only",
        "Addendum p. 4, not found",
    ]
    shown = page.locator(".answer-blocks a.cite").all_inner_texts()
    assert list(map(spoken, shown)) == [
        "Lease p. 2", "Lease p. 3 ≠", "Addendum p. 1 ≈", "Addendum p. 2 ↷", "Addendum p. 3 ?", "Addendum p. 4 ✕",
    ]  # fmt: skip


def test_the_card_shows_the_words_that_differ_and_can_be_entered(reader: Reader) -> None:
    page = reader.page()
    page.hover("a.cite--altered")
    card = page.locator("#cite-card")
    expect(card.locator("ins")).to_have_text("1,850")
    expect(card.locator("del")).to_have_text("1,950")
    card.hover()
    page.wait_for_timeout(400)
    assert card.is_visible()
    page.mouse.move(5, 400)
    expect(card).to_have_count(0)
    page.hover("a.cite--not_found")
    expect(card).to_contain_text("not found")


def test_words_that_are_nearly_there_are_framed_otherwise(reader: Reader) -> None:
    page = reader.page()
    page.click("a.cite--altered")
    dashes = page.locator(".quote-box.unsure").first.evaluate(
        "(box) => getComputedStyle(box).strokeDasharray"
    )
    assert dashes != "none"
    page.click("a.cite--exact")
    page.wait_for_selector("#viewer[data-page='2'] .quote-box")
    assert page.locator(".quote-box.unsure").count() == 0


def test_the_card_of_either_page_shows_a_quote_that_runs_over_the_pages_end(reader: Reader) -> None:
    continued = {"page": 3, "label": "3", "boxes": [], "lines": None}
    Evidence.objects.filter(verdict=Verdict.EXACT).update(continued=continued)
    page = reader.page()
    for chip in (0, 1):
        page.locator(".answer-blocks a.cite").nth(chip).hover()
        expect(page.locator("#cite-card")).to_contain_text("Either party may terminate")


def test_the_sums_lead_to_the_quotes_that_need_a_look(reader: Reader) -> None:
    page = reader.page()
    assert not page.locator(".evidence-item").first.is_visible()
    page.click(".verdict-sums a.verdict--altered")
    expect(page.locator(".evidence-item:target")).to_contain_text("The rent is 1,950 euros")
    page.click(".evidence-item:target a.evidence-open")
    page.wait_for_selector("#viewer[data-page='3'] .quote-box")


def test_in_a_narrow_window_a_citation_turns_to_the_page_and_back(reader: Reader) -> None:
    page = reader.page(width=360)
    page.click("a.cite--altered")
    page.wait_for_selector("#viewer .quote-box")
    assert not page.locator("#thread").is_visible()
    page.click("[data-cite-step='1']")
    expect(page.locator("[data-cite-at]")).to_have_text("citation 3 of 6")
    page.click("[data-back-to-answer]")
    assert page.locator("#thread").is_visible()
    assert focused(page) == "Addendum p. 1, close"
    page.click("a.cite--exact")
    page.wait_for_selector("#viewer[data-page='2']")
    page.click("[data-close-viewer]")
    assert focused(page) == "Lease p. 2, word for word"


def test_the_text_of_a_cited_page_keeps_its_quotes_and_marks_them(reader: Reader) -> None:
    page = reader.page()
    page.click("a.cite--exact")
    page.click(".viewer-tabs a:text-is('Text')")
    expect(page.locator(".page-text mark")).to_have_text(
        "Either party may terminate with 120 days written notice"
    )
    assert page.locator(".cited q").count() == 1
    expect(page.locator("[data-cite-at]")).to_have_text("citation 1 of 6")


def test_a_page_is_zoomed_and_turned_by_keys_while_it_has_the_focus(reader: Reader) -> None:
    page = reader.page()
    page.keyboard.press("+")
    page.click("a.cite--exact")
    page.wait_for_selector("#viewer[data-page='2'][data-zoom='100']")
    page.focus("#viewer-scroll")
    page.keyboard.press("+")
    page.wait_for_selector("#viewer[data-zoom='125']")
    page.keyboard.press("0")
    page.wait_for_selector("#viewer[data-zoom='100']")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#viewer[data-page='3']")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#viewer[data-page='2']")
    assert page.evaluate("document.activeElement.id") == "viewer-scroll"
    page.focus("#viewer-after")
    page.keyboard.press("Enter")
    page.wait_for_selector("#viewer[data-page='3']")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('#viewer').contains(document.activeElement)")
