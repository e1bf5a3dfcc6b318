"""Scans in a running installation: readable pages at once, the others one by one, whatever dies meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.library.ingestion.pdfs import PROSE, save, text
from tests.library.ingestion.scans import CLAUSES, lines, scan_file, scanned
from tests.live.client import ApiClient
from tests.live.conftest import EMAIL, PASSWORD
from tests.services import LiveStack, run_live_stack

pytestmark = pytest.mark.services

SCANS = 5


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    environment = {"DOCANALYST_OCR": "1", "DOCANALYST_INGEST_CLAIM_SECONDS": "8"}
    with run_live_stack(tmp_path_factory.mktemp("ocr") / "data", environment=environment) as made:
        yield made


@pytest.fixture(scope="module")
def api(stack: LiveStack) -> ApiClient:
    options = ("--password-stdin", "--workspace", "Tenancy", "--role", "owner")
    stack.manage("create_user", EMAIL, *options, text_input=PASSWORD)
    return ApiClient(stack.url, stack.manage("create_token", EMAIL).strip().splitlines()[-1])


@pytest.fixture(autouse=True)
def _fresh_provider() -> None:
    """Instead of the one of the other tests here: this installation has the quote finder alone."""


def until(api: ApiClient, document_id: str, condition: Any, seconds: float = 120) -> list[dict[str, Any]]:
    """Everything that was seen of a document until the condition held of it."""
    seen: list[dict[str, Any]] = []
    ends = time.monotonic() + seconds
    while True:
        shown = api.get(f"/documents/{document_id}")
        if not seen or seen[-1] != shown:
            seen.append(shown)
        if condition(shown):
            return seen
        assert time.monotonic() < ends, seen[-3:]
        time.sleep(0.1)


def is_settled(shown: dict[str, Any]) -> bool:
    return shown["status"] == "ready" and not shown["stage"] and shown["read_again"] is None


def test_readable_pages_are_usable_while_scans_are_recognised_also_after_a_kill(
    stack: LiveStack, api: ApiClient, tmp_path: Path
) -> None:
    scans = [scanned(lines([f"Scan number {number}.", *CLAUSES * 2])) for number in range(2, SCANS + 2)]
    file = save(tmp_path / "mixed.pdf", text(PROSE), *scans)
    corpus = api.new_corpus("Mixed")
    document = api.upload(corpus, "mixed.pdf", file.read_bytes())["id"]

    first = until(api, document, lambda shown: shown["status"] == "ready")[-1]
    assert (first["pages"], first["pages_not_read"]) == (SCANS + 1, SCANS)
    assert first["tokens"] > 10
    plan = api.post(f"/corpora/{corpus}/plan", {"text": "How is notice given?"})
    assert plan["fits"]
    assert plan["passes"][0]["pages"] == [{"ordinal": 1, "first": 1, "last": 1}]

    seen = until(api, document, lambda shown: shown["progress"]["done"] >= 2)
    assert seen[-1]["stage"] == "Recognising text"
    assert seen[-1]["progress"]["total"] == SCANS
    assert seen[-1]["seconds_left"] > 0
    assert stack.part("ocr").nice() == 10
    stack.kill_worker("ocr")

    seen += until(api, document, is_settled)
    done = [shown["progress"]["done"] for shown in seen if shown["stage"] == "Recognising text"]
    assert done == sorted(done), "what was recognised before the kill was kept"
    assert {shown["status"] for shown in seen} == {"ready"}
    assert (seen[-1]["pages_not_read"], seen[-1]["error"]) == (0, None)
    for number in range(2, SCANS + 2):
        page = api.get(f"/documents/{document}/pages/{number}")
        assert (page["source"], page["state"]) == ("ocr", "read")
        assert page["text"].startswith(f"Scan number {number}.")


def test_a_pure_scan_is_reading_until_its_text_is_there(api: ApiClient, tmp_path: Path) -> None:
    file = scan_file(tmp_path / "scan.pdf", lines(CLAUSES))
    corpus = api.new_corpus("Scan")
    document = api.upload(corpus, "scan.pdf", file.read_bytes())["id"]
    seen = until(api, document, is_settled)
    assert [shown["status"] for shown in seen if shown["pages_not_read"]] == ["reading"] * sum(
        bool(shown["pages_not_read"]) for shown in seen
    )
    answer = api.wait_for_answer(api.ask(corpus, "How many days of written notice?"))
    assert answer["status"] == "done"
    assert answer["evidence"][0]["boxes"]


def test_reading_again_can_be_given_up_while_it_runs(api: ApiClient, tmp_path: Path) -> None:
    file = scan_file(tmp_path / "again.pdf", lines([*CLAUSES * 3]), lines(["Another page of it"]))
    document = api.upload(api.new_corpus("Again"), "again.pdf", file.read_bytes())["id"]
    until(api, document, is_settled)
    api.post(f"/documents/{document}/read-again", {"ocr": "all"})
    until(api, document, lambda shown: shown["stage"] == "Recognising text")
    ended = api.call("DELETE", f"/documents/{document}/read-again")
    assert (ended["status"], ended["stage"], ended["pages_not_read"]) == ("ready", "", 0)
    time.sleep(1)
    assert is_settled(api.get(f"/documents/{document}"))
