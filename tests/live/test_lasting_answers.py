"""An answer outlives connections, the web process, Redis and its worker: readers miss nothing, see nothing twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.live.budgets import PRICE, in_shell, run_races
from tests.live.client import ApiClient
from tests.live.conftest import House, run_house
from tests.live.disturbance import Disturber
from tests.live.lasting import MANY, QUESTION, ask_for, assert_done, assert_same, make_lease, wait_for_text
from tests.live.viewers import Viewer, long_answer, pieces_of, resume_from_each, watching
from tests.services import wait_for

pytestmark = pytest.mark.services

CUTS = 200
UNDER_LOAD = 30


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with run_house(tmp_path_factory.mktemp("lasting"), price=PRICE, **MANY) as house:
        yield house


@pytest.fixture(scope="module")
def corpus(house: House) -> str:
    return make_lease(house)


def test_a_stream_cut_after_each_event_is_resumed_to_the_same_bytes(house: House, corpus: str) -> None:
    """By a viewer who leaves after each event while it is written; later from each id, whatever was restarted."""
    api, disturber = house.api, Disturber(house.stack, 1)
    answer_id = ask_for(house, corpus, 40, 150)
    uncut, picky = Viewer(api, answer_id), Viewer(api, answer_id, cut_after=1)
    with watching(uncut, picky):
        pass
    assert_done(house, uncut, picky)
    assert picky.connections > CUTS
    # One who begins in the middle is shown what was before it at once, and each event after it a single time.
    assert [event.name for event in picky.events].count("snapshot") == 1
    ids = [event.id for event in picky.events if event.name != "snapshot"]
    assert len(set(ids)) == len(ids) > CUTS

    written = uncut.events[1:]
    behind = {event.id: written[place + 1 :] for place, event in enumerate(written)}
    assert resume_from_each(api, answer_id, list(behind)) == behind
    some = {event_id: behind[event_id] for event_id in list(behind)[::10]}
    house.stack.restart_web()
    assert resume_from_each(api, answer_id, list(some)) == some
    disturber.restart_redis()
    assert resume_from_each(api, answer_id, list(some)) == some
    disturber.flush_redis()
    for events in resume_from_each(api, answer_id, list(some)).values():
        late = Viewer(api, answer_id)
        for event in events:
            late.screen.show(event)
        assert events[0].name == "snapshot"
        assert_same(house, uncut, late)


def test_everything_but_the_worker_may_go_away_while_an_answer_is_written(house: House, corpus: str) -> None:
    disturber = Disturber(house.stack, 1)
    answer_id = ask_for(house, corpus, 200, 30)
    viewers = [Viewer(house.api, answer_id), Viewer(house.api, answer_id, cut_after=9)]
    with watching(*viewers):
        for disturb in (house.stack.restart_web, disturber.flush_redis, disturber.restart_redis):
            wait_for_text(viewers[0])
            disturb()
        wait_for_text(viewers[0])
        house.api.post(f"/answers/{answer_id}/stop")
    screen = assert_same(house, *viewers)
    assert screen.end is not None
    assert screen.end["status"] == "stopped"
    assert long_answer(200).partition("</evidence>")[2].lstrip().startswith(screen.text.rstrip())


def test_the_end_is_shown_with_all_text_when_the_worker_is_killed(house: House, corpus: str) -> None:
    answer_id = ask_for(house, corpus, 60, 40)
    viewers = [Viewer(house.api, answer_id), Viewer(house.api, answer_id)]
    with watching(*viewers):
        wait_for_text(viewers[0])
        house.stack.kill_worker("answers")
        killed_at, text = time.monotonic(), viewers[0].screen.text
    assert max(viewer.ended_at for viewer in viewers) - killed_at < 90
    screen = assert_same(house, *viewers)
    assert screen.text.startswith(text)
    assert screen.end is not None
    assert (screen.end["status"], screen.end["code"]) == ("failed", "worker_died")
    assert "kept" in screen.end["sentence"]
    assert house.api.get(f"/answers/{answer_id}")["usage"]["estimated"]
    retried = house.api.post(f"/answers/{answer_id}/retry")["answer_id"]
    assert house.api.wait_for_answer(retried, seconds=60)["status"] == "done"


def test_a_redis_that_hangs_costs_only_liveliness(house: House, corpus: str) -> None:
    """Hung is worse than gone: whoever asks waits for an answer."""
    answer_id = ask_for(house, corpus, 100, 30)
    viewers = [Viewer(house.api, answer_id), Viewer(house.api, answer_id)]
    redis = house.stack.part("redis")
    with watching(*viewers):
        wait_for_text(viewers[0])
        redis.suspend()
        try:
            asked_at = time.monotonic()
            ask_for(house, corpus, 2, 0)
            took = time.monotonic() - asked_at
            wait_for_text(viewers[0])
            shown_after = time.monotonic() - asked_at
        finally:
            redis.resume()
        wait_for_text(viewers[0])
        house.api.post(f"/answers/{answer_id}/stop")
    print(f"while Redis hung asking took {took:.1f} s, and text was shown again after {shown_after:.1f} s")
    assert took < 12
    assert_same(house, *viewers)


def test_rights_that_end_end_the_stream_within_ten_seconds(house: House, corpus: str) -> None:
    token = house.stack.manage("create_token", "alice@example.org").strip().splitlines()[-1]
    answer_id = ask_for(house, corpus, 60, 20)
    guest = ApiClient(house.api.url, token)
    events = guest.events(answer_id)
    next(events)
    in_shell(
        house,
        "from apps.accounts.models import ApiToken",
        "ApiToken.objects.order_by('-created_at').first().delete()",
    )
    ended_at = time.monotonic()
    assert "end" not in [event.name for event in events]
    took = time.monotonic() - ended_at
    house.api.post(f"/answers/{answer_id}/stop")
    print(f"closed after {took:.1f} s")
    assert took < 10


def test_a_worker_that_is_ended_under_load_loses_and_doubles_nothing(house: House, corpus: str) -> None:
    """Some finish within its grace, some cannot and end in words, some were not sent yet and wait for the next."""
    quick, slow = long_answer(3), long_answer(60)
    house.provider.script(
        *(
            {"pieces": pieces_of(text), "tokens_per_second": 40}
            for _ in range(UNDER_LOAD // 2)
            for text in (quick, slow)
        )
    )
    answers = [house.api.ask(corpus, QUESTION) for _ in range(UNDER_LOAD)]
    wait_for(
        lambda: sum(request["deltas"] > 0 for request in house.provider.requests()) == UNDER_LOAD,
        seconds=60,
        what="all of them being written",
    )
    worker = psutil.Process(house.stack.part_id("answers"))
    asked_at = time.monotonic()
    os.kill(worker.pid, signal.SIGTERM)
    late = house.api.ask(corpus, QUESTION)
    psutil.wait_procs([worker], timeout=25)
    left_after = time.monotonic() - asked_at
    ended = [house.api.wait_for_answer(answer_id, seconds=40) for answer_id in [*answers, late]]
    print(f"left after {left_after:.1f} s", [one["status"] for one in ended])

    assert left_after < 20
    assert ended[-1]["status"] == "done"
    requests = house.provider.requests()
    assert len(requests) == UNDER_LOAD + 1
    for answer in ended:
        assert answer["usage"]["input_tokens"] > 0
        assert answer["text"] or answer["evidence"]
        if answer["status"] != "done":
            assert answer["error"]["code"] == "interrupted"
            assert "kept" in answer["error"]["message"]
    assert sum(answer["status"] == "done" for answer in ended) >= UNDER_LOAD // 2 + 1


def test_a_budget_for_one_question_lets_one_of_twenty_through(house: House) -> None:
    run_races(house, 3, seed=1)
