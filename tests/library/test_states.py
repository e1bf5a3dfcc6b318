"""How a document stands while one reading is in use and another is under way."""

from __future__ import annotations

import pytest

from apps.library.corpora import corpus_meter, corpus_rows
from apps.library.models import Corpus, Document, Revision
from apps.library.states import DocumentState
from tests.factories import make_corpus, make_document, make_next_revision, make_user, make_workspace

Status = Revision.Status


def revision(status: str, *, pages: int = 0, not_read: int = 0, **fields: object) -> Revision:
    return Revision(status=status, page_count=pages, pages_not_read=not_read, **fields)


@pytest.mark.parametrize(
    ("current", "following", "status", "is_usable", "is_running"),
    [
        (revision(Status.UPLOADED), None, "uploaded", False, True),
        (revision(Status.READING), None, "reading", False, True),
        (revision(Status.READY, pages=3), None, "ready", True, False),
        (revision(Status.READY, pages=3, not_read=3), None, "ready", True, False),
        (revision(Status.READY, pages=3, not_read=2), revision(Status.READING), "ready", True, True),
        (revision(Status.READY, pages=3, not_read=3), revision(Status.READING), "reading", True, True),
        (revision(Status.READY, pages=3, not_read=3), revision(Status.UPLOADED), "reading", True, True),
        (revision(Status.READY, pages=3, not_read=3), revision(Status.FAILED), "ready", True, False),
        (revision(Status.FAILED), None, "failed", False, False),
        (revision(Status.FAILED), revision(Status.READING), "failed", False, True),
        (revision(Status.NEEDS_PASSWORD), None, "needs_password", False, False),
    ],
    ids=[
        "waiting", "first reading", "ready", "scan left alone", "mixed, recognised", "scan, recognised",
        "scan, waiting", "scan, recognition failed", "failed", "failed, read again", "locked",
    ],
)  # fmt: skip
def test_a_state_is_told_from_both_readings(
    current: Revision, following: Revision | None, status: str, is_usable: bool, is_running: bool
) -> None:
    state = DocumentState(current, following)
    assert (state.status, state.is_usable, state.is_running) == (status, is_usable, is_running)


def test_progress_is_that_of_the_reading_under_way() -> None:
    ready = revision(Status.READY, pages=9, not_read=4, done=9, total=9)
    running = revision(Status.READING, stage="Recognising text", done=1, total=4, seconds_left=30)
    ended = revision(Status.FAILED, stage="", done=2, total=4, error_sentence="It took too long.")

    state = DocumentState(ready, running)
    assert (state.stage, state.done, state.total, state.seconds_left) == ("Recognising text", 1, 4, 30)
    assert state.failed_next is None
    state = DocumentState(ready, ended)
    assert (state.stage, state.done, state.total, state.seconds_left) == ("", 9, 9, 0)
    assert state.failed_next is ended


def test_a_waiting_recognition_says_what_it_waits_for() -> None:
    ready = revision(Status.READY, pages=2, not_read=1)
    assert (
        DocumentState(ready, Revision(status=Status.UPLOADED, base=ready)).stage
        == "Waiting: recognising text"
    )
    assert DocumentState(ready, Revision(status=Status.UPLOADED)).stage == "Waiting: reading again"


@pytest.fixture
def corpus(db: None) -> Corpus:
    return make_corpus(make_workspace())


@pytest.fixture
def mixed(corpus: Corpus) -> Document:
    """Two pages that are read and one that is being recognised."""
    document = make_document(corpus, "mixed.pdf", ["Words.", "", "More words."])
    make_next_revision(document, status=Status.READING, stage="Recognising text", done=0, total=1)
    return document


def test_the_meter_counts_what_can_be_asked_about_now(corpus: Corpus, mixed: Document) -> None:
    row = corpus_rows(corpus, make_user())[0]
    meter = corpus_meter([row])

    assert meter.all_tokens == meter.selected_tokens == row.tokens > 0
    assert (meter.pages, meter.running) == (3, 1)


def test_next_readings_cost_no_query_a_row(
    corpus: Corpus, mixed: Document, django_assert_num_queries: object
) -> None:
    for number in range(5):
        make_next_revision(make_document(corpus, f"{number}.pdf", ["", ""]), status=Status.READING)
    user = make_user()
    with django_assert_num_queries(2):  # type: ignore[operator]
        assert sum(row.state.is_running for row in corpus_rows(corpus, user)) == 6
