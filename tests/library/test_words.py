"""Words of pages: read once, kept beside the pictures, gone with the document."""

from __future__ import annotations

import pytest
from django.core.files.storage import default_storage

from apps.library import storage
from apps.library.ingestion import pictures as reading
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.sandbox import ChildDied
from apps.library.models import Revision
from apps.library.pictures import failure, page_words
from tests.factories import make_corpus, make_document, make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def revision() -> Revision:
    corpus = make_corpus(make_workspace("Tenancy", owner=make_user()))
    document = make_document(corpus, with_file=True)
    assert document.current_revision is not None
    return document.current_revision


def test_words_are_read_from_the_file_once(revision: Revision, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []
    read = reading.page_words

    def counted(fd: int, numbers: list[int], **options: str) -> dict[int, reading.PageWords]:
        asked.append(list(numbers))
        return read(fd, numbers, **options)

    monkeypatch.setattr(reading, "page_words", counted)
    first = page_words(revision, [1])
    again = page_words(revision, [1, 2])

    assert asked == [[1], [2]]
    assert again[1] == first[1]
    assert [word.text for word in first[1].words][:2] == ["Lease", "agreement"]


def test_pages_asked_for_together_are_read_by_one_child(
    revision: Revision, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []
    read = reading.page_words

    def counted(fd: int, numbers: list[int], **options: str) -> dict[int, reading.PageWords]:
        asked.append(list(numbers))
        return read(fd, numbers, **options)

    monkeypatch.setattr(reading, "page_words", counted)
    found = page_words(revision, [1, 2, 3])
    assert asked == [[1, 2, 3]]
    assert page_words(revision, [3, 1]) == {3: found[3], 1: found[1]}
    assert len(asked) == 1


def test_a_page_that_kills_its_child_costs_the_others_nothing_but_time(
    revision: Revision, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = reading.page_words

    def deadly(fd: int, numbers: list[int], **options: str) -> dict[int, reading.PageWords]:
        if 2 in numbers:
            raise ChildDied("time", "It took too long.")
        return read(fd, numbers, **options)

    monkeypatch.setattr(reading, "page_words", deadly)
    with pytest.raises(ChildDied):
        page_words(revision, [1, 2, 3])
    assert set(page_words(revision, [1, 3])) == {1, 3}
    assert failure(revision, 2, "words")
    # Known by now: the others are read together, and the one at fault is not tried.
    with pytest.raises(IngestionError):
        page_words(revision, [1, 2, 3])


def test_kept_words_go_with_the_document(revision: Revision) -> None:
    page_words(revision, [1])
    name = storage.words_name(revision, 1)
    assert default_storage.exists(name)

    storage.delete_files(revision.workspace_id, revision.pk)

    assert not default_storage.exists(name)
    with pytest.raises(FileNotFoundError):
        page_words(revision, [1])


def test_words_cut_short_by_a_full_disk_are_read_anew(revision: Revision) -> None:
    whole = page_words(revision, [1])
    with default_storage.open(storage.words_name(revision, 1), "wb") as kept:
        kept.write(b'{"width": 595')

    assert page_words(revision, [1]) == whole
