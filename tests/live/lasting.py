"""Long answers from a model, and what their viewers must have seen in the end."""

from __future__ import annotations

from tests.factories import pdf_bytes
from tests.live.client import Screen
from tests.live.conftest import House
from tests.live.viewers import CLAUSES, Viewer, long_answer, pieces_of
from tests.services import wait_for

QUESTION = "How can the lease end?"
MANY = {
    "DOCANALYST_STREAMS_PER_MEMBER": "100",
    "DOCANALYST_ASKS_PER_MINUTE": "100000",
    "DOCANALYST_ANSWERS_PER_MEMBER": "100",
}
"""Limits of one person, out of the way."""


def make_lease(house: House) -> str:
    """A corpus with the document of 36 pages that long answers quote."""
    corpus_id = house.api.new_corpus("Leases")
    texts = [f"Clause {number}. {CLAUSES[number % len(CLAUSES)]}" for number in range(36)]
    [read] = house.api.wait_until_read([house.api.upload(corpus_id, "lease.pdf", pdf_bytes(texts))["id"]])
    assert read["status"] == "ready"
    return corpus_id


def ask_for(
    house: House, corpus: str, paragraphs: int, tokens_per_second: float, conversation: str = ""
) -> str:
    """Ask; the model writes a long answer in pieces of five characters at such a rate."""
    house.provider.script(
        {"pieces": pieces_of(long_answer(paragraphs)), "tokens_per_second": tokens_per_second}
    )
    return house.api.ask(corpus, QUESTION, conversation)


def assert_same(house: House, *viewers: Viewer) -> Screen:
    """All saw what the row holds, to the last byte, and the same end. Gives what they saw."""
    first = viewers[0].screen
    row = house.api.get(f"/answers/{viewers[0].answer_id}")
    assert (first.text, first.html) == (row["text"], row["html"])
    for viewer in viewers[1:]:
        screen = viewer.screen
        assert (screen.text, screen.blocks, screen.end) == (first.text, first.blocks, first.end)
    return first


def assert_done(house: House, *viewers: Viewer) -> None:
    assert assert_same(house, *viewers).end == {"v": 1, "status": "done", "code": "", "sentence": ""}


def wait_for_text(viewer: Viewer, more: int = 100) -> None:
    """Return once a viewer has seen so many more characters."""
    wait_for_length(viewer, len(viewer.screen.text) + more)


def wait_for_length(viewer: Viewer, length: int) -> None:
    """Return once a viewer has seen so many characters."""
    wait_for(lambda: len(viewer.screen.text) >= length, seconds=40, what=f"{length} characters")
