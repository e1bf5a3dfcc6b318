"""Answers under restarts at many points, suspended workers, older workers, and the default times of an installation."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.live.conftest import EMAIL, PASSWORD, House, run_house
from tests.live.disturbance import Disturber
from tests.live.lasting import (
    MANY,
    ask_for,
    assert_done,
    assert_same,
    make_lease,
    wait_for_length,
    wait_for_text,
)
from tests.live.older import another_worker, older_sources, taking_nothing
from tests.live.viewers import Viewer, long_answer, resume_from_each, watching
from tests.services import ROOT

pytestmark = pytest.mark.services

POINTS = 5


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with run_house(tmp_path_factory.mktemp("lasting"), **MANY) as house:
        yield house


@pytest.fixture(scope="module")
def corpus(house: House) -> str:
    return make_lease(house)


@pytest.fixture(autouse=True)
def _fresh_provider(house: House) -> None:
    house.provider.reset()


@pytest.mark.parametrize("what", ["web restarted", "redis restarted", "redis emptied"])
def test_an_answer_is_the_same_wherever_it_is_disturbed(house: House, corpus: str, what: str) -> None:
    """Early and late, for one who stays, one who leaves after each third event and one who comes in the middle."""
    disturber = Disturber(house.stack, 1)
    disturb: dict[str, Callable[[], None]] = {
        "web restarted": house.stack.restart_web,
        "redis restarted": disturber.restart_redis,
        "redis emptied": disturber.flush_redis,
    }
    length = len(long_answer(40).partition("</evidence>")[2])
    for point in range(POINTS):
        answer_id = ask_for(house, corpus, 40, 100)
        stays, leaves, comes = (Viewer(house.api, answer_id, cut_after) for cut_after in (0, 3, 0))
        with watching(stays, leaves):
            wait_for_length(stays, length * point // POINTS)
            disturb[what]()
            comes.watch()
        assert_done(house, stays, leaves, comes)


def test_every_id_is_resumed_whatever_was_restarted(house: House, corpus: str) -> None:
    viewer = Viewer(house.api, ask_for(house, corpus, 40, 150))
    viewer.watch()
    written = viewer.events[1:]
    behind = {event.id: written[place + 1 :] for place, event in enumerate(written)}
    assert len(behind) >= 200
    for restart in (house.stack.restart_web, Disturber(house.stack, 1).restart_redis):
        restart()
        assert resume_from_each(house.api, viewer.answer_id, list(behind)) == behind
    print(f"\n{len(behind)} ids resumed after each restart")


def test_a_worker_that_was_suspended_past_its_claim_changes_nothing(house: House, corpus: str) -> None:
    viewer = Viewer(house.api, ask_for(house, corpus, 100, 30))
    suspended = house.stack.part("answers")
    with another_worker(house.stack, ROOT, "second"):
        with watching(viewer):
            wait_for_text(viewer)
            suspended.suspend()
        screen = assert_same(house, viewer)
        before = house.api.get(f"/answers/{viewer.answer_id}")
        suspended.resume()
        time.sleep(6)
    assert screen.end is not None
    assert screen.end["code"] == "worker_died"
    assert house.api.get(f"/answers/{viewer.answer_id}") == before
    late = Viewer(house.api, viewer.answer_id)
    late.watch()
    assert_same(house, viewer, late)
    assert house.provider.requests()[-1]["disconnected_at"]
    [booked] = house.api.get("/usage?group_by=model")["items"]
    assert booked["entries"] == booked["answers"]


@pytest.mark.parametrize("commit", ["HEAD~1", "HEAD~30"])
def test_a_worker_of_an_older_commit_serves_this_web_process(
    house: House, corpus: str, tmp_path: Path, commit: str
) -> None:
    serve_with_older_worker(house, corpus, older_sources(commit, tmp_path))


def serve_with_older_worker(house: House, corpus: str, older: Path) -> None:
    """As in an upgrade, while old workers still run: what they take ends well, what they leave is taken over."""
    expected = long_answer(20).partition("</evidence>\n")[2].rstrip()
    with another_worker(house.stack, older, "older") as worker:
        with taking_nothing(house.stack):
            viewers = [Viewer(house.api, ask_for(house, corpus, 20, 100)) for _ in range(4)]
            with watching(*viewers):
                pass
            for viewer in viewers:
                assert_done(house, viewer)
                assert viewer.screen.text.rstrip() == expected
            stopped = ask_for(house, corpus, 60, 20)
            house.provider.wait_for(lambda request: request["deltas"], seconds=20)
            house.api.post(f"/answers/{stopped}/stop")
            assert house.api.wait_for_answer(stopped, seconds=10)["status"] == "stopped"
            lost = Viewer(house.api, ask_for(house, corpus, 100, 30))
            house.provider.wait_for(lambda request: request["deltas"], seconds=20)
        with watching(lost):
            wait_for_text(lost)
            os.killpg(worker.pid, signal.SIGKILL)
            seen = lost.screen.text
    assert assert_same(house, lost).text.startswith(seen)
    assert house.api.get(f"/answers/{lost.answer_id}")["error"]["code"] == "worker_died"
    assert len(house.provider.requests()) == 6


def test_the_page_shows_the_end_within_ninety_seconds(tmp_path: Path, chromium: str) -> None:
    """With the times that an installation has when nobody sets them."""
    with run_house(tmp_path, **MANY, DOCANALYST_ANSWER_CLAIM_SECONDS="60") as house:
        corpus_id = make_lease(house)
        with sync_playwright() as playwright:
            arguments = ["--no-sandbox", "--disable-background-networking"]
            browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
            page = browser.new_page(base_url=house.stack.url)
            page.goto("/accounts/login/")
            page.get_by_label("E-mail").fill(EMAIL)
            page.get_by_label("Password").fill(PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_url("**/w/**")
            conversation = house.api.post(f"/corpora/{corpus_id}/conversations")["id"]
            answer_id = ask_for(house, corpus_id, 300, 80, conversation)
            page.goto(f"/w/tenancy/conversations/{conversation}/")
            expect(page.get_by_text("Point 5 ").first).to_be_visible(timeout=30_000)
            time.sleep(3)
            house.stack.kill_worker("answers")
            killed_at = time.monotonic()
            sentence = page.get_by_text("The worker that wrote this answer died").first
            expect(sentence).to_be_visible(timeout=95_000)
            took = time.monotonic() - killed_at
            print(f"\nthe page showed the end of {answer_id} after {took:.0f} s")
            assert took <= 90
            assert "Point 5 " in page.inner_text("main")
            browser.close()
