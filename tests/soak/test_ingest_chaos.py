"""A hundred uploads, fifty kills, a broker that is restarted and emptied: nothing lost, stuck or doubled."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from tests.factories import pdf_bytes
from tests.live.client import ApiClient, ApiError
from tests.live.disturbance import Disturber, Outcome, Settling, outcome, people, processes, rows, wrong_pages
from tests.services import LiveStack, create_database, libpq_address, run_live_stack, run_postgres

pytestmark = pytest.mark.services

SEED = int(os.environ.get("SOAK_SEED", "11"))
UPLOADS = 100
KILLS = {"main": 10, "pool": 14, "zygotes": 10, "parsers": 16}
SETTLED_WITHIN_SECONDS = 120
LARGEST_BYTES = 4_000_000
WORDS = "Notice is given in writing. " * 40


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    with run_live_stack(
        tmp_path_factory.mktemp("soak") / "data", environment={"DOCANALYST_OCR": "0"}
    ) as stack:
        yield stack


def files_to_bring(corpora: Path, chance: random.Random) -> list[tuple[str, bytes]]:
    """A hundred different files: all real ones of a bearable size, the rest made by code, in seeded order."""
    real = {path.read_bytes(): path.name for path in sorted(corpora.rglob("*.pdf"))}
    # By content: what a workspace knows already is not read again.
    files = [(name, content) for content, name in real.items() if 0 < len(content) < LARGEST_BYTES]
    number = 0
    while len(files) < UPLOADS:
        size = chance.choice((1, 2, 20, 200, 700))
        texts = [f"File {number}, page {page}. " + WORDS for page in range(size)]
        files.append((f"made-{number}.pdf", pdf_bytes(texts)))
        number += 1
    chance.shuffle(files)
    return files[:UPLOADS]


@dataclass
class Chaos:
    """Kills at random moments, in seeded order of kinds; notes which documents were being read each time."""

    stack: LiveStack
    disturber: Disturber
    touched: Counter[str] = field(default_factory=Counter)
    touched_at: dict[str, float] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)

    def run(self) -> None:
        chance = self.disturber.random
        kinds = [kind for kind, count in KILLS.items() for _ in range(count)]
        chance.shuffle(kinds)
        for number, kind in enumerate(kinds, start=1):
            time.sleep(chance.uniform(0.2, 2.5))
            # A worker that is still starting holds nothing: killed there, again and again, it would prove nothing.
            while not processes(self.stack, "pool") or not self._kill(kind):
                time.sleep(0.05)
            if number in {12, 30, 45}:
                self.disturber.restart_redis()
                self.events.append("redis restarted")
            if number in {20, 38}:
                self.disturber.flush_redis()
                self.events.append("redis flushed")

    def _kill(self, kind: str) -> bool:
        reading = self._being_read()
        if not self.disturber.kill_one(kind):
            return False
        self.events.append(kind)
        for document in reading:
            self.touched[document] += 1
            self.touched_at[document] = time.monotonic()
        return True

    def _being_read(self) -> list[str]:
        return [
            one
            for (one,) in rows(self.stack, "SELECT document_id FROM library_revision WHERE claim IS NOT NULL")
        ]


def bring(client: ApiClient, corpus_id: str, name: str, content: bytes) -> str:
    """The document's id, or "" for a file that is refused at the door. Tries again while the web part is away."""
    for _ in range(100):
        try:
            return str(client.upload(corpus_id, name, content)["id"])
        except ApiError as error:
            if error.status in {400, 415}:
                return ""
            if error.status < 500:
                raise
        except OSError:
            pass
        time.sleep(0.3)
    raise TimeoutError(name)


def undisturbed(client: ApiClient, files: list[tuple[str, bytes]]) -> dict[str, Outcome]:
    """What each file comes to when nobody kills anything; only files that are taken in."""
    corpus_id = client.new_corpus("Calm")
    ids = {bring(client, corpus_id, name, content): name for name, content in files}
    settling = Settling([(client, corpus_id)])
    settling.wait(900)
    return {ids[one]: outcome(document) for one, document in settling.last.items()}


def test_fifty_kills_during_a_hundred_uploads(stack: LiveStack, corpora: Path) -> None:
    chance = random.Random(SEED)
    calm, *clients = people(stack, "Calm", "Alice", "Bob", "Charlie")
    files = files_to_bring(corpora, chance)
    started_at = time.monotonic()
    expected = undisturbed(calm, files)
    calm_seconds = time.monotonic() - started_at

    watched = [(client, client.new_corpus("Chaos")) for client in clients]
    chaos = Chaos(stack, Disturber(stack, SEED))
    killer = threading.Thread(target=chaos.run, name="chaos", daemon=True)
    settling = Settling(watched)
    killer.start()
    names: dict[str, str] = {}
    for number, (name, content) in enumerate(files):
        client, corpus_id = watched[number % 3]
        if document := bring(client, corpus_id, name, content):
            names[document] = name
        settling.look()
    while killer.is_alive():
        if settling.look():
            # Everything is read and not everything was killed: more work for both.
            client, corpus_id = watched[0]
            name = f"more-{len(names)}.pdf"
            texts = [f"{name}, page {page}. " + WORDS for page in range(700)]
            document = bring(client, corpus_id, name, pdf_bytes(texts))
            names[document], expected[name] = name, Outcome("ready", "", 700, 0, 0)
        time.sleep(0.5)
    settling.wait(SETTLED_WITHIN_SECONDS + 60)
    all_after = time.monotonic() - chaos.disturber.last_at

    found = {names[one]: outcome(document) for one, document in settling.last.items()}
    dashed = {one.replace("-", ""): one for one in names}
    late = {
        names[dashed[one]]: settling.ended_at[dashed[one]] - at
        for one, at in chaos.touched_at.items()
        if one in dashed
    }
    died = [name for name, one in found.items() if one.code == "worker_died"]
    print(f"\nseed {SEED}: {len(names)} documents, {dict(chaos.disturber.killed)}, {chaos.events}")
    print(f"undisturbed in {calm_seconds:.0f} s; all settled {all_after:.0f} s after the last disturbance")
    print(f"longest from a document's last disturbance to its end: {max(late.values(), default=0):.0f} s")
    print(f"given up after three attempts: {died}; touched most: {chaos.touched.most_common(5)}")
    print(Counter(one.status for one in found.values()))

    assert chaos.disturber.killed == KILLS
    assert set(found) == set(expected)
    assert wrong_pages(stack) == []
    # Only a document that lost three attempts in a row may be given up.
    touches = {names[dashed[one]]: count for one, count in chaos.touched.items() if one in dashed}
    assert all(touches.get(name, 0) >= 3 for name in died)
    different = {
        name: (one, expected[name])
        for name, one in found.items()
        if name not in died and not is_same(one, expected[name])
    }
    assert different == {}
    assert all_after <= SETTLED_WITHIN_SECONDS


def is_same(found: Outcome, expected: Outcome) -> bool:
    """The same end and the same pages; a page whose child was killed twice is listed as not read."""
    return (found.status, found.code, found.pages) == (expected.status, expected.code, expected.pages) and (
        found.not_read - expected.not_read <= 2
    )


def test_a_broker_that_is_away_for_a_minute(stack: LiveStack) -> None:
    """It hangs, which is worse than being gone: whoever asks waits for an answer."""
    [client] = people(stack, "Dora")
    corpus_id = client.new_corpus("Away")
    before = [
        bring(
            client,
            corpus_id,
            f"{number}.pdf",
            pdf_bytes([f"{number}, {page}. {WORDS}" for page in range(400)]),
        )
        for number in range(4)
    ]
    redis = stack.part("redis")
    redis.suspend()
    started_at = time.monotonic()
    try:
        meanwhile = bring(client, corpus_id, "meanwhile.pdf", pdf_bytes([f"Meanwhile. {WORDS}"]))
        upload_seconds = time.monotonic() - started_at
        time.sleep(max(0.0, 60 - upload_seconds))
    finally:
        redis.resume()
    back_at = time.monotonic()
    documents = client.wait_until_read([*before, meanwhile], seconds=SETTLED_WITHIN_SECONDS)

    print(
        f"\nan upload took {upload_seconds:.1f} s meanwhile; settled {time.monotonic() - back_at:.0f} s after"
    )
    assert {one["status"] for one in documents} == {"ready"}
    assert wrong_pages(stack) == []


def test_a_database_server_that_cuts_its_connections(tmp_path: Path) -> None:
    with run_postgres() as server:
        url = create_database(server, "cut")
        environment = {"DOCANALYST_OCR": "0", "DATABASE_URL": url}
        with run_live_stack(tmp_path / "data", environment=environment) as stack:
            [client] = people(stack, "Erna")
            corpus_id = client.new_corpus("Cut")
            ids = [
                bring(
                    client,
                    corpus_id,
                    f"{number}.pdf",
                    pdf_bytes([f"{number}, {page}. {WORDS}" for page in range(500)]),
                )
                for number in range(8)
            ]
            for _ in range(10):
                with psycopg.connect(libpq_address(url), autocommit=True) as connection:
                    connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()"
                    )
                time.sleep(1)
            settling = Settling([(client, corpus_id)])
            settling.wait(SETTLED_WITHIN_SECONDS)
    assert set(settling.last) == set(ids)
    assert {(one["status"], one["pages"]) for one in settling.last.values()} == {("ready", 500)}
