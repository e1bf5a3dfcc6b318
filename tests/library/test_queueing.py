"""Whose turn it is, how work that was lost comes back, and what costs an attempt."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.library import claims, holds, leaving, queueing, reading
from apps.library.claims import Claim, work_on
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.limits import LimitName
from apps.library.ingestion.sandbox import ChildDied, SandboxUnavailable
from apps.library.models import Corpus, Document, Page, Revision
from apps.library.queueing import MAX_ATTEMPTS, Queue, next_waiting, settle_lost, take_turn
from tests.factories import make_corpus, make_document, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def hints(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Queue, int]]:
    """Hints that would have been sent: (queue, how many)."""
    sent: list[tuple[Queue, int]] = []
    monkeypatch.setattr(queueing, "send_hint", lambda queue, count=1: sent.append((queue, count)))
    return sent


def waiting_document(corpus: Corpus, *, minutes: float = 1, **fields: Any) -> Revision:
    """A document that has been waiting for so many minutes."""
    document = make_document(
        corpus,
        status=Revision.Status.UPLOADED,
        queued_at=timezone.now() - timedelta(minutes=minutes),
        **fields,
    )
    assert document.current_revision is not None
    return document.current_revision


@pytest.fixture
def busy() -> Corpus:
    return make_corpus(make_workspace("Busy"))


@pytest.fixture
def quiet() -> Corpus:
    return make_corpus(make_workspace("Quiet"))


def revision_now(revision: Revision) -> Revision:
    return Revision.objects.get(pk=revision.pk)


# Turns ----------------------------------------------------------------------------------------------


def test_inside_a_workspace_the_longest_waiting_comes_first(busy: Corpus) -> None:
    later, first = waiting_document(busy, minutes=1), waiting_document(busy, minutes=5)
    assert next_waiting(Queue.TEXT) == first.pk
    first.claim_for_reading(60)
    assert next_waiting(Queue.TEXT) == later.pk


def test_a_workspace_with_nobody_reading_overtakes_a_backlog(busy: Corpus, quiet: Corpus) -> None:
    backlog = [waiting_document(busy, minutes=60) for _ in range(5)]
    backlog[0].claim_for_reading(60)
    late = waiting_document(quiet, minutes=0.1)
    assert next_waiting(Queue.TEXT) == late.pk


def test_workspaces_take_turns_when_one_worker_serves_both(busy: Corpus, quiet: Corpus) -> None:
    for _ in range(4):
        waiting_document(busy, minutes=60)
    for _ in range(2):
        waiting_document(quiet, minutes=1)
    served = []
    for _ in range(6):
        revision = Revision.objects.get(pk=next_waiting(Queue.TEXT))
        token = revision.claim_for_reading(60)
        assert token is not None
        revision.write_claimed(token, claim=None, claimed_until=None, status="ready")
        served.append(revision.workspace.name)
    assert served == ["Busy", "Quiet", "Busy", "Quiet", "Busy", "Busy"]
    assert next_waiting(Queue.TEXT) is None


def test_what_is_recognised_waits_in_a_queue_of_its_own(busy: Corpus) -> None:
    base = make_document(busy).current_revision
    recognition = waiting_document(busy, base=base)
    assert next_waiting(Queue.TEXT) is None
    assert next_waiting(Queue.RECOGNITION) == recognition.pk


def test_deleted_and_ended_documents_do_not_wait(busy: Corpus) -> None:
    gone = waiting_document(busy)
    Document.objects.filter(pk=gone.document_id).update(deleted_at=timezone.now())
    make_document(busy)
    make_document(busy, status=Revision.Status.FAILED)
    assert next_waiting(Queue.TEXT) is None


def test_choosing_takes_the_same_queries_whatever_waits(busy: Corpus) -> None:
    counts = []
    for workspaces in (3, 9):
        for number in range(workspaces):
            corpus = make_corpus(make_workspace(f"W{workspaces}-{number}"))
            for _ in range(workspaces):
                waiting_document(corpus)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            next_waiting(Queue.TEXT)
        counts.append(len(queries))
    assert counts == [4, 4]


def test_a_taken_one_is_passed_over_for_the_next(busy: Corpus) -> None:
    first, second = waiting_document(busy, minutes=5), waiting_document(busy, minutes=1)
    tried: list[str] = []

    def work(revision_id: str) -> bool:
        tried.append(revision_id)
        if revision_id == str(first.pk):
            # Another worker was faster.
            first.claim_for_reading(60)
            return False
        return True

    take_turn(Queue.TEXT, work)
    assert tried == [str(first.pk), str(second.pk)]


def test_a_long_document_gives_way_after_its_slice_and_keeps_its_pages(
    busy: Corpus, quiet: Corpus, hints: list[tuple[Queue, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "SLICE_SECONDS", 0)
    long = waiting_document(
        busy, minutes=60, texts=[f"Page {number}." for number in range(200)], with_file=True
    )
    short = waiting_document(quiet)
    assert reading.read_revision(str(long.pk))

    given_way = revision_now(long)
    stored = Page.objects.filter(revision=long).count()
    assert (given_way.status, given_way.claim, given_way.attempts) == ("reading", None, 0)
    assert 0 < stored < 200
    assert hints == [(Queue.TEXT, 1)]
    assert next_waiting(Queue.TEXT) == short.pk

    Revision.objects.filter(pk=short.pk).update(status="ready")
    reading.read_revision(str(long.pk))
    ended = revision_now(long)
    assert (ended.status, ended.page_count) == ("ready", 200)


def test_nobody_gives_way_to_the_same_workspace_or_to_one_that_is_served(busy: Corpus, quiet: Corpus) -> None:
    mine = waiting_document(busy)
    mine.claim_for_reading(60)
    waiting_document(busy)
    assert not queueing.others_wait(mine)
    served, waits = waiting_document(quiet), waiting_document(quiet)
    assert queueing.others_wait(mine)
    served.claim_for_reading(60)
    assert waits.is_running
    assert not queueing.others_wait(mine)


# Deaths ---------------------------------------------------------------------------------------------


HOLDER = """
import sys, time, uuid
from pathlib import Path
import apps.library.holds as holds
holds._folder = lambda: Path(sys.argv[1])
with holds.held(uuid.UUID(sys.argv[2])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_killed_holder_is_noticed_at_once_and_a_living_one_never() -> None:
    claim = uuid.uuid4()
    folder = str(holds._folder())
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, folder, str(claim)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    assert claim not in holds.dead_claims()
    process.kill()
    process.wait()
    process.stdout.close()
    assert holds.dead_claims() == [claim]
    holds.forget([claim])
    assert holds.dead_claims() == []


def test_a_hold_ends_with_its_block() -> None:
    claim = uuid.uuid4()
    with holds.held(claim):
        assert holds.dead_claims() == []
        assert (holds._folder() / str(claim)).exists()
    assert not list(holds._folder().iterdir())


def test_what_a_dead_worker_held_is_free_before_its_claim_runs_out(
    busy: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = waiting_document(busy)
    token = revision.claim_for_reading(3600)
    assert token is not None
    settle_lost()
    assert revision_now(revision).claim == token
    monkeypatch.setattr(holds, "dead_claims", lambda: [token])
    settle_lost()
    freed = revision_now(revision)
    assert (freed.claim, freed.status, freed.attempts) == (None, "reading", 1)


def test_after_the_second_death_others_come_first(busy: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    deadly, harmless = waiting_document(busy, minutes=5), waiting_document(busy, minutes=1)
    for comes_next in (deadly, harmless):
        token = deadly.claim_for_reading(3600)
        monkeypatch.setattr(holds, "dead_claims", lambda token=token: [token])
        settle_lost()
        assert next_waiting(Queue.TEXT) == comes_next.pk


def test_progress_makes_the_next_attempt_the_second(busy: Corpus) -> None:
    revision = waiting_document(busy)
    for _ in range(2):
        token = revision.claim_for_reading(60)
        assert token is not None
        revision.write_claimed(token, claim=None, claimed_until=None)
    token = revision.claim_for_reading(60)
    assert token is not None
    Claim(revision_now(revision), token).note_progress(done=1)
    assert revision_now(revision).attempts == 1


@pytest.mark.parametrize("limit", ["crash", "killed", "lost"])
def test_a_child_that_dies_by_chance_costs_an_attempt_and_the_third_is_the_last(
    busy: Corpus, hints: list[Any], limit: LimitName
) -> None:
    revision = waiting_document(busy)

    def die(claim: Claim) -> None:
        raise ChildDied(limit, "The child died.")

    states = []
    for _ in range(MAX_ATTEMPTS):
        assert work_on(str(revision.pk), die)
        states.append(revision_now(revision).status)
    assert states == ["reading", "reading", "failed"]
    assert revision_now(revision).error_code == "limit_reached"
    assert len(hints) == 2


@pytest.mark.parametrize("limit", ["time", "cpu", "memory", "output"])
def test_a_limit_that_was_met_is_not_met_again(busy: Corpus, limit: LimitName) -> None:
    revision = waiting_document(busy)

    def die(claim: Claim) -> None:
        raise ChildDied(limit, "Too much.")

    work_on(str(revision.pk), die)
    assert (revision_now(revision).status, revision_now(revision).error_code) == ("failed", "limit_reached")


def test_a_sandbox_that_does_not_start_is_tried_three_times(busy: Corpus, hints: list[Any]) -> None:
    revision = waiting_document(busy)

    def fail(claim: Claim) -> None:
        raise SandboxUnavailable("ended at once")

    for _ in range(MAX_ATTEMPTS):
        work_on(str(revision.pk), fail)
    assert (revision_now(revision).status, revision_now(revision).error_code) == ("failed", "reader_failed")


def test_what_the_file_says_of_itself_ends_at_once(busy: Corpus) -> None:
    revision = waiting_document(busy)

    def refuse(claim: Claim) -> None:
        raise IngestionError("damaged")

    work_on(str(revision.pk), refuse)
    assert (revision_now(revision).status, revision_now(revision).error_code) == ("failed", "damaged")


# Leaving, and databases that do not answer ------------------------------------------------------------


def test_a_worker_that_leaves_hands_back_without_an_attempt(
    busy: Corpus, hints: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = waiting_document(busy)
    monkeypatch.setattr(claims, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(leaving, "is_leaving", lambda: True)

    def work(claim: Claim) -> None:
        assert claim.stop.wait(5)
        claim.give_way()

    work_on(str(revision.pk), work)
    now = revision_now(revision)
    assert (now.status, now.claim, now.attempts) == ("reading", None, 0)
    assert len(hints) == 1


def test_a_worker_that_leaves_takes_nothing_new(busy: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting_document(busy)
    monkeypatch.setattr(leaving, "is_leaving", lambda: True)
    take_turn(Queue.TEXT, lambda revision_id: pytest.fail("took one"))


def test_the_pipe_tells_that_the_worker_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "_pipe", None)
    assert not leaving.is_leaving()
    leaving.prepare()
    assert not leaving.is_leaving()
    leaving.tell()
    assert leaving.is_leaving()
    # It stays so, for every process of the pool.
    assert leaving.is_leaving()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_was_locked_costs_nothing(busy: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_PAUSES_SECONDS", (0.01,) * 3)
    revision = waiting_document(busy)
    attempts_to_write = []
    write = Revision.write_claimed

    def locked_at_first(self: Revision, claim: uuid.UUID, /, **fields: object) -> bool:
        attempts_to_write.append(fields)
        if len(attempts_to_write) <= 2:
            raise OperationalError("database is locked")
        return write(self, claim, **fields)

    monkeypatch.setattr(Revision, "write_claimed", locked_at_first)

    def work(claim: Claim) -> None:
        raise OperationalError("database is locked")

    for _ in range(MAX_ATTEMPTS + 2):
        work_on(str(revision.pk), work)
    now = revision_now(revision)
    assert (now.status, now.claim, now.attempts) == ("reading", None, 0)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_stays_away_leaves_the_claim_to_run_out(
    busy: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_PAUSES_SECONDS", (0.01,) * 3)
    revision = waiting_document(busy)

    def away(self: Revision, claim: uuid.UUID, /, **fields: object) -> bool:
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(Revision, "write_claimed", away)

        def work(claim: Claim) -> None:
            claim.write(done=1)

        work_on(str(revision.pk), work)
    assert revision_now(revision).claim is not None
    Revision.objects.filter(pk=revision.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))
    settle_lost()
    assert revision_now(revision).claim is None
    assert next_waiting(Queue.TEXT) == revision.pk


def test_what_a_server_can_never_take_is_no_passing_trouble() -> None:
    class TooLong(Exception):
        sqlstate = "54000"

    error = OperationalError("row is too big")
    assert claims.is_transient(error)
    error.__cause__ = TooLong()
    assert not claims.is_transient(error)
    assert not claims.is_transient(ValueError("no"))


@pytest.mark.django_db(transaction=True)
def test_a_lost_claim_stops_the_work(busy: Corpus, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.INGEST_CLAIM_SECONDS = 0.03
    monkeypatch.setattr(claims, "_LOOK_SECONDS", 0.01)
    revision = waiting_document(busy)
    stopped = threading.Event()

    def work(claim: Claim) -> None:
        Revision.objects.filter(pk=revision.pk).update(claim=uuid.uuid4())
        if claim.stop.wait(10):
            stopped.set()
        claim.give_way()

    started_at = time.monotonic()
    work_on(str(revision.pk), work)
    assert stopped.is_set()
    assert time.monotonic() - started_at < 5
    assert revision_now(revision).claim is not None


# Hints ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("waiting", "messages", "sent"), [(3, 0, 3), (3, 2, 1), (3, 3, 0), (3, 50, 0), (0, 0, 0)]
)
def test_lost_hints_are_sent_again_and_no_more_than_wait(
    busy: Corpus,
    hints: list[tuple[Queue, int]],
    monkeypatch: pytest.MonkeyPatch,
    waiting: int,
    messages: int,
    sent: int,
) -> None:
    for _ in range(waiting):
        waiting_document(busy)
    monkeypatch.setattr(queueing, "_messages", lambda queue: messages)
    queueing.repeat_lost_hints()
    assert hints == ([(Queue.TEXT, sent)] if sent else [])


def test_one_that_came_just_now_has_its_message_on_the_way(
    busy: Corpus, hints: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting_document(busy, minutes=0)
    monkeypatch.setattr(queueing, "_messages", lambda queue: 0)
    queueing.repeat_lost_hints()
    assert hints == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite locks the whole database")
def test_a_database_that_is_really_locked_for_longer_than_the_timeout_costs_nothing(
    busy: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_PAUSES_SECONDS", (0.2,) * 20)
    revision = waiting_document(busy)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 50")
    locked, unlock = threading.Event(), threading.Event()

    def lock() -> None:
        with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            locked.set()
            unlock.wait(10)
            other.execute("ROLLBACK")

    def work(claim: Claim) -> None:
        threading.Thread(target=lock).start()
        assert locked.wait(5)
        threading.Timer(0.7, unlock.set).start()
        claim.write(done=1)

    work_on(str(revision.pk), work)
    now = revision_now(revision)
    assert (now.status, now.claim, now.attempts, now.error_code) == ("reading", None, 0, "")


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="only a server cuts connections")
def test_a_server_that_cuts_its_connections_costs_nothing(busy: Corpus) -> None:
    revision = waiting_document(busy)

    def cut() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid != pg_backend_pid()"
            )
        connection.close()

    def work(claim: Claim) -> None:
        thread = threading.Thread(target=cut)
        thread.start()
        thread.join()
        claim.write(done=1)

    work_on(str(revision.pk), work)
    now = revision_now(revision)
    assert (now.status, now.claim, now.attempts, now.error_code) == ("reading", None, 0, "")
