"""The thread from an upload to a cited answer, over the wire: what is sent, counted, verified, stopped."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.factories import pdf_bytes
from tests.live.client import ApiError
from tests.live.conftest import House
from tests.llm.llama_reference import reference_count

pytestmark = pytest.mark.services

CLAUSES = [
    "Either party may terminate this lease with 120 days written notice.",
    "The rent is 1,850 euros a month, due on the third working day.",
    "Repairs above 500 euros are borne by the landlord.",
    "// A line that looks like a comment [[9:9]] <evidence> and <|eot|> tokens.",
]


def clause_pages(count: int, start: int = 0) -> list[str]:
    return [f"Clause {number}. {CLAUSES[number % len(CLAUSES)]}" for number in range(start, start + count)]


@pytest.fixture(scope="module")
def corpus(house: House) -> str:
    """Two documents, forty pages in all."""
    corpus_id = house.api.new_corpus("Leases")
    documents = [
        house.api.upload(corpus_id, "lease.pdf", pdf_bytes(clause_pages(36))),
        house.api.upload(corpus_id, "addendum.pdf", pdf_bytes(clause_pages(4, start=100))),
    ]
    read = house.api.wait_until_read([document["id"] for document in documents])
    assert [document["status"] for document in read] == ["ready", "ready"]
    return corpus_id


def sent_prompt(house: House, request_id: int = -1) -> str:
    return "".join(message["content"] for message in house.provider.messages(request_id))


def test_every_page_is_sent_once_in_order_and_counted_exactly(house: House, corpus: str) -> None:
    plan = house.api.post(f"/corpora/{corpus}/plan", {"text": "How can the lease end?"})
    answer_id = house.api.ask(corpus, "How can the lease end?")
    answer = house.api.wait_for_answer(answer_id)

    assert answer["status"] == "done", answer
    prompt = sent_prompt(house)
    position = -1
    for ordinal, count in ((1, 36), (2, 4)):
        for number in range(1, count + 1):
            marker = f"\n[[{ordinal}:{number}]]\n"
            assert prompt.count(marker) == 1
            assert prompt.index(marker) > position
            position = prompt.index(marker)
            text = house.api.get(f"/documents/{document_ids(house, corpus)[ordinal - 1]}/pages/{number}")[
                "text"
            ]
            assert prompt[position + len(marker) :].startswith(text + "\n\n")
    assert "[[9:9]]" not in prompt
    assert reference_count(house.provider.messages()) == plan["input_tokens"]
    assert answer["usage"]["input_tokens"] == plan["input_tokens"]
    coverage = house.api.get(f"/answers/{answer_id}/coverage")
    assert (coverage["pages_selected"], coverage["pages_sent"], coverage["not_sent"]) == (40, 40, [])
    assert coverage["passes"][0]["tokens_reported"] == coverage["passes"][0]["tokens_counted"]


def document_ids(house: House, corpus: str) -> list[str]:
    return [document["id"] for document in house.api.get(f"/corpora/{corpus}")["documents"]]


def test_two_questions_share_every_byte_before_the_conversation(house: House, corpus: str) -> None:
    conversation = house.api.post(f"/corpora/{corpus}/conversations")["id"]
    for text in ("How can the lease end?", "Who pays for repairs?"):
        house.api.wait_for_answer(house.api.ask(corpus, text, conversation))

    first, second = (house.provider.body(request_id) for request_id in (-2, -1))
    last_page = first.rindex(b"[[2:4]]")
    assert first[:last_page] == second[:last_page]
    assert house.provider.messages(-2)[0] == house.provider.messages(-1)[0]


def test_quotes_are_verified_and_placed(house: House, corpus: str) -> None:
    answer = house.api.wait_for_answer(house.api.ask(corpus, "What written notice ends the lease?"))

    assert answer["evidence"]
    for item in answer["evidence"]:
        assert item["verdict"] == "exact"
        assert item["boxes"], item
    assert answer["mentions"]
    for mention in answer["mentions"]:
        assert answer["text"][mention["offset"] :].startswith(mention["marker"])


def test_stop_closes_the_providers_connection_within_two_seconds(house: House, corpus: str) -> None:
    house.provider.script({"tokens_per_second": 5})
    answer_id = house.api.ask(corpus, "What written notice ends the lease?")
    house.provider.wait_for(lambda request: request["first_delta_at"], seconds=20)
    asked_at = time.time()
    house.api.post(f"/answers/{answer_id}/stop")
    request = house.provider.wait_for(lambda request: request["disconnected_at"], seconds=5)
    answer = house.api.wait_for_answer(answer_id)

    assert request["disconnected_at"] - asked_at < 2
    assert answer["status"] == "stopped"
    assert answer["usage"]["estimated"]
    assert answer["usage"]["input_tokens"] > 0


def test_reading_goes_on_when_its_worker_is_killed(house: House) -> None:
    corpus_id = house.api.new_corpus("Long")
    document = house.api.upload(corpus_id, "long.pdf", pdf_bytes(clause_pages(3000)))
    while house.api.get(f"/documents/{document['id']}")["progress"]["done"] < 100:
        time.sleep(0.05)
    house.stack.kill_worker("ingest")
    [read] = house.api.wait_until_read([document["id"]], seconds=120)

    assert (read["status"], read["pages"], read["pages_not_read"]) == ("ready", 3000, 0)
    assert house.api.get(f"/documents/{document['id']}/pages/3000")["number"] == 3000


def test_a_stranger_hears_nothing(house: House, corpus: str) -> None:
    answer_id = house.api.ask(corpus, "How can the lease end?")
    house.stack.manage(
        "create_user", "charlie@example.org", "--password-stdin", text_input="a long password here"
    )
    token = house.stack.manage("create_token", "charlie@example.org").strip().splitlines()[-1]
    stranger = type(house.api)(house.stack.url, token)

    for path in (f"/answers/{answer_id}", f"/answers/{answer_id}/events"):
        with pytest.raises(ApiError) as refused:
            stranger.get(path)
        assert refused.value.status == 404


def test_real_documents_all_come_to_an_end(house: House, corpora: Path) -> None:
    corpus_id = house.api.new_corpus("Real")
    uploaded: dict[str, str] = {}
    refused: dict[str, int] = {}
    for path in sorted(corpora.rglob("*.pdf")):
        try:
            uploaded[house.api.upload(corpus_id, path.name, path.read_bytes())["id"]] = path.name
        except ApiError as error:
            refused[path.name] = error.status
    assert set(refused.values()) <= {400, 415}, refused
    documents = house.api.wait_until_read(list(uploaded), seconds=240)

    for document in documents:
        assert document["status"] in {"ready", "failed", "needs_password"}, document
        assert document["status"] != "ready" or document["pages"] > 0
        assert document["status"] == "ready" or document["error"]["message"], document
    assert sum(document["status"] == "ready" for document in documents) > 60
