"""Each fault of a host, through the whole worker, on a clock that jumps: end state, words, books, waits."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis.exceptions

from apps.connections.models import Connection
from apps.conversations import answering, keeping, services
from apps.conversations.coverage import coverage
from apps.conversations.loop import AnswerLoop
from apps.conversations.models import Answer, ReadingPass
from apps.llm.errors import FAULTS, KEPT_NOTHING, KEPT_TEXT
from apps.llm.providers import openai_compatible
from apps.usage.budgets import budget_state, reserve, set_monthly_limit
from apps.usage.models import LedgerEntry, Reservation
from tests.conversations.conftest import Desk
from tests.fake_clock import FakeClockLoop
from tests.fake_wire import FakeWire
from tests.fault_shapes import ENDINGS, HOSTS_WORDS, PIECES, REFUSALS, SHAPES

pytestmark = pytest.mark.django_db(transaction=True)

WAITS = (1, 2, 4, 8)
MOST_WAITED = 1.1 * sum(WAITS)
SLACK_SECONDS = 5


class EventLog:
    """Stands in for Redis: keeps events in memory, and has no script to count places with."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.on_waiting: Callable[[], object] = lambda: None

    def pipeline(self, **_: Any) -> EventLog:
        return self

    def xadd(self, key: str, fields: dict[str, str]) -> None:
        data = json.loads(fields["data"])
        self.events.append((fields["name"], data))
        if data.get("stage") == "waiting":
            self.on_waiting()

    def zrem(self, key: str, member: str) -> None: ...

    def expire(self, key: str, seconds: int) -> None: ...

    async def execute(self) -> None: ...

    def register_script(self, script: str) -> Callable[..., Awaitable[Any]]:
        async def away(*_: Any) -> None:
            raise redis.exceptions.ConnectionError

        return away


@dataclass
class Room:
    """A worker's loop with a clock that jumps, and hosts that behave as told."""

    clock: FakeClockLoop
    loop: AnswerLoop
    wire: FakeWire
    log: EventLog = field(default_factory=EventLog)

    def run(self, answer: Answer) -> float:
        """Write the answer to its end; gives the seconds of the fake clock that it took."""
        started_at = self.clock.now
        working = threading.Thread(target=answering.run_answer, args=[str(answer.pk)])
        working.start()
        working.join(60)
        assert not working.is_alive()
        answer.refresh_from_db()
        return self.clock.now - started_at

    def behave(self, behaviour: dict[str, Any], host: str = "first.test") -> Any:
        """Tell a host what to do from now on; gives its application, which knows of no request yet."""
        self.log.events.clear()
        # What an earlier behaviour proved about the endpoint is forgotten.
        Connection.objects.all().delete()
        app = self.wire.host(host)
        app._settings, app._requests = {"pieces": PIECES, **behaviour}, []
        return app

    def seen_by_readers(self, answer: Answer) -> str:
        return json.dumps([self.log.events, answer.error_sentence, answer.notices, answer.text])


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Room]:
    entries = "".join(
        f"[endpoints.{name}]\n"
        f'provider = "custom"\nbase_url = "http://{name}.test/v1"\nmodel_id = "{name}"\n'
        f'family = "maverick"\ncontext_tokens = 200000\nmax_output_tokens = 4096\nspeed = {speed}\n'
        for speed, name in enumerate(["first", "second"], start=1)
    )
    prices = "".join(
        f'[[prices]]\nendpoint = "{name}"\nfrom = 2026-01-01\ninput = "1.00"\noutput = "20.00"\n'
        for name in ("first", "second")
    )
    (tmp_path / "catalogue.toml").write_text(entries)
    (tmp_path / "prices.toml").write_text(prices)
    monkeypatch.setenv("DOCANALYST_CATALOGUE", str(tmp_path / "catalogue.toml"))
    monkeypatch.setenv("DOCANALYST_PRICES", str(tmp_path / "prices.toml"))
    clock = FakeClockLoop()
    room = Room(clock, AnswerLoop(clock), FakeWire())
    room.loop.redis = room.log
    monkeypatch.setattr(answering, "answer_loop", lambda: room.loop)
    # Twice a second for half an hour would be all that this test does.
    monkeypatch.setattr(keeping, "STOP_SECONDS", 30.0)
    carry = partial(openai_compatible.http_client, transport=room.wire)
    monkeypatch.setattr(openai_compatible, "http_client", carry)
    yield room
    clock.call_soon_threadsafe(clock.stop)
    # Their threads hold connections to the database, which ends with the tests.
    for threads in (room.loop._rows, room.loop._checks):
        threads.shutdown()


def ask(desk: Desk, model: str = "first") -> Answer:
    """A chosen endpoint is the only one that is asked."""
    return services.ask_question(desk.alice, desk.conversation, "How can the lease end?", model=model)


def check_books(answer: Answer, attempts: int) -> list[LedgerEntry]:
    """One entry for each attempt, all of the reservation back, the row's sum that of the entries."""
    entries = list(LedgerEntry.objects.filter(answer_id=answer.pk).order_by("attempt"))
    assert [entry.attempt for entry in entries] == list(range(1, attempts + 1))
    reservation = Reservation.objects.get(answer_id=answer.pk)
    assert reservation.settled_at is not None
    assert answer.cost_usd == (sum(entry.amount or 0 for entry in entries) if entries else None)
    return entries


def check_failed(room: Room, answer: Answer, code: str, *, kept: str) -> None:
    fault = FAULTS[code]
    assert (answer.status, answer.error_code) == (Answer.Status.FAILED, code)
    assert answer.error_sentence.startswith(fault.sentence)
    assert answer.error_sentence.endswith(f"{kept} {fault.next_step}")
    assert HOSTS_WORDS not in room.seen_by_readers(answer)
    name, end = room.log.events[-1]
    assert name == "end"
    assert (end["status"], end["code"], end["sentence"]) == ("failed", code, answer.error_sentence)


def test_a_host_that_breaks_before_the_first_text(desk: Desk, room: Room, subtests: pytest.Subtests) -> None:
    for shape in (one for one in SHAPES if one.before):
        with subtests.test(shape.name):
            app = room.behave(shape.behaviour(0, 1.0))
            answer = ask(desk)
            seconds = room.run(answer)

            check_failed(room, answer, str(shape.before), kept=KEPT_NOTHING)
            assert len(app._requests) == shape.attempts
            waited = MOST_WAITED if shape.attempts > 1 else 0
            assert seconds <= shape.attempts * shape.seconds[0] + waited + SLACK_SECONDS
            for entry in check_books(answer, shape.attempts):
                read = FAULTS[str(shape.before)].reads_prompt
                assert (entry.input_tokens > 0, entry.output_tokens) == (read, 0)


def test_a_host_that_breaks_after_some_text(desk: Desk, room: Room, subtests: pytest.Subtests) -> None:
    for shape in (one for one in SHAPES if one.after):
        with subtests.test(shape.name):
            app = room.behave(shape.behaviour(2, 1.0))
            answer = ask(desk)
            seconds = room.run(answer)

            check_failed(room, answer, str(shape.after), kept=KEPT_TEXT)
            assert answer.text
            assert len(app._requests) == 1
            assert seconds <= shape.seconds[1] + SLACK_SECONDS
            (entry,) = check_books(answer, 1)
            assert entry.is_estimated or "finish" in shape.name
            assert entry.input_tokens > 0
            assert entry.output_tokens > 0


def test_a_host_that_refuses(desk: Desk, room: Room, subtests: pytest.Subtests) -> None:
    for refusal in REFUSALS:
        with subtests.test(refusal.name):
            app = room.behave(refusal.behaviour)
            answer = ask(desk)
            seconds = room.run(answer)

            assert refusal.says in answer.error_sentence
            if refusal.says:
                assert answer.error_code == refusal.code
            else:
                check_failed(room, answer, refusal.code, kept=KEPT_NOTHING)
            assert len(app._requests) == refusal.attempts
            assert seconds <= (MOST_WAITED if refusal.attempts > 1 else 0) + SLACK_SECONDS
            for entry in check_books(answer, refusal.attempts):
                assert (entry.input_tokens > 0) == refusal.reads_prompt


@pytest.mark.parametrize(("how", "seconds"), [("refused", 0), ("unanswered", 5)])
def test_a_host_that_cannot_be_reached_costs_nothing(
    desk: Desk, room: Room, how: str, seconds: float
) -> None:
    room.wire.broken["first.test"] = how
    answer = ask(desk)
    took = room.run(answer)

    check_failed(room, answer, "connection", kept=KEPT_NOTHING)
    assert len(room.wire.dials) == 5
    assert took <= 5 * seconds + MOST_WAITED + SLACK_SECONDS
    check_books(answer, 0)


def test_a_whole_text_is_an_answer_however_the_stream_ends(
    desk: Desk, room: Room, subtests: pytest.Subtests
) -> None:
    for ending in ENDINGS:
        with subtests.test(ending.name):
            app = room.behave(ending.behaviour)
            answer = ask(desk)
            seconds = room.run(answer)

            assert (answer.status, answer.error_code, answer.error_sentence) == (Answer.Status.DONE, "", "")
            assert answer.text == "".join(ending.behaviour.get("pieces", PIECES))
            assert len(app._requests) == 1
            assert seconds <= ending.seconds + SLACK_SECONDS
            (entry,) = check_books(answer, 1)
            assert entry.is_estimated == ending.estimated
            codes = tuple(notice["code"] for notice in answer.notices)
            assert codes == (*ending.notices, *(("estimated_usage",) if ending.estimated else ()))
            if ending.estimated:
                assert entry.input_tokens == answer.plan["input_tokens"]


# Other hosts ------------------------------------------------------------------------------------------


def two_hosts(desk: Desk) -> Answer:
    answer = ask(desk, "maverick")
    assert (answer.plan["endpoint"], answer.plan["fallbacks"]) == ("first", ["second"])
    return answer


FIRST_FAILS = [
    ({"status": 503}, 5, 5),
    ({"flavour": "key_rejected"}, 1, 1),
    ({"flavour": "groq_model_gone"}, 1, 1),
    ({"status": 429, "headers": {"retry-after": "900"}}, 1, 1),
    ({"html": True}, 1, 1),
    ({"stall_after": 0}, 5, 5),
]


def test_the_next_host_of_the_plan_answers_when_the_first_cannot(
    desk: Desk, room: Room, subtests: pytest.Subtests
) -> None:
    for behaviour, attempts, billed in FIRST_FAILS:
        with subtests.test(str(behaviour)):
            first, second = room.behave(behaviour), room.behave({}, "second.test")
            answer = two_hosts(desk)
            room.run(answer)

            assert (answer.status, answer.text) == (Answer.Status.DONE, "".join(PIECES))
            assert (len(first._requests), len(second._requests)) == (attempts, 1)
            entries = check_books(answer, billed + 1)
            assert [entry.endpoint_id for entry in entries] == ["first"] * billed + ["second"]
            (asked,) = [row["asked"] for row in coverage(answer).to_json()["passes"]]
            assert [one["endpoint"] for one in asked] == ["first"] * billed + ["second"]
            assert answer.passes.get().endpoint_id == "second"
            (notice,) = [one for one in answer.notices if one["code"] == "other_host"]
            assert "second.test" in notice["sentence"]
            told = [event["sentence"] for name, event in room.log.events if name == "status"]
            assert any("Asking second.test now" in sentence for sentence in told)


def test_a_host_that_refused_the_key_is_marked_though_another_answered(desk: Desk, room: Room) -> None:
    room.behave({"flavour": "key_rejected"})
    room.behave({}, "second.test")
    room.run(two_hosts(desk))
    assert not Connection.objects.get(endpoint_id="first").is_healthy


def test_a_host_that_cannot_be_reached_is_passed_over_and_costs_nothing(desk: Desk, room: Room) -> None:
    room.wire.broken["first.test"] = "refused"
    room.behave({}, "second.test")
    answer = two_hosts(desk)
    room.run(answer)
    assert answer.status == Answer.Status.DONE
    (entry,) = LedgerEntry.objects.filter(answer_id=answer.pk)
    assert (entry.endpoint_id, entry.attempt) == ("second", 6)
    (reading_pass,) = coverage(answer).to_json()["passes"]
    assert reading_pass["attempts"] == len(reading_pass["asked"]) == 6
    tried = [(one["endpoint"], one["code"], one["reached_host"]) for one in reading_pass["asked"]]
    assert tried == [("first", "connection", False)] * 5 + [("second", "", True)]


@pytest.mark.parametrize(
    "behaviour",
    [{"drop_after": 2}, {"pieces": []}, {"flavour": "openrouter_moderation"}, {"stall_after": 1}],
    ids=str,
)
def test_no_other_host_is_asked_after_text_or_for_a_fault_of_the_question(
    desk: Desk, room: Room, behaviour: dict[str, Any]
) -> None:
    room.behave(behaviour)
    second = room.behave({}, "second.test")
    answer = two_hosts(desk)
    room.run(answer)
    assert answer.status == Answer.Status.FAILED
    assert second._requests == []


def test_when_no_host_answers_the_end_names_them_all(desk: Desk, room: Room) -> None:
    room.behave({"flavour": "key_rejected"})
    room.behave({"status": 503}, "second.test")
    answer = two_hosts(desk)
    room.run(answer)
    assert (answer.status, answer.error_code) == (Answer.Status.FAILED, "busy")
    assert answer.error_sentence.startswith("first.test and second.test were asked in turn. At the last:")
    check_books(answer, 6)


def test_a_host_that_was_forbidden_since_is_not_asked(desk: Desk, room: Room) -> None:
    room.behave({"status": 503})
    second = room.behave({}, "second.test")
    answer = two_hosts(desk)
    desk.workspace.allowed_endpoints = ["first"]
    desk.workspace.save()
    room.run(answer)
    assert answer.status == Answer.Status.FAILED
    assert second._requests == []


def test_a_host_that_its_asker_did_not_see_is_not_planned(desk: Desk, room: Room) -> None:
    answer = services.ask_question(
        desk.alice, desk.conversation, "How?", model="maverick", seen_hosts=["first"]
    )
    assert (answer.plan["endpoint"], answer.plan["fallbacks"]) == ("first", [])


def test_retry_asks_no_host_that_the_first_plan_did_not_name(desk: Desk, room: Room) -> None:
    room.behave({"drop_after": 1})
    answer = ask(desk, "maverick")
    Answer.objects.filter(pk=answer.pk).update(plan={**answer.plan, "fallbacks": []})
    room.run(answer)
    again = services.retry_answer(desk.alice, answer)
    assert again.plan["fallbacks"] == []


def test_no_attempt_begins_after_the_longest_call(desk: Desk, room: Room) -> None:
    room.behave({"stall_after": 0})
    second = room.behave({"stall_after": 0}, "second.test")
    answer = two_hosts(desk)
    ReadingPass.objects.filter(answer=answer).update(tokens_counted=2_000_000)
    seconds = room.run(answer)
    assert answer.error_code == "timeout"
    assert seconds <= 1800 + 660 + SLACK_SECONDS
    assert second._requests == []
    assert Reservation.objects.get(answer_id=answer.pk).settled_at is not None


def test_an_answer_that_waits_its_turn_says_whose_and_how_many_come_before(desk: Desk, room: Room) -> None:
    room.behave({})
    calls, here = room.loop.own_calls, "places:first:"
    calls.held[here] = {f"other-{number}" for number in range(20)}
    calls.line[here] = ["other-20", "other-21"]
    room.log.on_waiting = lambda: room.clock.call_later(30, calls.held[here].clear)
    answer = ask(desk)
    room.run(answer)

    assert answer.status == Answer.Status.DONE
    told = [event["sentence"] for name, event in room.log.events if name == "status"]
    assert (
        "Waiting for a free place at first.test, 2 questions before yours"
        in told[: told.index("Writing the answer")]
    )


def test_an_answer_that_gets_no_place_ends_with_the_reason_and_no_bill(desk: Desk, room: Room) -> None:
    first = room.behave({})
    room.loop.own_calls.held["places:first:"] = {f"other-{number}" for number in range(20)}
    answer = ask(desk)
    seconds = room.run(answer)

    check_failed(room, answer, "no_place", kept=KEPT_NOTHING)
    assert seconds <= 15 * 60 + SLACK_SECONDS
    assert first._requests == []
    check_books(answer, 0)


def test_a_full_host_makes_room_for_the_next_of_the_plan(desk: Desk, room: Room) -> None:
    room.behave({})
    room.behave({}, "second.test")
    room.loop.own_calls.held["places:first:"] = {f"other-{number}" for number in range(20)}
    answer = two_hosts(desk)
    room.run(answer)
    assert answer.status == Answer.Status.DONE
    (entry,) = check_books(answer, 1)
    assert entry.endpoint_id == "second"


def test_an_attempt_that_has_to_be_made_again_is_set_aside_for_again(desk: Desk, room: Room) -> None:
    room.behave({"stall_after": 0})
    answer = ask(desk)
    amount = Reservation.objects.get(answer_id=answer.pk).amount
    # Beside another answer's money there is enough for this one and for three prompts read in vain.
    prompt = Decimal(answer.plan["input_tokens"]).scaleb(-6)
    set_monthly_limit(desk.alice, desk.workspace, Decimal(1))
    reserve(desk.workspace, uuid.uuid4(), 1 - amount - prompt * 7 / 2)
    room.run(answer)

    assert (answer.status, answer.error_code) == (Answer.Status.FAILED, "over_budget")
    spent = sum(entry.amount or 0 for entry in LedgerEntry.objects.filter(answer_id=answer.pk))
    state = budget_state(desk.workspace)
    assert state.limit is not None
    assert spent == 4 * prompt
    assert state.spent + state.reserved <= state.limit
    assert len(room.wire.host("first.test")._requests) == 4
    name, end = room.log.events[-1]
    assert (name, end["code"]) == ("end", "over_budget")
