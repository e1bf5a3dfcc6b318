"""The page about a document: what it says, to whom, and what it costs to draw."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from apps.library.about import SHOWN_PAGES, SHOWN_RUNS, DocumentAbout
from apps.library.models import Document, Page, PageImage, Revision
from tests.factories import make_document, make_next_revision
from tests.library.house import (
    HTMX,
    House,
    body,
    house_with_lease,  # noqa: F401 (fixture)
)

Status = Revision.Status


def about_url(document: Document) -> str:
    return reverse("library:document-about", args=[document.workspace.slug, document.pk])


def about_of(document: Document, **options: Any) -> DocumentAbout:
    document.refresh_from_db()
    assert document.current_revision is not None
    return DocumentAbout(document.workspace, document, document.current_revision, **options)


def pages_of(document: Document) -> Any:
    return Page.objects.filter(revision=document.current_revision)


def test_a_file_is_told_with_size_digest_bringer_and_what_it_says_of_itself(house: House) -> None:
    revision = house.lease.current_revision
    assert revision is not None
    revision.facts = {
        "title": "Lease <of> rooms",
        "author": "A notary",
        "attachments": [{"name": "rents & more.xlsx", "size_bytes": 48_213}, "old.txt"],
        "repaired": "The table of pages was rebuilt.",
    }
    revision.save(update_fields=["facts"])
    page = body(house.client("vera").get(about_url(house.lease)))

    assert "<!doctype" in page
    for words in (
        revision.sha256, "Alice", "Lease &lt;of&gt; rooms", "A notary", "rents &amp; more.xlsx", "48.2 kB",
        "old.txt", "The table of pages was rebuilt.", "3 of 3 pages</strong> can be asked about",
    ):  # fmt: skip
        assert words in page, words
    assert " style=" not in page


def test_pages_not_read_are_grouped_by_reason_in_runs_that_lead_there(house: House) -> None:
    document = make_document(house.corpus, "scan.pdf", ["", "", "", "Words.", ""])
    for number, share in ((1, 97), (2, 88), (3, 97)):
        pages_of(document).filter(number=number).update(
            reason=f"A picture covers {share} % of the page and it has no text layer."
        )
    pages_of(document).filter(number=5).update(state=Page.State.UNREADABLE, reason="It took too long.")
    pages_of(document).filter(number=1).update(label="i")

    groups = about_of(document).not_read
    assert [(group.words, group.pages, [run[:2] for run in group.runs]) for group in groups] == [
        ("A picture covers most of the page and it has no text layer.", 3, [(1, 3)]),
        ("It took too long.", 1, [(5, 5)]),
    ]
    page = body(house.client("vera").get(about_url(document), headers=HTMX))
    assert ">i–3</a>" in page
    assert reverse("library:page", args=[house.workspace.slug, document.pk, 5]) in page


def test_runs_beyond_the_shown_ones_are_counted(house: House) -> None:
    texts = ["" if number % 2 else "Words." for number in range(2 * (SHOWN_RUNS + 7))]
    group = about_of(make_document(house.corpus, "gaps.pdf", texts)).not_read[0]

    assert (len(group.runs), group.more, group.pages) == (SHOWN_RUNS, 7, SHOWN_RUNS + 7)


def test_flags_and_recognised_pages_are_summed_up(house: House) -> None:
    pages_of(house.lease).filter(number__in=(1, 3)).update(
        flags=["hidden_text", "never_heard_of", "pictures"]
    )
    pages_of(house.lease).filter(number=2).update(source=Page.Source.OCR)

    notes = {group.words: [run[:2] for run in group.runs] for group in about_of(house.lease).notes}
    assert notes == {
        "Text that cannot be seen": [(1, 1), (3, 3)],
        "Never heard of": [(1, 1), (3, 3)],
        "Text by recognition": [(2, 2)],
    }


def test_thumbnails_come_by_the_hundred_and_load_when_seen(house: House) -> None:
    document = make_document(house.corpus, "long.pdf", ["Words."] * (SHOWN_PAGES + 5))
    client = house.client("vera")
    first = body(client.get(about_url(document), headers=HTMX))
    rest = body(client.get(about_url(document), {"from": "103", "part": "pages"}, headers=HTMX))

    assert first.count('class="thumb ') == SHOWN_PAGES
    assert first.count('loading="lazy"') == first.count("<img") == SHOWN_PAGES
    assert rest.count('class="thumb ') == 5
    assert "101–105 of 105" in rest
    assert "<section" not in rest


@pytest.mark.parametrize("nonsense", ["", "x", "-3", "0", "9" * 30, "٣"])
def test_a_nonsensical_place_in_the_strip_is_its_beginning_or_its_end(house: House, nonsense: str) -> None:
    response = house.client("vera").get(about_url(house.lease), {"from": nonsense, "at": nonsense})
    assert response.status_code == 200
    assert body(response).count('class="thumb ') == 3


def test_it_says_that_figures_are_still_looked_for(house: House) -> None:
    url = about_url(house.lease)
    assert "Looking for figures" not in body(house.client("vera").get(url, headers=HTMX))
    Revision.objects.filter(pk=house.lease.current_revision_id).update(figures_at=None)
    page = body(house.client("vera").get(url, headers=HTMX))
    assert "Looking for figures …" in page


def test_figures_are_shown_once_each_with_what_became_of_the_others(house: House) -> None:
    revision = house.lease.current_revision
    assert revision is not None
    revision.facts = {
        "figures": {"pictures": 9, "kept": 2, "places": 3, "dropped": {"thin": 4, "repeated": 1}, "failed": 1}
    }
    revision.save(update_fields=["facts"])
    for number, digest in ((2, "a1"), (1, "b2"), (3, "a1"), (3, "over-the-limit")):
        PageImage.objects.create(
            workspace=house.workspace,
            page=pages_of(house.lease).get(number=number),
            kind=PageImage.Kind.FIGURE,
            digest=digest,
            storage_name="" if digest == "over-the-limit" else f"figures/{digest}.webp",
            width=640,
            height=480,
            box=[0.1, 0.1, 0.5, 0.5],
            tokens=1500,
        )
    about = about_of(house.lease)

    assert [(one.image.digest, one.image.page.number, one.places) for one in about.figures] == [
        ("b2", 1, 1),
        ("a1", 2, 2),
    ]
    assert about.figures_words == (
        "2 figures kept, at 3 places. 5 decorations left out. 1 picture could not be drawn."
    )
    page = body(house.client("vera").get(about_url(house.lease), headers=HTMX))
    assert reverse("library:figure", args=[house.workspace.slug, house.lease.pk, "a1"]) in page
    assert "×2" in page


def test_readings_are_listed_with_the_one_in_use(house: House) -> None:
    make_next_revision(house.lease, status=Status.READING, options={"ocr": "all"})
    readings = about_of(house.lease).readings

    assert [(reading.role, reading.words) for reading in readings] == [
        ("next", "Recognition of every page"),
        ("current", "Text layer alone"),
    ]


def test_queries_do_not_grow_with_pages_and_readings(
    house: House, django_assert_max_num_queries: Any
) -> None:
    document = make_document(house.corpus, "long.pdf", ["", "Words."] * 300)
    for _ in range(5):
        make_next_revision(document, status=Status.FAILED)
    client = house.client("alice")
    with django_assert_max_num_queries(16):
        assert client.get(about_url(document), headers=HTMX).status_code == 200


def test_only_the_state_asks_again_and_only_while_something_is_under_way(house: House) -> None:
    client = house.client("alice")
    assert "every 2s" not in body(client.get(about_url(house.lease), headers=HTMX))

    following = make_next_revision(
        house.lease, status=Status.READING, stage="Recognising text", done=1, total=3, seconds_left=240
    )
    page = body(client.get(about_url(house.lease), headers=HTMX))
    assert page.count("every 2s") == 1
    part = client.get(about_url(house.lease), {"part": "state"}, headers=HTMX)
    assert "1 / 3" in body(part)
    assert "about 4 minutes left" in body(part)
    assert "<section" not in body(part)

    Document.objects.update(next_revision=None)
    following.delete()
    whole = client.get(about_url(house.lease), {"part": "state"}, headers=HTMX)
    assert whole["HX-Retarget"] == "#viewer"
    assert 'id="viewer"' in body(whole)


def test_a_document_without_pages_is_told_of_too(house: House) -> None:
    broken = make_document(house.corpus, "broken.pdf", [], status=Status.FAILED, error_sentence="Damaged.")
    page = body(house.client("vera").get(about_url(broken), headers=HTMX))
    assert "Damaged." in page
    assert "Retry" not in page
    assert "Retry" in body(house.client("alice").get(about_url(broken), headers=HTMX))


# Reading again -----------------------------------------------------------------------------------


@pytest.fixture
def recognition(settings: Any) -> None:
    settings.RECOGNISE_SCANS = True


@pytest.fixture
def scan(house: House) -> Document:
    return make_document(
        house.corpus, "scan.pdf", ["Words.", "", ""], added_by=house.people["alice"], with_file=True
    )


def again_url(document: Document, name: str = "read-again") -> str:
    return reverse(f"library:{name}", args=[document.workspace.slug, document.pk])


def test_reading_again_is_offered_with_what_it_takes_to_those_who_may(
    house: House, scan: Document, recognition: None
) -> None:
    page = body(house.client("alice").get(about_url(scan), headers=HTMX))
    assert re.search(
        r'value="scans" checked>\s*<span>Pages without text <span[^>]*>2 pages, less than a', page
    )
    assert re.search(r'value="all">\s*<span>Every page[^<]*<span[^>]*>3 pages, ', page)
    assert re.search(r'value="never" disabled>', page)
    for name in ("vera", "bob"):
        assert "Read again" not in body(house.client(name).get(about_url(scan), headers=HTMX)), name


def test_without_recognition_nothing_is_offered_that_cannot_be_had(house: House, scan: Document) -> None:
    page = body(house.client("alice").get(about_url(scan), headers=HTMX))
    assert page.count("disabled>") == 3
    assert "Text recognition is switched off" in page


def test_reading_again_begins_and_is_cancelled_where_it_was_asked_for(
    house: House, scan: Document, recognition: None
) -> None:
    client, headers = house.client("alice"), HTMX | {"HX-Target": "viewer"}
    begun = client.post(again_url(scan), {"ocr": "all"}, headers=headers)
    scan.refresh_from_db()
    assert scan.next_revision is not None
    assert scan.next_revision.options == {"ocr": "all"}
    assert begun["HX-Trigger"] == "documents-changed"
    assert again_url(scan, "cancel-reading") in body(begun)
    assert 'name="ocr"' not in body(begun)

    cancelled = client.post(again_url(scan, "cancel-reading"), headers=headers)
    scan.refresh_from_db()
    assert scan.next_revision is None
    assert 'name="ocr"' in body(cancelled)


def test_what_cannot_be_read_again_is_said_where_it_was_asked_for(house: House, scan: Document) -> None:
    client = house.client("alice")
    for headers in (HTMX, HTMX | {"HX-Target": "viewer"}):
        response = client.post(again_url(scan), {"ocr": "all"}, headers=headers)
        assert response["HX-Retarget"] == "#viewer"
        assert "Text recognition is switched off in this installation. Ask" in body(response)
    assert client.post(again_url(scan), {"ocr": "all"}).status_code == 409
    assert client.post(again_url(scan), {"ocr": "some"}).status_code == 422


def test_a_failed_reading_again_is_tried_again_or_dismissed_from_its_row(
    house: House, scan: Document, recognition: None
) -> None:
    make_next_revision(scan, status=Status.FAILED, options={"ocr": "all"}, error_sentence="It took too long.")
    client = house.client("alice")
    page = body(client.get(house.url("documents"), headers=HTMX))
    assert '<input type="hidden" name="ocr" value="all">' in page
    assert again_url(scan, "cancel-reading") in page
    viewed = body(house.client("vera").get(house.url("documents"), headers=HTMX))
    assert again_url(scan) not in viewed
    assert "It took too long." in viewed

    assert client.post(again_url(scan, "cancel-reading"), headers=HTMX).status_code == 204
    scan.refresh_from_db()
    assert scan.next_revision is None


def test_without_scripts_reading_again_leads_back_to_the_page_about_the_document(
    house: House, scan: Document, recognition: None
) -> None:
    client = house.client("alice")
    referer = {"Referer": f"http://testserver{about_url(scan)}"}
    assert client.post(again_url(scan), {"ocr": "scans"}, headers=referer).url == about_url(scan)
    assert client.post(again_url(scan, "cancel-reading"), headers=referer).url == about_url(scan)
    assert "corpora" in client.post(again_url(scan), {"ocr": "scans"}).url


@pytest.mark.parametrize("name", ["read-again", "cancel-reading"])
def test_reading_again_is_for_who_brought_it_and_administrators(
    house: House, scan: Document, name: str
) -> None:
    url = again_url(scan, name)
    assert house.client("bob").post(url, {"ocr": "never"}).status_code == 403
    assert house.client("vera").post(url, {"ocr": "never"}).status_code == 403
    assert house.client("charlie").post(url, {"ocr": "never"}).status_code == 404
    assert house.client("alice").get(url).status_code == 405


def test_outsiders_are_told_that_there_is_nothing_to_tell(house: House) -> None:
    assert house.client("charlie").get(about_url(house.lease)).status_code == 404
    assert house.client("alice").post(about_url(house.lease)).status_code == 405


@pytest.mark.parametrize(
    ("reader", "words", "mark"),
    [("pdf", "PDF", "PDF"), ("fb2", "FictionBook", "FB2"), ("jpeg", "JPEG", "JPG")],
)
def test_a_kind_is_named_as_people_name_it(house: House, reader: str, words: str, mark: str) -> None:
    document = make_document(house.corpus, "file", reader=reader)
    client = house.client("vera")
    assert f"<dd>{words}</dd>" in body(client.get(about_url(document), headers=HTMX))
    assert f'aria-hidden="true">{mark}</span>' in body(client.get(house.url("documents"), headers=HTMX))
