"""The viewer: pages as pictures, words and text, and the original."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.urls import reverse

from apps.library.models import Document, Page, Revision
from tests.factories import make_document, make_next_revision
from tests.library.house import (
    HTMX,
    House,
    body,
    house_with_lease,  # noqa: F401 (fixture)
)


def test_a_page_has_its_picture_its_words_and_its_steps(house: House) -> None:
    page = body(house.client("vera").get(house.url("page", 2), headers=HTMX))

    assert "<!doctype" not in page
    assert house.url("page-picture", 2) in page
    assert "Either party may terminate with 120 days written notice." in page
    assert house.url("page", 1) in page
    assert house.url("page", 3) in page
    assert 'lengthAdjust="spacingAndGlyphs"' in page
    assert " style=" not in page


def test_the_viewer_is_a_page_too(house: House) -> None:
    page = body(house.client("vera").get(house.url("document")))
    assert "<!doctype" in page
    assert 'id="viewer"' in page


def test_the_text_tab_shows_what_is_sent(house: House) -> None:
    Page.objects.filter(revision__document=house.lease, number=1).update(text="x < y & [ [1:2]] <b>")
    page = body(house.client("vera").get(house.url("page", 1), {"tab": "text"}, headers=HTMX))
    assert "x &lt; y &amp; [ [1:2]] &lt;b&gt;" in page


@pytest.mark.parametrize(("wanted", "number"), [("iii", 3), ("III", 3), ("2", 2)])
def test_jumping_by_label_or_number(house: House, wanted: str, number: int) -> None:
    Page.objects.filter(revision__document=house.lease, number=3).update(label="iii")
    client = house.client("vera")

    fragment = body(client.get(house.url("page", 1), {"page": wanted}, headers=HTMX))
    assert f'data-page="{number}"' in fragment
    assert client.get(house.url("page", 1), {"page": wanted}).url == house.url("page", number)


def test_a_printed_label_wins_over_a_position(house: House) -> None:
    Page.objects.filter(revision__document=house.lease, number=3).update(label="2")
    Page.objects.filter(revision__document=house.lease, number=2).update(label="1")
    fragment = body(house.client("vera").get(house.url("page", 1), {"page": "2"}, headers=HTMX))
    assert 'data-page="3"' in fragment


def test_a_page_that_is_not_there_is_said_and_the_old_one_stays(house: House) -> None:
    fragment = body(house.client("vera").get(house.url("page", 1), {"page": "99"}, headers=HTMX))
    assert "There is no page “99”" in fragment
    assert 'data-page="1"' in fragment
    assert house.client("vera").get(house.url("page", 99)).status_code == 404
    assert house.client("vera").get(house.url("page", 10**30)).status_code == 404


def test_nonsense_in_the_address_is_ignored(house: House) -> None:
    url = house.url("page", 1)
    for query in ({"zoom": "9000"}, {"zoom": "x"}, {"tab": "<b>"}):
        assert house.client("vera").get(url, query, headers=HTMX).status_code == 200
    assert house.client("vera").get(url, {"revision": "x"}, headers=HTMX).status_code == 404
    assert house.client("vera").get(url, {"revision": str(uuid.uuid4())}, headers=HTMX).status_code == 404


def test_a_failed_document_opens_with_its_reason(house: House) -> None:
    broken = make_document(
        house.corpus, "broken.pdf", [], status=Revision.Status.FAILED, error_sentence="It is damaged."
    )
    url = reverse("library:document", args=[house.workspace.slug, broken.pk])
    assert "It is damaged." in body(house.client("vera").get(url, headers=HTMX))
    assert "It is damaged." in body(house.client("vera").get(url))


def test_a_page_without_text_says_that_it_was_not_sent(house: House) -> None:
    scan = make_document(house.corpus, "scan.pdf", ["", "Words."], with_file=True)
    url = reverse("library:page", args=[house.workspace.slug, scan.pk, 1])
    assert "is not sent to the model" in body(house.client("vera").get(url, headers=HTMX))


def test_a_picture_is_ours_and_kept_by_the_browser(house: House) -> None:
    client = house.client("vera")
    revision = house.lease.current_revision_id
    kept = client.get(house.url("page-picture", 1), {"revision": str(revision)})

    assert kept["Content-Type"] == "image/webp"
    assert kept.content[8:12] == b"WEBP"
    assert "immutable" in kept["Cache-Control"]
    assert "private" in kept["Cache-Control"]
    assert "no-store" in client.get(house.url("page-picture", 1))["Cache-Control"]


def test_the_original_is_a_download_and_never_rendered(house: House) -> None:
    response = house.client("vera").get(house.url("original"))

    assert b"".join(response.streaming_content).startswith(b"%PDF")
    assert response["Content-Disposition"].startswith("attachment")
    assert response["Content-Type"] == "application/pdf"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"].startswith("sandbox")


def test_names_are_text_whatever_they_are(house: House) -> None:
    name = "<img src=x onerror=alert(1)>\"'.pdf"
    Document.objects.filter(pk=house.lease.pk).update(name=name)
    client = house.client("alice")
    for url in (house.url("corpus"), house.url("document")):
        assert "<img src=x" not in body(client.get(url))
    assert "\n" not in client.get(house.url("original"))["Content-Disposition"]


def test_a_page_that_broke_its_child_says_so_and_can_be_tried_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = house.client("vera")
    url = house.url("page", 1)
    assert re.search(r'class="page-notes picture-failed"[^>]* hidden>', body(client.get(url, headers=HTMX)))

    monkeypatch.setattr("apps.library.page_views.failure", lambda *_: "Drawing took more than 60 s.")
    page = body(client.get(url, headers=HTMX))
    assert "Drawing took more than 60 s." in page
    assert not re.search(r'class="page-notes picture-failed"[^>]* hidden>', page)
    again = reverse("library:page-picture-again", args=[house.workspace.slug, house.lease.pk, 1])
    assert f'action="{again}"' in page
    assert client.post(again).url == url


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"source": "ocr"}, "Text by recognition: check it against the picture."),
        ({"flags": ["hidden_text"]}, "This page holds text that cannot be seen."),
        ({"flags": ["annotations"]}, "The file has notes on this page."),
        (
            {"state": "unreadable", "reason": "It took too long."},
            "could not be read and is not sent to the model. It",
        ),
    ],
    ids=["recognised", "hidden text", "notes", "unreadable"],
)
def test_what_to_know_of_a_page_is_said_above_it(house: House, change: dict[str, Any], sentence: str) -> None:
    Page.objects.filter(revision=house.lease.current_revision, number=2).update(**change)
    for tab in ("page", "text"):
        page = body(house.client("vera").get(house.url("page", 2), {"tab": tab}, headers=HTMX))
        assert page.count(sentence) == 1, tab


def test_a_page_that_is_being_recognised_says_so_instead(house: House) -> None:
    scan = make_document(house.corpus, "scan.pdf", ["", "Words."], with_file=True)
    make_next_revision(scan, status=Revision.Status.READING)
    url = reverse("library:page", args=[house.workspace.slug, scan.pk, 1])
    page = body(house.client("vera").get(url, headers=HTMX))
    assert "it is being recognised" in page
    assert "not sent to the model" not in page
