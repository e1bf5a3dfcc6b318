"""Looking for figures after the text is ready: it gives way, goes on where it was, and never costs the document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from apps.library import claims, figure_search, holds, leaving, queueing, reading, tasks
from apps.library.about import DocumentAbout
from apps.library.figures import figure_rows
from apps.library.ingestion.figures import FigureReader, PageFigures
from apps.library.models import Document, Revision
from apps.library.queueing import MAX_ATTEMPTS, Queue, next_waiting, settle_lost
from apps.library.services import delete_document
from tests.factories import make_corpus, make_document, make_user, make_workspace
from tests.library.ingestion import pictures_in_pdfs as made
from tests.library.test_deletion_race import assert_nothing_is_left, at_call, stored_files
from tests.library.test_figures import brought, picture_pages, read_text, stored

pytestmark = pytest.mark.django_db

PAGES = 20
"""Three batches of a child."""
PICTURES: list[Callable[..., Any]] = [made.jpeg_rgb, made.indexed, made.packed_gray]


@pytest.fixture(autouse=True)
def _written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figure_search, "_WRITE_SECONDS", 0)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Queue]:
    """Queues that hints were sent for."""
    queues: list[Queue] = []
    monkeypatch.setattr(queueing, "send_hint", lambda queue, count=1: queues.append(queue))
    return queues


def many_pages() -> bytes:
    """Different figures on each page in turn, and one at the head of all."""
    drawn = [[made.at(60, 700, 100, 60), made.at(100, 300, 240, 160, f"Q{n % 3}")] for n in range(PAGES)]
    return made.pages_of(*drawn, P=made.separation, **{f"Q{n}": one for n, one in enumerate(PICTURES)})


def now(revision: Revision) -> Revision:
    return Revision.objects.get(pk=revision.pk)


def waiting_text() -> Revision:
    document = make_document(
        make_corpus(make_workspace("Other")),
        status=Revision.Status.UPLOADED,
        queued_at=timezone.now() - timedelta(minutes=1),
        with_file=True,
    )
    assert document.current_revision is not None
    return document.current_revision


@pytest.fixture
def at_page(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[FigureReader], Any]], list[int]]:
    """Do something once when so many pages (in order) were looked at; gives the numbers that were, growing."""

    def arrange(count: int, action: Callable[[FigureReader], Any]) -> list[int]:
        looked_at: list[int] = []
        actions = [action]
        read = FigureReader.read

        def in_order(self: FigureReader, numbers: list[int]) -> Iterator[list[PageFigures]]:
            pages = sorted(
                (page for some in read(self, numbers) for page in some), key=lambda one: one.number
            )
            for page in pages:
                if len(looked_at) == count and actions:
                    actions.pop()(self)
                looked_at.append(page.number)
                yield [page]

        monkeypatch.setattr(FigureReader, "read", in_order)
        return looked_at

    return arrange


def assert_complete(revision: Revision) -> None:
    """As if nothing had come between."""
    ended = now(revision)
    assert (ended.status, ended.claim) == ("ready", None)
    assert ended.figures_at is not None
    assert [row.page.number for row in figure_rows(revision)] == list(range(1, PAGES + 1))
    assert len(stored(revision)) == len(PICTURES)
    assert ended.facts["figures"] == {
        "pictures": 2 * PAGES,
        "kept": len(PICTURES),
        "places": PAGES,
        "dropped": {"repeated": PAGES},
        "failed": 0,
        "pages_not_searched": [],
    }


def test_text_is_ready_before_figures_are_looked_for(sent: list[Queue]) -> None:
    revision = read_text(many_pages())
    assert (revision.figures_at, revision.attempts, revision.claim) == (None, 0, None)
    assert figure_rows(revision).count() == 0
    assert sent == [Queue.FIGURES]
    assert next_waiting(Queue.FIGURES) == revision.pk
    document = Document.objects.get(pk=revision.document_id)
    assert DocumentAbout(document.workspace, document, revision).figures_words == "Looking for figures …"

    tasks.keep_figures(str(revision.pk))
    assert_complete(revision)
    assert next_waiting(Queue.FIGURES) is None
    assert DocumentAbout(document.workspace, document, now(revision)).figures_words.startswith("3 figures")


def test_without_pictures_nothing_waits(sent: list[Queue]) -> None:
    revision = read_text(made.pages_of([""], [""], P=made.jpeg_rgb))
    assert revision.figures_at == revision.ready_at
    assert sent == []


def test_text_that_waits_comes_first_whatever_the_message_says() -> None:
    revision, text = read_text(picture_pages(100, 400)), waiting_text()
    tasks.keep_figures(str(revision.pk))
    assert (now(text).status, now(revision).figures_at) == ("ready", None)
    tasks.ingest_revision(str(text.pk))
    assert now(revision).figures_at is not None


def test_text_of_another_workspace_overtakes_a_search(
    sent: list[Queue], at_page: Callable[..., list[int]]
) -> None:
    revision = read_text(many_pages())
    sent.clear()
    arrived: list[Revision] = []
    looked_at = at_page(5, lambda reader: arrived.append(waiting_text()))
    assert figure_search.keep_figures(str(revision.pk))

    given_way = now(revision)
    assert (given_way.status, given_way.claim, given_way.attempts) == ("ready", None, 0)
    assert given_way.figures_at is None
    assert given_way.facts["figures"]["searched_to"] == 6
    assert {row.page.number for row in figure_rows(revision)} == set(range(1, 7))
    assert sent == [Queue.FIGURES]

    tasks.keep_figures(str(revision.pk))
    assert now(arrived[0]).status == "ready"
    tasks.ingest_revision(str(revision.pk))
    assert looked_at == list(range(1, PAGES + 1))
    assert_complete(revision)


def test_a_worker_that_is_killed_costs_the_pages_since_the_last_write(
    at_page: Callable[..., list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = read_text(many_pages())

    def kill(reader: FigureReader) -> None:
        raise KeyboardInterrupt

    looked_at = at_page(7, kill)
    with pytest.raises(KeyboardInterrupt):
        figure_search.keep_figures(str(revision.pk))
    held = now(revision)
    assert held.claim is not None
    monkeypatch.setattr(holds, "dead_claims", lambda: [held.claim])
    settle_lost()
    assert (now(revision).claim, now(revision).attempts) == (None, 1)

    assert figure_search.keep_figures(str(revision.pk))
    assert looked_at == list(range(1, PAGES + 1))
    assert_complete(revision)


def test_a_worker_that_leaves_hands_the_search_back(
    sent: list[Queue], at_page: Callable[..., list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = read_text(many_pages())
    monkeypatch.setattr(claims, "_LOOK_SECONDS", 0.01)

    def leave(reader: FigureReader) -> None:
        monkeypatch.setattr(leaving, "is_leaving", lambda: True)
        assert reader._asked_to_stop.wait(5)

    at_page(3, leave)
    figure_search.keep_figures(str(revision.pk))
    handed_back = now(revision)
    assert (handed_back.status, handed_back.claim, handed_back.attempts) == ("ready", None, 0)
    assert handed_back.figures_at is None


@pytest.mark.parametrize("how", ["killed", "raises"])
def test_after_three_attempts_without_progress_the_search_is_given_up_and_not_the_document(
    monkeypatch: pytest.MonkeyPatch, sent: list[Queue], how: str
) -> None:
    revision = read_text(many_pages())
    opened: list[int] = []

    def die(self: FigureReader, numbers: list[int]) -> Iterator[list[PageFigures]]:
        opened.append(len(numbers))
        raise KeyboardInterrupt if how == "killed" else RuntimeError
        yield []

    monkeypatch.setattr(FigureReader, "read", die)
    for _ in range(MAX_ATTEMPTS):
        if how == "killed":
            with pytest.raises(KeyboardInterrupt):
                figure_search.keep_figures(str(revision.pk))
            Revision.objects.filter(pk=revision.pk).update(
                claimed_until=timezone.now() - timedelta(seconds=1)
            )
            settle_lost()
        else:
            figure_search.keep_figures(str(revision.pk))
        assert (now(revision).status, now(revision).claim, now(revision).figures_at) == ("ready", None, None)

    tasks.keep_figures(str(revision.pk))
    given_up = now(revision)
    assert opened == [PAGES] * MAX_ATTEMPTS
    assert (given_up.status, given_up.error_code) == ("ready", "")
    assert given_up.figures_at is not None
    assert given_up.facts["figures"]["pages_not_searched"] == list(range(1, PAGES + 1))
    document = Document.objects.get(pk=revision.document_id)
    assert "20 pages could not be looked through." in (
        DocumentAbout(document.workspace, document, given_up).figures_words
    )


def test_a_file_that_is_gone_costs_its_figures(sent: list[Queue]) -> None:
    revision = read_text(picture_pages(100, 400))
    default_storage.delete(revision.storage_name)
    figure_search.keep_figures(str(revision.pk))
    assert (now(revision).status, now(revision).figures_at is None) == ("ready", False)
    assert now(revision).facts["figures"]["pages_not_searched"] == [1, 2]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", range(1, 7))
def test_deleted_at_each_write_of_a_search(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    revision = read_text(many_pages())
    actor, document = make_user(), Document.objects.get(pk=revision.document_id)

    def delete() -> None:
        delete_document(actor, document)

    with at_call(monkeypatch, Revision, "write_claimed", number, delete) as calls:
        figure_search.keep_figures(str(revision.pk))
    if calls[0] < number:
        assert now(revision).figures_at is not None
        delete()
    assert_nothing_is_left(document)
    assert now(revision).facts == {}
    assert stored_files(revision.workspace_id) == []


def test_hints_of_text_are_not_taken_for_those_of_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: list[tuple[Queue, int]] = []
    monkeypatch.setattr(queueing, "send_hint", lambda queue, count=1: wanted.append((queue, count)))
    revision = read_text(picture_pages(100, 400))
    waiting_text()
    Revision.objects.filter(pk=revision.pk).update(queued_at=timezone.now() - timedelta(minutes=1))
    wanted.clear()
    for there, missing in ((2, []), (1, [(Queue.FIGURES, 1)]), (0, [(Queue.TEXT, 1), (Queue.FIGURES, 1)])):
        monkeypatch.setattr(queueing, "_messages", lambda queue, there=there: there)
        queueing.repeat_lost_hints()
        assert wanted == missing
        wanted.clear()


def test_an_attempt_of_the_text_is_none_of_the_figures() -> None:
    revision = brought(picture_pages(100, 400))
    Revision.objects.filter(pk=revision.pk).update(attempts=MAX_ATTEMPTS - 1)
    reading.read_revision(str(revision.pk))
    assert (now(revision).status, now(revision).attempts) == ("ready", 0)
