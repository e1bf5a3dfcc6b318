"""Quotes of words that nobody sees say so, and pages that hold such words are listed."""

from __future__ import annotations

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from apps.conversations import coverage
from apps.conversations.coverage import FlaggedPages, flagged_pages
from apps.conversations.evidence import EvidenceChecker
from apps.conversations.marker_grammar import EvidenceLine
from apps.library import storage
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.models import Page, Revision
from tests.conversations.conftest import Desk
from tests.conversations.room import Room, answered_room, body, plain
from tests.factories import add_evidence, make_answer, make_document, make_question

__all__ = ["answered_room"]

SEEN = "The rent is due on the third working day of each month."
HIDDEN = "The tenant waives every claim against the landlord."
TINY = "Nothing in this lease binds the landlord at all."


def sheet() -> bytes:
    """One page with a line everybody sees, one in white, one without any colour, one of a point's height."""
    document = pymupdf.open()
    page = document.new_page(width=595, height=842)
    page.insert_text((72, 100), SEEN, fontsize=11)
    page.insert_text((72, 140), HIDDEN, fontsize=11, color=(1, 1, 1))
    page.insert_text((72, 180), HIDDEN.replace("tenant", "lodger"), fontsize=11, render_mode=3)
    page.insert_text((72, 220), TINY, fontsize=0.8)
    return bytes(document.tobytes())


@pytest.mark.parametrize(
    ("quote", "is_hidden"),
    [
        (SEEN, False),
        (HIDDEN, True),
        (HIDDEN.replace("tenant", "lodger"), True),
        ("every claim against the landlord", True),
        (TINY, True),
        (f"{SEEN} {HIDDEN}", True),
    ],
)
def test_a_quote_of_words_that_nobody_sees_says_so(desk: Desk, quote: str, is_hidden: bool) -> None:
    text = "\n".join((SEEN, HIDDEN, HIDDEN.replace("tenant", "lodger"), TINY))
    document = make_document(desk.corpus, "rent.pdf", [text], with_file=True)
    revision = Revision.objects.get(document=document)
    default_storage.delete(revision.storage_name)
    default_storage.save(storage.original_name(revision.workspace_id, revision.pk), ContentFile(sheet()))
    answer = make_answer(make_question(desk.conversation), "As said [[2:1]].")
    row = EvidenceChecker(answer).check(EvidenceLine("[[2:1]]", 2, 1, quote, last=1), 0)
    assert (row.verdict, bool(row.boxes)) == ("exact", True)
    assert row.is_hidden is is_hidden


def test_the_answer_the_page_and_the_api_say_it(room: Room) -> None:
    add_evidence(room.answer, "Rent is due", 3, is_hidden=True)
    alice = room.client("alice")
    said = "Words of this quote are not visible on the page."
    assert plain(alice.get(room.url("detail"))).count(said) == 1
    assert said in plain(alice.get(room.url("cite", 1, 3)))
    assert said not in plain(alice.get(room.url("cite", 1, 2)))
    shape = alice.get(f"/api/v1/answers/{room.answer.pk}").json()
    assert [one["is_hidden"] for one in shape["evidence"]] == [False, True]


def test_the_coverage_sheet_lists_pages_to_look_at(room: Room) -> None:
    pages = Page.objects.filter(revision_id=room.answer.manifest[0]["revision_id"])
    pages.filter(number__in=[1, 2]).update(flags=["hidden_text", "annotations"])
    pages.filter(number=3).update(flags=["instructions"])
    found = [(one.flag, one.pages) for one in flagged_pages(room.answer)]
    assert found == [("hidden_text", [(1, 2)]), ("instructions", [(3, 3)])]
    sheet_page = room.client("alice").get(room.url("coverage"))
    assert "Text that cannot be seen" in plain(sheet_page)
    assert "Text that speaks to a model" in plain(sheet_page)
    assert room.url("cite", 1, 3) in body(sheet_page)
    told = room.client("alice").get(room.url("coverage-json")).json()
    assert [one["flag"] for one in told["flagged_pages"]] == ["hidden_text", "instructions"]
    room.answer.manifest[0]["ranges"] = [[2, 2]]
    assert [(one.flag, one.pages) for one in flagged_pages(room.answer)] == [("hidden_text", [(2, 2)])]


def test_of_very_many_pages_to_look_at_twenty_places_are_named(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = room.answer.manifest[0]
    many = FlaggedPages(
        1, entry["document_id"], entry["name"], "instructions", [(n, n) for n in range(1, 90, 2)]
    )
    monkeypatch.setattr(coverage, "flagged_pages", lambda answer: [many])
    sheet_page = room.client("alice").get(room.url("coverage"))
    assert "39 and 25 more places" in plain(sheet_page)
