"""What an answer's sheet says of pages that were cited, and of pictures that were not sent."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest

from apps.conversations.coverage import ImagesLeftOut, coverage, images_left_out
from apps.conversations.models import Answer, Mention
from apps.library.models import PageImage, Revision
from tests.conversations.room import HTMX, Room, answered_room, body  # noqa: F401 (fixture)
from tests.factories import make_figure


@pytest.fixture
def pictured(room: Room) -> Answer:
    """The lease with the same figure on pages 1 and 2, and another one on page 2."""
    revision = Revision.objects.get(pk=room.answer.manifest[0]["revision_id"])
    first = make_figure(revision, number=1)
    again = PageImage.objects.get(pk=first.pk)
    again.pk, again.page = uuid.uuid4(), revision.pages.get(number=2)
    again._state.adding = True
    again.save()
    make_figure(revision, number=2)
    return room.answer


def test_images_on_sent_pages_are_counted_with_what_they_would_take(
    pictured: Answer, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        [left_out] = images_left_out(pictured)
    assert (left_out.images, left_out.pages) == (3, [(1, 2)])
    assert left_out.tokens == 2 * PageImage.objects.all()[0].tokens


def test_images_on_pages_that_were_not_sent_and_rendered_pages_are_not_among_them(pictured: Answer) -> None:
    Answer.objects.filter(pk=pictured.pk).update(manifest=[{**pictured.manifest[0], "ranges": [[2, 3]]}])
    pictured.refresh_from_db()
    PageImage.objects.filter(page__number=2).first().delete()
    PageImage.objects.create(
        workspace_id=PageImage.objects.all()[0].workspace_id,
        page=PageImage.objects.all()[0].page.revision.pages.get(number=3),
        kind=PageImage.Kind.RENDERED,
        digest="0" * 64,
        width=909,
        height=1286,
        tokens=2000,
    )
    [left_out] = images_left_out(pictured)
    assert (left_out.images, left_out.pages) == (1, [(2, 2)])


def test_an_answer_without_pictures_says_nothing_of_them(room: Room) -> None:
    assert coverage(room.answer).images_left_out == []
    sheet = body(room.client("alice").get(room.url("coverage"), headers=HTMX))
    assert "Images left out" not in sheet


def test_the_sheet_and_the_download_name_them(room: Room, pictured: Answer) -> None:
    client = room.client("alice")
    sheet = body(client.get(room.url("coverage"), headers=HTMX))
    assert "Images left out" in sheet
    assert "1–2" in sheet
    [item] = client.get(room.url("coverage-json")).json()["images_left_out"]
    assert (
        ImagesLeftOut(**{**item, "pages": [tuple(pages) for pages in item["pages"]]})
        == images_left_out(pictured)[0]
    )


def cite(answer: Answer, *pages: tuple[int, int]) -> None:
    document_id = answer.manifest[0]["document_id"]
    answer.mentions.all().delete()
    Mention.objects.bulk_create(
        Mention(
            answer=answer, offset=offset, marker="", ordinal=1, first=first, last=last,
            document_id=document_id, verdict="exact",
        )
        for offset, (first, last) in enumerate(pages)
    )  # fmt: skip


def test_cited_ranges_may_lie_over_each_other(room: Room) -> None:
    room.answer.manifest[0]["ranges"] = [[1, 4], [6, 20]]
    cite(room.answer, (18, 30), (3, 9), (4, 5), (3, 3), (8, 10))
    [document] = coverage(room.answer, with_documents=True).documents
    runs = [(run.first, run.last, run.state) for run in document.runs]
    assert runs == [
        (1, 2, "sent"), (3, 4, "cited"), (6, 9, "cited"), (10, 10, "cited"), (11, 17, "sent"), (18, 20, "cited"),
    ]  # fmt: skip


def test_a_document_of_many_gaps_and_citations_is_covered_in_a_moment(room: Room) -> None:
    room.answer.manifest[0]["ranges"] = [[number, number] for number in range(1, 40_000, 2)]
    cite(room.answer, *((number, number + 1) for number in range(1, 40_000, 40)))
    began = time.perf_counter()
    [document] = coverage(room.answer, with_documents=True).documents
    assert time.perf_counter() - began < 1
    assert (document.sent, document.cited) == (20_000, 1_000)
