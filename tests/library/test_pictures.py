"""Pictures and thumbnails of a document: made once, in few children, and not again and again when they fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.db import connection
from django.urls import reverse

from apps.library import pictures
from apps.library.ingestion import pictures as drawing
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.sandbox import ChildDied, ChildFailed
from apps.library.models import Revision
from apps.library.pictures import page_picture, page_thumbnail, page_words
from apps.library.storage import picture_name, thumbnail_name
from tests.factories import make_corpus, make_document, make_workspace
from tests.library.house import HTMX, House, body, house_with_lease  # noqa: F401 (fixture)

pytestmark = pytest.mark.django_db

TOO_LONG = ChildDied("time", "Reading took longer than 60 seconds and was stopped.")


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def paper() -> Revision:
    """40 pages with their file."""
    words = "Either party may terminate with 120 days written notice. " * 40
    document = make_document(
        make_corpus(make_workspace()), texts=[f"Page {page}. {words}" for page in range(40)], with_file=True
    )
    assert document.current_revision is not None
    return document.current_revision


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The pages that each child was asked to draw small."""
    asked: list[list[int]] = []
    draw = drawing.render_thumbnails

    def counted(fd: int, numbers: Sequence[int], **options: Any) -> Iterator[tuple[int, bytes]]:
        asked.append(list(numbers))
        yield from draw(fd, numbers, **options)

    monkeypatch.setattr(drawing, "render_thumbnails", counted)
    return asked


def test_a_thumbnail_is_small_and_brings_its_neighbours(paper: Revision, children: list[list[int]]) -> None:
    thumbnails = [page_thumbnail(paper, number) for number in range(1, 41)]
    assert all(thumbnail[8:12] == b"WEBP" and len(thumbnail) <= 4096 for thumbnail in thumbnails)
    assert len(set(thumbnails)) > 1
    assert children == [list(range(1, 17)), list(range(17, 33)), list(range(33, 41))]


def test_a_strip_asked_for_all_at_once_costs_a_child_for_sixteen_pages(
    paper: Revision, children: list[list[int]]
) -> None:
    def ask(number: int) -> int:
        try:
            return len(page_thumbnail(paper, number))
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        sizes = list(pool.map(ask, range(1, 41)))
    assert all(0 < size <= 4096 for size in sizes)
    assert len(children) == 3


def test_a_page_that_kills_its_child_costs_only_its_own_thumbnail(
    paper: Revision, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []

    def deadly(fd: int, numbers: Sequence[int], **options: Any) -> Iterator[tuple[int, bytes]]:
        asked.append(list(numbers))
        for number in numbers:
            if number == 3:
                raise TOO_LONG
            yield number, b"RIFF\x04\0\0\0WEBP"

    monkeypatch.setattr(drawing, "render_thumbnails", deadly)
    assert page_thumbnail(paper, 5)
    assert asked == [list(range(1, 17)), list(range(4, 17))]
    with pytest.raises(IngestionError) as refused:
        page_thumbnail(paper, 3)
    assert refused.value.sentence == TOO_LONG.sentence
    assert len(asked) == 2


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every child that draws or reads words dies; gives what they were asked for."""
    tried: list[str] = []

    def die(what: str) -> Any:
        def dying(*arguments: Any, **options: Any) -> Any:
            tried.append(what)
            raise TOO_LONG

        return dying

    monkeypatch.setattr(drawing, "render_page", die("picture"))
    monkeypatch.setattr(drawing, "page_words", die("words"))
    return tried


def test_a_page_that_breaks_its_child_is_not_tried_at_each_view(paper: Revision, deaths: list[str]) -> None:
    with pytest.raises(ChildDied):
        page_picture(paper, 1)
    for dpi in pictures.ZOOM_DPI:
        with pytest.raises(IngestionError) as refused:
            page_picture(paper, 1, dpi)
        assert (refused.value.code, refused.value.sentence) == ("no_picture", TOO_LONG.sentence)
    assert deaths == ["picture"]
    with pytest.raises(ChildDied):
        page_picture(paper, 2)
    with pytest.raises(ChildDied):
        page_words(paper, [1])
    with pytest.raises(IngestionError):
        page_words(paper, [1])
    assert deaths == ["picture", "picture", "words"]


@pytest.mark.parametrize("error", [ChildDied("lost", "Gone."), ChildDied("killed", "Gone.")])
def test_what_another_moment_may_mend_is_not_remembered(
    paper: Revision, monkeypatch: pytest.MonkeyPatch, error: ChildDied | ChildFailed
) -> None:
    def die(*arguments: Any, **options: Any) -> Any:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(drawing, "render_page", die)
        with pytest.raises(type(error)):
            page_picture(paper, 1)
    assert page_picture(paper, 1)[8:12] == b"WEBP"


def test_a_broken_page_says_so_and_can_be_tried_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    client = house.client("vera")

    def die(*arguments: Any, **options: Any) -> Any:
        raise TOO_LONG

    with monkeypatch.context() as patched:
        patched.setattr(drawing, "render_page", die)
        assert client.get(house.url("page-picture", 2)).status_code == 404
    assert client.get(house.url("page-picture", 2)).status_code == 404
    shown = body(client.get(house.url("page", 2), headers=HTMX))
    assert TOO_LONG.sentence in shown
    again = reverse("library:page-picture-again", args=[house.workspace.slug, house.lease.pk, 2])
    assert again in shown

    assert client.get(again).status_code == 405
    response = client.post(again, headers=HTMX, follow=True)
    assert TOO_LONG.sentence not in body(response)
    assert client.get(house.url("page-picture", 2)).status_code == 200


def test_two_viewers_of_one_page_cost_one_child(paper: Revision, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    draw, together = drawing.render_page, threading.Barrier(6)

    def counted(fd: int, number: int, **options: Any) -> bytes:
        drawn.append(number)
        return draw(fd, number, **options)

    def ask(_: int) -> bytes:
        together.wait()
        return page_picture(paper, 1)

    monkeypatch.setattr(drawing, "render_page", counted)
    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(ask, range(6)))) == 1
    assert drawn == [1]


@pytest.mark.parametrize("name", [picture_name, thumbnail_name], ids=["picture", "thumbnail"])
def test_a_picture_cut_short_is_drawn_anew(paper: Revision, name: Any) -> None:
    make = page_picture if name is picture_name else page_thumbnail
    whole = make(paper, 1)
    kept = name(paper, 1, 110) if name is picture_name else name(paper, 1)
    with default_storage.open(kept, "wb") as file:
        file.write(whole[: len(whole) // 2])
    assert make(paper, 1) == whole
    with default_storage.open(kept) as file:
        assert file.read() == whole


def test_a_thumbnail_is_shown_behind_the_door_and_kept_by_the_browser(house: House) -> None:
    url = reverse("library:thumbnail", args=[house.workspace.slug, house.lease.pk, 2])
    revision = {"revision": str(house.lease.current_revision_id)}
    seen = house.client("vera").get(url, revision)
    assert (seen.status_code, seen["Content-Type"]) == (200, "image/webp")
    assert "immutable" in seen["Cache-Control"]
    again = house.client("vera").get(url, revision, headers={"If-None-Match": seen["ETag"]})
    assert again.status_code == 304
    assert "no-store" in house.client("vera").get(url)["Cache-Control"]
    assert house.client("charlie").get(url).status_code == 404
    beyond = reverse("library:thumbnail", args=[house.workspace.slug, house.lease.pk, 99])
    assert house.client("vera").get(beyond).status_code == 404
