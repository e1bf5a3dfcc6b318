"""Nothing lost, nothing stuck, nobody starved, whatever is killed meanwhile; `make soak` has the long form."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.factories import pdf_bytes
from tests.library.ingestion.odd_pdfs import endless_forms
from tests.library.ingestion.pictures_in_pdfs import noise_pages
from tests.live.client import ApiClient
from tests.live.disturbance import (
    Disturber,
    Settling,
    kill,
    outcome,
    people,
    processes,
    rows,
    stored_pages,
    wrong_pages,
)
from tests.services import LiveStack, run_live_stack, wait_for

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    # Text recognition has its own processes and tests; here every document ends as soon as its text is read.
    with run_live_stack(
        tmp_path_factory.mktemp("chaos") / "data", environment={"DOCANALYST_OCR": "0"}
    ) as stack:
        yield stack


@pytest.fixture(scope="module")
def clients(stack: LiveStack) -> list[ApiClient]:
    return people(stack, "Alice", "Bob", "Charlie")


@pytest.fixture(autouse=True)
def _fresh_provider() -> None:
    """No model is asked here."""


def pages(count: int, words: str) -> list[str]:
    return [
        f"{words}, page {number}. " + "Notice of termination is given in writing. " * 30
        for number in range(count)
    ]


def attempts(stack: LiveStack, document_id: str) -> int:
    [(count,)] = rows(
        stack,
        f"SELECT attempts FROM library_revision WHERE document_id = '{document_id.replace('-', '')}'",
    )
    return int(count)


def test_kills_a_flush_and_a_restart_lose_and_double_nothing(
    stack: LiveStack, clients: list[ApiClient]
) -> None:
    disturber = Disturber(stack, seed=7)
    watched = [(client, client.new_corpus("Chaos")) for client in clients]
    expected: dict[str, int] = {}

    def bring(size: int) -> None:
        client, corpus_id = watched[len(expected) % 3]
        name = f"{len(expected)}.pdf"
        expected[client.upload(corpus_id, name, pdf_bytes(pages(size, f"Deed {name}")))["id"]] = size

    for size in (1, 3, 40, 700, 2, 400, 1, 90, 700, 5, 30, 1):
        bring(size)
    steps = iter(
        [
            lambda: disturber.kill_one("parsers"),
            lambda: disturber.kill_one("zygotes"),
            lambda: disturber.kill_one("pool"),
            disturber.restart_redis,
            lambda: disturber.kill_one("parsers"),
            lambda: disturber.kill_one("main"),
            lambda: disturber.kill_one("zygotes"),
            disturber.flush_redis,
            lambda: disturber.kill_one("pool"),
            lambda: disturber.kill_one("parsers"),
        ]
    )
    settling, pages_before, ends = Settling(watched), -1, time.monotonic() + 100
    step = next(steps)
    while step is not None:
        assert time.monotonic() < ends, disturber.killed
        if settling.look():
            # Everything is read and not everything was disturbed: more work for both.
            bring(400)
        # Only after something was read: three deaths without progress end a document.
        if stored_pages(stack) > pages_before and step() is not False:
            step, pages_before = next(steps, None), stored_pages(stack)
        time.sleep(0.1)
    settling.wait(60)

    assert disturber.killed == {"parsers": 3, "zygotes": 2, "pool": 2, "main": 1}
    found = {document_id: outcome(document) for document_id, document in settling.last.items()}
    assert {document_id: one.status for document_id, one in found.items()} == dict.fromkeys(expected, "ready")
    assert {document_id: one.pages for document_id, one in found.items()} == expected
    assert wrong_pages(stack) == []


def test_a_file_that_kills_its_worker_fails_after_three_attempts_while_others_go_on(
    stack: LiveStack, clients: list[ApiClient]
) -> None:
    client = clients[0]
    corpus_id = client.new_corpus("Deadly")
    started_at = time.monotonic()
    # Its only page is never stored before its limit, so every death is one without progress.
    deadly = client.upload(corpus_id, "deadly.pdf", endless_forms())["id"]
    deaths = 0
    while client.get(f"/documents/{deadly}")["status"] != "failed":
        assert time.monotonic() - started_at < 120
        # Nobody else reads anything yet: whichever process has a parser reads this file.
        reading = [one for one in processes(stack, "pool") if len(one.children(recursive=True)) > 1]
        if deaths < 3 and reading and attempts(stack, deadly) == deaths + 1:
            deaths += sum(map(kill, reading))
        time.sleep(0.02)
    other = client.upload(corpus_id, "harmless.pdf", pdf_bytes(pages(2, "Harmless")))["id"]
    [harmless] = client.wait_until_read([other], seconds=20)

    failed = client.get(f"/documents/{deadly}")
    assert (failed["error"]["code"], deaths) == ("worker_died", 3)
    assert harmless["status"] == "ready"


def test_a_worker_that_is_asked_to_leave_hands_its_document_back(
    stack: LiveStack, clients: list[ApiClient]
) -> None:
    client = clients[0]
    document = client.upload(client.new_corpus("Leave"), "long.pdf", pdf_bytes(pages(1500, "Long")))["id"]
    wait_for(
        lambda: client.get(f"/documents/{document}")["progress"]["done"] > 100, seconds=30, what="100 pages"
    )
    [main] = processes(stack, "main")
    main.terminate()
    # The supervisor would kill it after as long.
    main.wait(8)
    [(status, claim, done)] = rows(
        stack,
        f"SELECT status, claim, done FROM library_revision WHERE document_id = '{document.replace('-', '')}'",
    )
    assert (status, claim) == ("reading", None)
    assert 100 < done < 1500
    [read] = client.wait_until_read([document], seconds=60)

    assert (read["status"], read["pages"], read["pages_not_read"]) == ("ready", 1500, 0)
    # What was handed back is not counted.
    assert attempts(stack, document) == 1
    assert wrong_pages(stack) == []


def test_figures_come_after_the_text_and_survive_their_worker(
    stack: LiveStack, clients: list[ApiClient]
) -> None:
    client, count = clients[0], 80
    document = client.upload(client.new_corpus("Figures"), "figures.pdf", noise_pages(count))["id"]

    def search(what: str) -> object:
        [(found,)] = rows(
            stack, f"SELECT {what} FROM library_revision WHERE document_id = '{document.replace('-', '')}'"
        )
        return found

    [read] = client.wait_until_read([document], seconds=30)
    assert (read["status"], search("figures_at")) == ("ready", None)
    wait_for(
        lambda: search("json_extract(facts, '$.figures.searched_to')"), seconds=30, what="a first figure"
    )
    killed = [kill(one) for one in processes(stack, "pool") if len(one.children(recursive=True)) > 1]
    assert killed
    assert search("figures_at") is None
    wait_for(lambda: search("figures_at"), seconds=60, what="the end of the search")
    assert [one["page"] for one in client.all(f"/documents/{document}/figures")] == list(range(1, count + 1))
    assert (client.get(f"/documents/{document}")["status"], wrong_pages(stack)) == ("ready", [])


def test_one_page_overtakes_the_backlog_of_another_workspace(
    stack: LiveStack, clients: list[ApiClient]
) -> None:
    busy, quiet = clients[1], clients[2]
    busy_corpus, quiet_corpus = busy.new_corpus("Busy"), quiet.new_corpus("Quiet")
    for number in range(2):
        busy.upload(busy_corpus, f"long{number}.pdf", pdf_bytes(pages(3000, f"Volume {number}")))
    for number in range(60):
        busy.upload(busy_corpus, f"{number}.pdf", pdf_bytes([f"Note {number}."]))
    one = quiet.upload(quiet_corpus, "one.pdf", pdf_bytes(["The only page."]))["id"]
    [read] = quiet.wait_until_read([one], seconds=60)

    assert read["status"] == "ready"
    [(overtaken, taken_before, seconds)] = rows(
        stack,
        f"""
        SELECT sum(busy.queued_at < one.queued_at AND (busy.taken_at IS NULL OR busy.taken_at > one.taken_at)),
            sum(busy.taken_at > one.queued_at AND busy.taken_at < one.taken_at),
            max((julianday(one.taken_at) - julianday(one.queued_at)) * 86400)
        FROM library_revision one, library_revision busy
        WHERE one.document_id = '{one.replace("-", "")}' AND busy.workspace_id != one.workspace_id
        """,
    )
    assert overtaken > 10, "the backlog was gone before it could be overtaken"
    # A worker may have been choosing when it came; two long documents may each have begun their slice.
    assert taken_before <= 2
    assert seconds < 20
