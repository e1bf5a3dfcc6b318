"""Workers that die, sleep past their claim or leave; databases and clocks that misbehave. Real Redis, real rows."""

from __future__ import annotations

import threading
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
import redis.exceptions
from django.db import OperationalError, connection
from django.utils import timezone
from redis import Redis
from redis.connection import Connection, UnixDomainSocketConnection

from apps.common.redis import look_redis, sync_redis
from apps.conversations import answering, jobs, loop, reaping, services
from apps.conversations.loop import answer_loop
from apps.conversations.models import Answer, ReadingPass
from apps.conversations.stream import append_now, read_now
from apps.llm.providers.scripted import Script
from apps.usage.models import LedgerEntry, Reservation
from tests.conversations.conftest import Desk

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]


@pytest.fixture(autouse=True)
def _redis(redis_client: Redis) -> None:
    sync_redis.cache_clear()


def ask(desk: Desk) -> Answer:
    return services.ask_question(desk.alice, desk.conversation, "How can the lease end?")


def written_until(desk: Desk, until: timedelta, **fields: Any) -> Answer:
    """An answer that a worker was writing; its claim ends so long from now."""
    answer = ask(desk)
    answer.claim_for_answering(60)
    ReadingPass.objects.filter(answer=answer).update(attempts=1, status=ReadingPass.Status.RUNNING)
    Answer.objects.filter(pk=answer.pk).update(
        claimed_until=timezone.now() + until, status=Answer.Status.WRITING, **fields
    )
    answer.refresh_from_db()
    return answer


def in_thread(answer: Answer) -> threading.Thread:
    thread = threading.Thread(target=answering.run_answer, args=[str(answer.pk)])
    thread.start()
    return thread


def test_what_readers_saw_is_kept_though_the_row_was_older(desk: Desk, script: Script) -> None:
    answer = written_until(desk, timedelta(seconds=-1), raw="The lease", text="The lease")
    append_now(answer.pk, [("delta", {"offset": 0, "text": "The lease ends [[1:2]]."})])
    append_now(answer.pk, [("block", {"index": 0, "final": False, "html": "<p>The lease</p>"})])
    reaping.reap_answers()

    answer.refresh_from_db()
    assert (answer.error_code, answer.text, answer.raw) == ("worker_died", *2 * ("The lease ends [[1:2]].",))
    last_block, end = read_now(answer.pk)[-2:]
    assert "ends" in last_block.data
    assert end.name == "end"


def test_a_stream_that_tells_another_text_than_the_row_is_not_believed(desk: Desk, script: Script) -> None:
    answer = written_until(desk, timedelta(seconds=-1), raw="The lease", text="The lease")
    append_now(answer.pk, [("delta", {"offset": 0, "text": "Something else."})])
    reaping.reap_answers()

    answer.refresh_from_db()
    assert answer.text == "The lease"


def test_a_worker_whose_claim_only_looks_old_keeps_its_answer(
    desk: Desk, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock was set forward, or the machine slept: the worker renews its claim a moment later."""
    monkeypatch.setattr(reaping, "SECOND_LOOK_SECONDS", 0.6)
    answer = written_until(desk, timedelta(seconds=-3600))

    def renew() -> None:
        Answer.objects.filter(pk=answer.pk).update(claimed_until=timezone.now() + timedelta(seconds=60))
        connection.close()

    threading.Timer(0.2, renew).start()
    reaping.reap_answers()
    answer.refresh_from_db()
    assert answer.is_running


def test_a_claim_from_the_future_holds_nobody_up(desk: Desk, script: Script) -> None:
    """The clock was set back after a worker that is dead now had taken the answer."""
    answer = written_until(desk, timedelta(hours=1))
    reaping.reap_answers()
    answer.refresh_from_db()
    assert answer.error_code == "worker_died"


def test_a_worker_that_slept_past_its_claim_writes_nothing_and_settles_nothing(
    desk: Desk, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    script.reply("The lease ends. ", "And this comes too late.", pause_seconds=1.5)
    answer = ask(desk)
    working = in_thread(answer)
    time.sleep(0.7)
    Answer.objects.filter(pk=answer.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))
    monkeypatch.setattr(reaping, "SECOND_LOOK_SECONDS", 0)
    reaping.reap_answers()
    settled_at = Reservation.objects.get(answer_id=answer.pk).settled_at
    working.join(15)

    answer.refresh_from_db()
    assert (answer.status, answer.error_code) == (Answer.Status.FAILED, "worker_died")
    assert "too late" not in answer.text + answer.raw
    assert LedgerEntry.objects.filter(answer_id=answer.pk).count() == 1
    assert settled_at is not None
    assert Reservation.objects.get(answer_id=answer.pk).settled_at == settled_at
    assert read_now(answer.pk)[-1].name == "end"
    assert [event.name for event in read_now(answer.pk)].count("end") == 1


def test_what_stands_behind_the_end_counts_for_nobody(desk: Desk, script: Script) -> None:
    answer = ask(desk)
    append_now(answer.pk, [("delta", {"offset": 0, "text": "All."}), ("end", {"status": "done"})])
    append_now(answer.pk, [("delta", {"offset": 4, "text": " Too late."})])
    assert [event.name for event in read_now(answer.pk)] == ["status", "delta", "end"]


def test_an_answer_outlives_a_database_that_refuses_for_a_while(
    desk: Desk, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "DATABASE_PAUSES_SECONDS", 20 * (0.05,))
    script.reply(
        '<evidence>\n[[1:2]] "Either party may terminate with 120 days written notice"\n</evidence>\nYes.'
    )
    refused: list[str] = []
    run_in_thread = loop.closing_connections

    def refuse_at_first(work: Any) -> Any:
        name = work.func.__qualname__
        if refused.count(name) < 3:
            refused.append(name)
            raise OperationalError("database or disk is full")
        return run_in_thread(work)

    answer = ask(desk)
    monkeypatch.setattr(loop, "closing_connections", refuse_at_first)
    answering.run_answer(str(answer.pk))

    answer.refresh_from_db()
    assert (answer.status, answer.text) == (Answer.Status.DONE, "Yes.")
    assert answer.evidence.count() == 1
    assert LedgerEntry.objects.filter(answer_id=answer.pk).count() == 1
    assert len(set(refused)) > 4, refused


def test_an_answer_that_was_claimed_when_the_database_began_to_refuse_goes_on(
    desk: Desk, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "DATABASE_PAUSES_SECONDS", 20 * (0.05,))
    script.reply("Yes.")
    states: list[str] = []
    load = jobs.chat_request

    def refuse_at_first(answer: Answer, *others: Any) -> Any:
        states.append(Answer.objects.get(pk=answer.pk).status)
        if len(states) < 3:
            raise OperationalError("the database is restarting")
        return load(answer, *others)

    monkeypatch.setattr(jobs, "chat_request", refuse_at_first)
    answer = ask(desk)
    answering.run_answer(str(answer.pk))

    answer.refresh_from_db()
    assert (answer.status, answer.text, answer.attempts) == (Answer.Status.DONE, "Yes.", 1)
    assert states == 3 * [Answer.Status.READING]


def test_a_worker_that_leaves_finishes_what_runs_and_ends_the_rest_in_words(
    desk: Desk, script: Script
) -> None:
    script.reply("The lease ends. ", "In time.", pause_seconds=0.4)
    script.reply("The lease ends. ", "Too late.", pause_seconds=30)
    first, second = ask(desk), ask(desk)
    working = []
    for answer in (first, second):
        working.append(in_thread(answer))
        time.sleep(0.3)
    leaving = answer_loop()
    try:
        leaving.leave(1.5)
        for thread in working:
            thread.join(10)
    finally:
        leaving.is_closing = False

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, first.text) == (Answer.Status.DONE, "The lease ends. In time.")
    assert (second.status, second.error_code) == (Answer.Status.FAILED, "interrupted")
    assert second.text.strip() == "The lease ends."
    assert LedgerEntry.objects.filter(answer_id=second.pk, is_estimated=True).count() == 1


def test_events_are_asked_for_once_of_a_redis_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes what was sent when it goes on; sent again, it would stand there twice."""
    sent: list[Any] = []
    look_redis().ping()

    def send(connection: Connection, command: Any, *args: Any, **kwargs: Any) -> None:
        sent.append(command)
        raise redis.exceptions.TimeoutError

    monkeypatch.setattr(Connection, "send_packed_command", send)
    monkeypatch.setattr(UnixDomainSocketConnection, "send_packed_command", send)
    append_now(uuid.uuid4(), [("end", {"status": "done"})])
    assert len(sent) == 1
