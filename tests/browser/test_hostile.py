"""Hostile texts at every place that shows them, in a real browser: nothing runs, nothing is asked, nothing moves.

The long form, every text at each character in every surrounding, is tests/soak/test_hostile.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.browser.conftest import Desk
from tests.browser.hostile import IN_ANSWER, Watched, follow_each
from tests.browser.hostile_seed import PAYLOADS
from tests.factories import LEASE_PAGES, pdf_bytes
from tests.live.conftest import EMAIL, House
from tests.services import ROOT

pytestmark = [pytest.mark.services, pytest.mark.browser]

Rooms = dict[str, dict[str, str]]
SINKS = ("corpus", "conversation", "coverage", "cited page", "document", "page", "text of a page")


@pytest.fixture(scope="module")
def rooms(house: House) -> Rooms:
    made = subprocess.run(
        [sys.executable, "-m", "tests.browser.hostile_seed", EMAIL],
        cwd=ROOT,
        env={**house.stack.environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert made.returncode == 0, made.stderr[-2000:]
    return dict(json.loads(made.stdout.splitlines()[-1]))


@pytest.fixture
def lease(desk: Desk) -> str:
    """The path of a corpus with a lease that is read."""
    corpus_id, path = desk.corpus("Leases")
    document = desk.house.api.upload(corpus_id, "lease.pdf", pdf_bytes(LEASE_PAGES))
    desk.house.api.wait_until_read([document["id"]])
    return path


def waiting_page(desk: Desk, lease: str) -> Watched:
    """A page on which an answer is being waited for, as long as a test may take."""
    desk.house.provider.script({"delay_seconds": 900})
    seen = watched(desk)
    seen.page.goto(lease)
    seen.page.fill("#question-text", "What ends the lease?")
    seen.page.wait_for_selector("#plan .plan-line strong")
    seen.page.keyboard.press("Control+Enter")
    seen.page.wait_for_selector("answer-stream [data-status]")
    seen.page.wait_for_timeout(1_000)
    return seen


def watched(desk: Desk) -> Watched:
    page = desk.page()
    page.set_default_timeout(20_000)
    return Watched(page)


def test_the_watch_sees_what_it_watches_for(desk: Desk, lease: str) -> None:
    seen = watched(desk)
    seen.page.goto(lease)
    seen.page.evaluate(
        """() => {
            const place = document.createElement("div");
            place.className = "answer-blocks";
            place.innerHTML = "<img src=https://evil.example/x onerror=alert(7)><p style='color:red' onclick=alert(7)>x</p>"
                + "<a href='/logout'>x</a><svg></svg>";
            document.getElementById("main").append(place);
            alert(7);
        }"""
    )
    seen.page.wait_for_timeout(300)
    found = seen.page.locator(".answer-blocks").evaluate(IN_ANSWER)
    assert [words.split()[0] for words in found] == ["element", "attribute", "attribute", "link", "element"]
    assert {words.split()[0] for words in seen.said} >= {"policy:", "dialog"}
    desk.said.clear()


def first_difference(one: list[str], other: list[str]) -> str:
    for number, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return f"line {number}: {left!r} where {right!r} was expected"
    return "" if len(one) == len(other) else f"{len(one)} elements where {len(other)} were expected"


def test_a_hostile_room_has_the_elements_and_requests_of_a_harmless_one(desk: Desk, rooms: Rooms) -> None:
    hostile, harmless = watched(desk), watched(desk)
    found = {}
    for sink in SINKS:
        shown = hostile.visit(rooms["hostile"][sink])
        expected = harmless.visit(rooms["harmless"][sink])
        found[sink] = first_difference(shown, expected)
        assert len(shown) > 40
        for blocks in hostile.page.query_selector_all(".answer-blocks"):
            assert blocks.evaluate(IN_ANSWER) == []
    assert {sink: words for sink, words in found.items() if words} == {}
    assert hostile.said == harmless.said == []
    assert hostile.asked == harmless.asked


def test_chips_cards_and_steps_show_hostile_quotes_as_text(desk: Desk, rooms: Rooms) -> None:
    seen = watched(desk)
    seen.visit(rooms["hostile"]["conversation"])
    chips = seen.page.locator(".answer-blocks a.cite")
    assert chips.count() >= 40
    for number in range(16):
        chips.nth(number).focus()
        seen.page.keyboard.press("Shift")
        chips.nth(number).hover()
        seen.page.wait_for_timeout(160)
    card = seen.page.evaluate(
        "() => [...document.querySelectorAll('.cite-card *')].map((one) => one.localName)"
    )
    assert set(card) <= {"q", "p", "span", "del", "ins", "ul", "li", "div", "a"}
    assert "q" in card
    seen.page.keyboard.press("Escape")
    for _ in range(3):
        seen.page.keyboard.press("Alt+ArrowDown")
        seen.page.wait_for_selector("#viewer .cited")
        seen.page.wait_for_timeout(150)
    assert seen.said == []


def test_hostile_text_is_text_at_every_moment_of_its_writing(desk: Desk, lease: str) -> None:
    seen = waiting_page(desk, lease)
    states = follow_each(seen, PAYLOADS, step=3)
    states += follow_each(seen, PAYLOADS[::6], step=1)
    assert states > 3_000
    assert seen.said == []


def test_a_model_that_writes_hostile_text_is_shown_alike_live_finished_and_reloaded(
    desk: Desk, lease: str
) -> None:
    lines = "\n".join(f'[[1:2]] "{" ".join(text.split())}"' for text in PAYLOADS[:60])
    texts = "\n\n".join(text for text in PAYLOADS if "```" not in text and "~~~" not in text)
    raw = f"<evidence>\n{lines}\n</evidence>\n{texts}\n\nIt ends [[1:2]]."
    desk.house.provider.script({"text": raw, "split": 40, "tokens_per_second": 60})
    seen = watched(desk)
    seen.page.goto(lease)
    seen.page.fill("#question-text", "\n".join(PAYLOADS)[:6_000])
    seen.page.wait_for_selector("#plan .plan-line strong")
    seen.page.keyboard.press("Control+Enter")
    seen.page.wait_for_function(
        "() => document.querySelector('answer-stream .answer-blocks')?.textContent.trim().length > 10"
    )
    while seen.page.query_selector("answer-stream .answer-blocks"):
        assert (
            seen.page.evaluate(
                f"() => ({IN_ANSWER})(document.querySelector('.answer-blocks') ?? document.createElement('div'))"
            )
            == []
        )
        seen.page.wait_for_timeout(50)
    seen.page.wait_for_selector(".answer.done", timeout=40_000)
    finished = (seen.page.inner_html(".answer-blocks"), seen.page.inner_html(".evidence-list"))
    seen.page.reload()
    assert (seen.page.inner_html(".answer-blocks"), seen.page.inner_html(".evidence-list")) == finished
    assert seen.page.locator(".answer-blocks").evaluate(IN_ANSWER) == []
    assert seen.page.locator(".evidence-item").count() >= 60
    assert seen.said == []
    assert all(one.split(" ", 1)[1].startswith(("/w/", "/static/", "/api/v1/answers/")) for one in seen.asked)


def test_an_export_loads_and_runs_nothing_where_nobody_guards_it(
    desk: Desk, rooms: Rooms, tmp_path: Path
) -> None:
    seen = watched(desk)
    export = seen.page.request.get(rooms["hostile"]["export"])
    assert export.ok
    # A program that lets HTML through and has no policy: the worst that may open the file.
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(export.text())
    bare = desk.browser.new_context().new_page()
    loaded: list[str] = []
    bare.on("request", lambda request: loaded.append(request.url))
    bare.on("dialog", lambda dialog: (loaded.append(dialog.message), dialog.dismiss()))
    (tmp_path / "export.html").write_text(f"<!doctype html><meta charset=utf-8><body>{rendered}", "utf-8")
    bare.goto((tmp_path / "export.html").as_uri())
    bare.wait_for_timeout(500)
    assert loaded == [(tmp_path / "export.html").as_uri()]
    links = bare.evaluate(
        "() => [...document.querySelectorAll('[href], [src]')].map((one) => one.getAttribute('href') ?? 'src')"
    )
    assert all(link.startswith(("http://", "https://", "mailto:", "#")) for link in links), links
    bare.context.close()
