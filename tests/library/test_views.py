"""The documents pane: what it shows, to whom, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from apps.library.models import CorpusEntry, Document, Revision, Untick
from apps.library.passwords import opened
from apps.library.workbench import ROWS_SHOWN
from tests.factories import make_corpus, make_document, make_next_revision, make_workspace
from tests.library.house import (
    HTMX,
    JSON,
    House,
    arguments,
    body,
    house_with_lease,  # noqa: F401 (fixture)
    pdf,
)

# Who may what ------------------------------------------------------------------------------------

READS = ["corpus", "documents", "document", "document-about", "page", "page-picture", "original"]
WRITES = ["documents", "rename-corpus", "delete-corpus", "retry", "password", "rename", "delete"]


@pytest.mark.parametrize("name", READS)
def test_reading_is_for_everybody_inside_and_nobody_else(house: House, name: str) -> None:
    url = house.url(name, *arguments(name))
    for reader in ("alice", "bob", "vera"):
        assert house.client(reader).get(url, headers=HTMX).status_code == 200, reader
    assert house.client("charlie").get(url, headers=HTMX).status_code == 404
    assert Client().get(url).status_code == 302


@pytest.mark.parametrize("name", WRITES)
def test_viewers_change_nothing(house: House, name: str) -> None:
    response = house.client("vera").post(house.url(name), {"name": "New name"})

    assert response.status_code == 403
    house.lease.refresh_from_db()
    assert house.lease.name == "lease.pdf"
    assert house.lease.deleted_at is None


@pytest.mark.parametrize("name", [*WRITES, "tick-all"])
def test_outsiders_are_told_that_there_is_nothing(house: House, name: str) -> None:
    assert house.client("charlie").post(house.url(name), {"name": "New name"}).status_code == 404


@pytest.mark.parametrize("name", ["retry", "password", "rename", "delete"])
def test_another_members_document_is_left_to_its_owner_and_admins(house: House, name: str) -> None:
    assert house.client("bob").post(house.url(name), {"name": "Mine"}).status_code == 403


def test_deleting_a_corpus_is_for_administrators(house: House) -> None:
    assert house.client("bob").post(house.url("delete-corpus")).status_code == 403
    assert house.client("alice").post(house.url("delete-corpus")).status_code == 302
    assert house.client("alice").get(house.url("corpus")).status_code == 404


@pytest.mark.parametrize(
    "name", ["rename-corpus", "delete-corpus", "tick-all", "retry", "password", "rename", "delete"]
)
def test_changes_are_posts(house: House, name: str) -> None:
    assert house.client("alice").get(house.url(name)).status_code == 405


@pytest.mark.parametrize("name", ["corpus", "document", "page", "page-picture", "original"])
def test_readings_are_no_posts(house: House, name: str) -> None:
    assert house.client("alice").post(house.url(name, *arguments(name))).status_code == 405


@pytest.mark.parametrize("name", ["corpus", "document"])
def test_an_address_of_one_workspace_does_not_open_another_ones_rows(house: House, name: str) -> None:
    other = make_workspace("Other", owner=house.people["alice"])
    url = house.url(name).replace(house.workspace.slug, other.slug)

    assert house.client("alice").get(url).status_code == 404


# The list ----------------------------------------------------------------------------------------


def test_every_state_of_a_document_has_its_row(house: House) -> None:
    make_document(house.corpus, "half.pdf", ["Words.", ""])
    make_document(
        house.corpus, "long.pdf", [], status=Revision.Status.READING, stage="Reading", done=12, total=80
    )
    make_document(
        house.corpus, "broken.pdf", [], status=Revision.Status.FAILED, error_sentence="It is damaged."
    )
    page = body(house.client("alice").get(house.url("corpus")))

    assert "lease.pdf" in page
    assert "1 of 2 pages not read" in page
    assert "12 / 80" in page
    assert "It is damaged." in page
    assert "Retry" in page


def test_a_mixed_document_counts_now_and_tells_how_long_the_rest_takes(house: House) -> None:
    mixed = make_document(house.corpus, "mixed.pdf", ["Words.", ""])
    make_next_revision(
        mixed, status=Revision.Status.READING, stage="Recognising text", done=1, total=4, seconds_left=240
    )
    page = body(house.client("vera").get(house.url("documents"), headers=HTMX))

    assert 'class="document ready"' in page
    assert "Recognising text" in page
    assert "1 / 4" in page
    assert "about 4 minutes left" in page
    assert "1 of 2 pages can be asked about now" in page
    assert "pages not read" not in page


def test_a_scan_is_being_read_until_its_text_is_there(house: House) -> None:
    scan = make_document(house.corpus, "scan.pdf", ["", ""])
    make_next_revision(scan)
    page = body(house.client("vera").get(house.url("documents"), headers=HTMX))

    assert 'class="document reading"' in page
    assert "Waiting: recognising text" in page


def test_a_failed_reading_again_is_told_beside_what_is_in_use(house: House) -> None:
    make_next_revision(house.lease, status=Revision.Status.FAILED, error_sentence="It took too long.")
    page = body(house.client("vera").get(house.url("documents"), headers=HTMX))

    assert 'class="document ready"' in page
    assert "Reading again failed: It took too long." in page
    assert "every 1500ms" not in page


def test_the_plan_is_asked_for_once_when_a_document_becomes_usable(house: House) -> None:
    mixed = make_document(house.corpus, "mixed.pdf", ["Words.", ""])
    make_next_revision(mixed, status=Revision.Status.READING)
    entry = CorpusEntry.objects.get(document=mixed)
    client = house.client("vera")

    first = client.get(house.url("documents"), {"row": str(entry.pk)}, headers=HTMX)
    again = client.get(house.url("documents"), {"row": str(entry.pk), "usable": str(entry.pk)}, headers=HTMX)
    assert first["HX-Trigger-After-Swap"] == "selection-changed"
    assert "HX-Trigger-After-Swap" not in again


def test_the_list_polls_only_while_something_is_being_read(house: House) -> None:
    client = house.client("alice")
    assert "every 1500ms" not in body(client.get(house.url("documents"), headers=HTMX))

    make_document(house.corpus, "long.pdf", [], status=Revision.Status.READING)
    assert "every 1500ms" in body(client.get(house.url("documents"), headers=HTMX))


def test_polling_gives_the_asked_rows_and_the_meter_alone(house: House) -> None:
    running = make_document(house.corpus, "long.pdf", [], status=Revision.Status.READING)
    entry = CorpusEntry.objects.get(document=running)
    page = body(house.client("alice").get(house.url("documents"), {"row": str(entry.pk)}, headers=HTMX))

    assert f'id="entry-{entry.pk}"' in page
    assert f'id="entry-{house.entry.pk}"' not in page
    assert page.count("hx-swap-oob") == 3
    assert 'id="meter"' in page


def test_queries_do_not_grow_with_the_documents(house: House, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        make_document(house.corpus, f"{number}.pdf", ["Words."])
    client = house.client("alice")
    with django_assert_max_num_queries(12):
        assert client.get(house.url("documents"), headers=HTMX).status_code == 200


def test_a_long_list_shows_what_needs_a_look_and_offers_the_rest(house: House) -> None:
    for number in range(ROWS_SHOWN + 3):
        make_document(house.corpus, f"{number}.pdf", ["Words."])
    make_document(house.corpus, "broken.pdf", [], status=Revision.Status.FAILED)
    client = house.client("alice")

    page = body(client.get(house.url("corpus")))
    assert "Show 5 more" in page
    assert "broken.pdf" in page
    assert page.count('class="document ') == ROWS_SHOWN
    assert "more</a>" not in body(client.get(f"{house.url('documents')}?all", headers=HTMX))


def test_without_htmx_the_list_is_the_workbench(house: House) -> None:
    response = house.client("alice").get(house.url("documents"))
    assert response.url == f"{house.url('corpus')}?pane=documents"


def test_an_empty_corpus_says_what_to_do(house: House) -> None:
    empty = make_corpus(house.workspace, "Empty")
    url = reverse("library:corpus", args=[house.workspace.slug, empty.pk])

    assert "Drop files or whole folders anywhere" in body(house.client("bob").get(url))
    viewed = body(house.client("vera").get(url))
    assert "Drop files or whole folders anywhere" not in viewed
    assert "needs the member role" in viewed


# Uploads -----------------------------------------------------------------------------------------


def test_a_file_is_taken_then_known(house: House) -> None:
    client = house.client("bob")
    first = client.post(house.url("documents"), {"file": pdf()}, headers=JSON)
    again = client.post(house.url("documents"), {"file": pdf()}, headers=JSON)

    assert (first.status_code, again.status_code) == (202, 200)
    assert json.loads(again.content)["documents"][0]["is_known"] is True
    assert json.loads(again.content)["documents"][0]["id"] == json.loads(first.content)["documents"][0]["id"]


@pytest.mark.parametrize(
    ("file", "status", "code"),
    [
        (pdf("empty.pdf", b""), 400, "empty_file"),
        (pdf("page.exe", b"<html>"), 415, "kind_not_accepted"),
        (pdf("page.pdf", b"<html>no pdf at all</html>"), 415, "not_a_pdf"),
        (None, 400, "no_file"),
    ],
    ids=["empty", "kind", "content", "none"],
)
def test_a_refused_file_is_answered_in_words(
    house: House, file: SimpleUploadedFile | None, status: int, code: str
) -> None:
    data = {"file": file} if file else {}
    response = house.client("bob").post(house.url("documents"), data, headers=JSON)

    assert response.status_code == status
    error = json.loads(response.content)["error"]
    assert error["code"] == code
    assert error["message"].endswith(".")
    assert Document.objects.count() == 1


def test_a_form_takes_several_files_and_names_the_refused_one(house: House) -> None:
    response = house.client("bob").post(
        house.url("documents"), {"file": [pdf(), pdf("bad.pdf", b"no pdf")]}, follow=True
    )

    assert response.status_code == 200
    assert "bad.pdf: This is not a PDF" in body(response)
    assert Document.objects.filter(name="deed.pdf").exists()


# Ticks -------------------------------------------------------------------------------------------


def test_a_tick_is_one_persons_and_moves_the_meter(house: House) -> None:
    url = house.url("tick", house.entry.pk)
    response = house.client("vera").post(url, {}, headers=HTMX)

    assert 'id="meter"' in body(response)
    assert response["HX-Trigger-After-Swap"] == "selection-changed"
    assert [row.user for row in Untick.objects.all()] == [house.people["vera"]]
    assert "unticked" not in body(house.client("alice").get(house.url("documents"), headers=HTMX))

    house.client("vera").post(url, {"is_ticked": "on"}, headers=HTMX)
    assert not Untick.objects.exists()


def test_ticks_of_another_corpus_are_not_found(house: House) -> None:
    other = make_corpus(house.workspace, "Other")
    url = reverse("library:tick", args=[house.workspace.slug, other.pk, house.entry.pk])
    assert house.client("alice").post(url).status_code == 404
    assert house.client("charlie").post(house.url("tick", house.entry.pk)).status_code == 404
    assert house.client("alice").get(house.url("tick", house.entry.pk)).status_code == 405


def test_none_then_all(house: House) -> None:
    make_document(house.corpus, "second.pdf")
    client = house.client("bob")

    client.post(house.url("tick-all"), {})
    assert Untick.objects.filter(user=house.people["bob"]).count() == 2
    page = client.post(house.url("tick-all"), {"is_ticked": "on"}, headers=HTMX)
    assert not Untick.objects.exists()
    assert 'id="documents"' in body(page)


# Passwords ---------------------------------------------------------------------------------------


@pytest.fixture
def locked(house: House) -> House:
    Revision.objects.filter(document=house.lease).update(
        status=Revision.Status.NEEDS_PASSWORD, page_count=0, error_sentence="It asks for a password."
    )
    return house


def test_a_locked_document_asks_those_who_may_change_it(locked: House) -> None:
    for name in ("documents", "document", "document-about"):
        page = body(locked.client("alice").get(locked.url(name), headers=HTMX))
        assert locked.url("password") in page, name
        assert 'type="password"' in page, name
        assert 'autocomplete="off"' in page, name
        viewed = body(locked.client("vera").get(locked.url(name), headers=HTMX))
        assert 'type="password"' not in viewed, name
        assert "It asks for a password." in viewed, name


def test_a_password_is_kept_and_the_document_waits_to_be_read(locked: House) -> None:
    response = locked.client("alice").post(
        locked.url("password"), {"password": " leading space"}, headers=HTMX
    )

    assert (response.status_code, response["HX-Trigger"]) == (204, "documents-changed")
    revision = Revision.objects.get(document=locked.lease)
    assert revision.status == Revision.Status.UPLOADED
    assert opened(revision) == " leading space"


def test_a_password_given_in_the_viewer_is_answered_there_and_not_echoed(locked: House) -> None:
    canary = "kestrel-19"
    headers = HTMX | {"HX-Target": "viewer"}
    response = locked.client("alice").post(locked.url("password"), {"password": canary}, headers=headers)

    assert response["HX-Trigger"] == "documents-changed"
    assert 'id="viewer"' in body(response)
    assert canary not in body(response)


def test_a_password_nobody_asked_for_changes_nothing(house: House) -> None:
    response = house.client("alice").post(house.url("password"), {"password": "x"})
    assert response.status_code == 302
    assert Revision.objects.get(document=house.lease).status == Revision.Status.READY


@pytest.mark.parametrize("given", ["", "x" * 513])
def test_what_is_no_password_is_refused_in_words(locked: House, given: str) -> None:
    response = locked.client("alice").post(locked.url("password"), {"password": given}, headers=HTMX)
    assert response.status_code == 422
    assert "Type the password of the file" in body(response)


# Changing ----------------------------------------------------------------------------------------


def test_renaming_a_document(house: House) -> None:
    client = house.client("alice")
    response = client.post(house.url("rename"), {"name": "Lease 2024.pdf"}, headers=HTMX)

    house.lease.refresh_from_db()
    assert (response.status_code, response["HX-Trigger"]) == (204, "documents-changed")
    assert house.lease.name == "Lease 2024.pdf"
    assert client.post(house.url("rename"), {"name": "  "}, headers=HTMX).status_code == 422


def test_renaming_a_corpus(house: House) -> None:
    client = house.client("bob")
    assert client.post(house.url("rename-corpus"), {"name": "Deeds"}).url == house.url("corpus")
    house.corpus.refresh_from_db()
    assert house.corpus.name == "Deeds"
    assert client.post(house.url("rename-corpus"), {"name": ""}).status_code == 422


def test_retrying_a_failed_document_queues_it_again(house: House) -> None:
    Revision.objects.filter(document=house.lease).update(status=Revision.Status.FAILED)
    house.client("alice").post(house.url("retry"))

    assert Revision.objects.get(document=house.lease).status == Revision.Status.UPLOADED


def test_a_deleted_document_is_gone_from_list_and_viewer(house: House) -> None:
    client = house.client("alice")
    assert client.post(house.url("delete")).url.startswith(house.url("corpus"))

    assert "lease.pdf" not in body(client.get(house.url("corpus")))
    for name in ("document", "page", "page-picture", "original"):
        assert client.get(house.url(name, *arguments(name))).status_code == 404, name
