"""The page of what takes the room, and what is left of uploads from another time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from apps.library.models import Upload
from apps.library.part_file import PartFile, part_path
from tests.factories import make_document
from tests.library.house import House, body, house_with_lease

__all__ = ["house_with_lease"]
MIB = 1024**2


def begun(house: House, owner: str = "bob", name: str = "half.pdf", size: int = 10 * MIB) -> Upload:
    """An upload of which 3 MiB are here."""
    upload = Upload.objects.create(
        workspace=house.workspace,
        corpus=house.corpus,
        owner=house.people[owner],
        name=name,
        size_bytes=size,
        sha256="ab" * 32,
    )
    with PartFile(upload.pk) as part:
        part.append(b"%PDF-" + bytes(3 * MIB - 5))
    return upload


def storage_page(house: House, who: str) -> str:
    return body(house.client(who).get(reverse("library:storage", args=[house.workspace.slug])))


def test_a_member_sees_the_sum_the_largest_and_what_is_theirs(house: House) -> None:
    make_document(house.corpus, "large.pdf", added_by=house.people["bob"], size_bytes=30 * MIB)
    begun(house)
    begun(house, "alice", "of-alice.pdf")
    page = storage_page(house, "bob")
    assert "large.pdf" in page
    assert "Brought by you" in page
    assert "half.pdf" in page
    assert "of-alice.pdf" not in page
    assert "By person" not in page


def test_an_administrator_sees_what_each_brought(house: House) -> None:
    make_document(house.corpus, "large.pdf", added_by=house.people["bob"], size_bytes=30 * MIB)
    begun(house)
    page = storage_page(house, "alice")
    assert "By person" in page
    assert "Bob" in page
    assert "half.pdf" in page


def test_a_viewer_sees_sums_and_documents_alone(house: House) -> None:
    begun(house)
    page = storage_page(house, "vera")
    assert "This workspace" in page
    assert "Brought by you" not in page
    assert "half.pdf" not in page


def test_the_questions_asked_do_not_grow_with_what_is_there(
    house: House, django_assert_max_num_queries: Any
) -> None:
    for number in range(15):
        make_document(house.corpus, f"{number}.pdf", added_by=house.people["bob"])
        begun(house, name=f"{number}.pdf", size=3 * MIB + 5)
    client = house.client("alice")
    with django_assert_max_num_queries(18):
        assert client.get(reverse("library:storage", args=[house.workspace.slug])).status_code == 200


def test_the_documents_pane_says_what_is_unfinished_and_how_to_go_on(house: House) -> None:
    upload = begun(house)
    page = body(house.client("bob").get(house.url("corpus")))
    assert f'data-upload-url="/api/v1/uploads/{upload.pk}"' in page
    assert "3.0 of 10 MiB are here. Choose the same file again to go on." in page
    assert "half.pdf" not in body(house.client("alice").get(house.url("corpus")))


@pytest.mark.parametrize(
    ("who", "status", "is_kept"),
    [("bob", 302, False), ("alice", 302, False), ("vera", 404, True), ("charlie", 404, True)],
)
def test_whoever_began_it_and_administrators_discard_an_upload(
    house: House, who: str, status: int, is_kept: bool
) -> None:
    upload = begun(house)
    response = house.client(who).post(
        reverse("library:discard-upload", args=[house.workspace.slug, upload.pk]), {"corpus": "1"}
    )
    assert response.status_code == status
    assert Upload.objects.exists() == is_kept
    assert part_path(upload.pk).exists() == is_kept
    if not is_kept:
        assert response.headers["Location"] == f"{house.url('corpus')}?pane=documents"


def test_another_workspaces_address_does_not_discard(house: House) -> None:
    upload = begun(house, "alice")
    other = house.people["charlie"].memberships.get().workspace
    response = house.client("charlie").post(reverse("library:discard-upload", args=[other.slug, upload.pk]))
    assert response.status_code == 404


def test_uploads_too_old_are_not_kept_for_ever(house: House) -> None:
    from django.utils import timezone

    from apps.library.tasks import sweep_files

    old, fresh = begun(house), begun(house, "alice")
    Upload.objects.filter(pk=old.pk).update(touched_at=timezone.now() - timedelta(hours=25))
    sweep_files()
    assert list(Upload.objects.all()) == [fresh]
    assert not part_path(old.pk).exists()
    assert part_path(fresh.pk).exists()
