"""Uploads that may be cut: what is announced, who may go on, what becomes of them, and what is left of them."""

from __future__ import annotations

import hashlib
import os
import resource
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import Http404
from django.test import Client
from django.utils import timezone

from apps.common.http import Refused
from apps.library import resumable, services
from apps.library.models import Corpus, Document, Revision, Upload
from apps.library.part_file import PartBusy, PartFile, part_path, part_size
from apps.library.resumable import begin_upload, finish, finish_if_complete, upload_for
from apps.library.tasks import sweep_files
from apps.workspaces.models import Membership, Role
from tests.factories import make_corpus
from tests.library.house import House, house_with_lease, one_pdf

__all__ = ["house_with_lease"]


def announce(house: House, content: bytes, *, who: str = "bob", with_checksum: bool = False) -> Upload:
    digest = hashlib.sha256(content).hexdigest() if with_checksum else ""
    return begin_upload(
        house.people[who], house.corpus, name="deed.pdf", size_bytes=len(content), sha256=digest
    )


def send(house: House, upload: Upload, *pieces: bytes, who: str = "bob") -> None:
    """Each piece by an open of its own, the last one ended."""
    for piece in pieces:
        with PartFile(upload.pk) as part:
            part.append(piece)
            if part.offset == upload.size_bytes:
                finish(house.people[who], upload, part)


def leftovers() -> list[str]:
    return sorted(os.listdir(django_settings.FILE_UPLOAD_TEMP_DIR))


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Any, settings: Any) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path


def test_pieces_become_the_document_and_leave_nothing(house: House) -> None:
    content = one_pdf()
    upload = announce(house, content, with_checksum=True)
    send(house, upload, content[:100], content[100:])
    document = Upload.objects.get().document
    assert document is not None
    revision = document.current_revision
    assert revision is not None
    assert (document.name, document.added_by) == ("deed.pdf", house.people["bob"])
    assert (revision.sha256, revision.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    with default_storage.open(revision.storage_name) as stored:
        assert stored.read() == content
    assert leftovers() == []


def test_a_storage_in_a_folder_takes_the_file_without_copying_it(house: House) -> None:
    content = one_pdf()
    upload = announce(house, content)
    with PartFile(upload.pk) as part:
        part.append(content)
        before = part_path(upload.pk).stat().st_ino
        finish(house.people["bob"], upload, part)
    stored = default_storage.path(Revision.objects.latest("created_at").storage_name)
    assert os.stat(stored).st_ino == before
    assert os.stat(stored).st_mode & 0o777 == 0o600


def test_a_process_that_did_not_see_the_first_bytes_checks_the_whole(house: House) -> None:
    from apps.library import part_file

    content = one_pdf()
    upload = announce(house, content, with_checksum=True)
    send(house, upload, content[:100])
    part_file._hashes.clear()
    send(house, upload, content[100:])
    assert Upload.objects.get().document is not None


def test_ending_twice_is_ending_once(house: House) -> None:
    content = one_pdf()
    upload = announce(house, content)
    send(house, upload, content)
    finish_if_complete(house.people["bob"], upload, wait_seconds=0)
    with PartFile(upload.pk) as part:
        finish(house.people["bob"], upload, part)
    assert Document.objects.filter(name="deed.pdf").count() == 1
    assert leftovers() == []


def test_whoever_comes_back_ends_what_a_dead_process_did_not(house: House) -> None:
    content = one_pdf()
    upload = announce(house, content)
    with PartFile(upload.pk) as part:
        part.append(content)
    upload = upload_for(house.people["bob"], upload.pk)
    finish_if_complete(house.people["bob"], upload, wait_seconds=0)
    assert upload.document is not None


def test_a_failure_on_our_side_keeps_the_bytes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    content = one_pdf()
    upload = announce(house, content)

    def away(*_: object) -> None:
        raise ConnectionError("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(services, "_create_document", away)
        with pytest.raises(ConnectionError):
            send(house, upload, content)
    assert part_size(upload.pk) == len(content)
    assert leftovers() == [part_path(upload.pk).name]
    finish_if_complete(house.people["bob"], upload, wait_seconds=0)
    assert upload.document is not None


def test_known_content_needs_no_byte_and_no_room(house: House, settings: Any) -> None:
    content = one_pdf()
    known = services.add_upload(house.people["alice"], house.corpus, SimpleUploadedFile("a.pdf", content))
    settings.WORKSPACE_QUOTA_BYTES = settings.UPLOADS_PER_MEMBER = 1
    upload = announce(house, content, with_checksum=True)
    assert upload.document == known.document
    assert resumable.received_bytes(upload) == len(content)


def test_content_of_another_workspace_is_not_known(house: House) -> None:
    content = one_pdf()
    charlie = house.people["charlie"]
    elsewhere = make_corpus(charlie.memberships.get().workspace)
    services.add_upload(charlie, elsewhere, SimpleUploadedFile("a.pdf", content))
    assert announce(house, content, with_checksum=True).document is None


@pytest.mark.parametrize(
    ("changes", "code", "status"),
    [
        ({"name": "page.exe"}, "kind_not_accepted", 415),
        ({"name": ""}, "kind_not_accepted", 415),
        ({"size_bytes": 0}, "empty_file", 400),
        ({"size_bytes": 1001}, "too_large", 413),
        ({"sha256": "abc"}, "bad_checksum", 400),
    ],
    ids=lambda value: str(value),
)
def test_what_is_wrong_is_refused_before_a_byte(
    house: House, settings: Any, changes: dict[str, Any], code: str, status: int
) -> None:
    settings.MAX_UPLOAD_BYTES = 1000
    values: dict[str, Any] = {"name": "deed.pdf", "size_bytes": 1000, "sha256": "", **changes}
    with pytest.raises(Refused) as refused:
        begin_upload(house.people["bob"], house.corpus, **values)
    assert (refused.value.code, refused.value.status) == (code, status)
    assert not Upload.objects.exists()


def test_unfinished_uploads_are_counted(house: House, settings: Any) -> None:
    settings.UPLOADS_PER_MEMBER = 2
    first = announce(house, one_pdf())
    announce(house, one_pdf())
    with pytest.raises(Refused) as refused:
        announce(house, one_pdf())
    assert (refused.value.code, refused.value.status) == ("too_many_uploads", 429)
    announce(house, one_pdf(), who="alice")
    resumable.discard(first)
    announce(house, one_pdf())


def test_the_announced_size_counts_until_it_is_here(house: House, settings: Any) -> None:
    used = services.add_upload(
        house.people["bob"], house.corpus, SimpleUploadedFile("a.pdf", one_pdf() + b"\n")
    )
    size = used.document.current_revision.size_bytes + Revision.objects.get(document=house.lease).size_bytes  # type: ignore[union-attr]
    settings.WORKSPACE_QUOTA_BYTES = size + len(one_pdf())
    announce(house, b"%" * len(one_pdf()), who="alice")
    with pytest.raises(Refused) as refused:
        announce(house, b"x")
    assert refused.value.code == "over_quota"
    assert refused.value.details["arriving_bytes"] == len(one_pdf())
    with pytest.raises(Refused):
        services.add_upload(house.people["bob"], house.corpus, SimpleUploadedFile("b.pdf", one_pdf()))


def test_an_upload_does_not_stand_in_its_own_way(house: House, settings: Any) -> None:
    content = one_pdf()
    used = Revision.objects.get(document=house.lease).size_bytes
    settings.WORKSPACE_QUOTA_BYTES = used + len(content)
    settings.MEMBER_QUOTA_BYTES = len(content)
    send(house, announce(house, content), content)
    assert Upload.objects.get().document is not None


def test_others_do_not_know_of_it_and_administrators_may_only_discard_it(house: House) -> None:
    upload = announce(house, one_pdf())
    for who in ("alice", "vera", "charlie"):
        with pytest.raises(Http404):
            upload_for(house.people[who], upload.pk)
    assert upload_for(house.people["alice"], upload.pk, may_be_of_others=True) == upload
    for who in ("vera", "charlie"):
        with pytest.raises(Http404):
            upload_for(house.people[who], upload.pk, may_be_of_others=True)


def test_rights_that_end_end_the_upload(house: House) -> None:
    upload, bob = announce(house, one_pdf()), house.people["bob"]
    membership = Membership.objects.get(user=bob)
    membership.role = Role.VIEWER
    membership.save()
    with pytest.raises(PermissionDenied):
        upload_for(bob, upload.pk)
    membership.delete()
    with pytest.raises(Http404):
        upload_for(bob, upload.pk)


def test_a_corpus_that_is_gone_takes_its_uploads_along(house: House) -> None:
    upload, bob = announce(house, one_pdf()), house.people["bob"]
    with PartFile(upload.pk) as part:
        part.append(one_pdf())
        Corpus.objects.filter(pk=house.corpus.pk).update(deleted_at=timezone.now())
        with pytest.raises(Http404):
            upload_for(bob, upload.pk)
        with pytest.raises(Http404):
            finish(bob, upload, part)
    assert not Upload.objects.exists()
    assert leftovers() == []


def test_the_sweep_leaves_nothing_of_what_is_a_day_old(house: House) -> None:
    old, gone, fresh = (announce(house, one_pdf()) for _ in range(3))
    for upload in (old, gone, fresh):
        with PartFile(upload.pk) as part:
            part.append(one_pdf()[:200])
    yesterday = timezone.now() - timedelta(hours=25)
    Upload.objects.filter(pk=old.pk).update(touched_at=yesterday)
    Upload.objects.filter(pk=gone.pk).delete()
    os.utime(part_path(gone.pk), (yesterday.timestamp(), yesterday.timestamp()))
    sweep_files()
    assert leftovers() == [part_path(fresh.pk).name]
    assert list(Upload.objects.all()) == [fresh]


def test_one_writer_at_a_time() -> None:
    upload_id = uuid4()
    with PartFile(upload_id) as first:
        first.append(b"abc")
        with pytest.raises(PartBusy):
            PartFile(upload_id)
        with pytest.raises(PartBusy):
            PartFile(upload_id, wait_seconds=0.1)
    with PartFile(upload_id) as second:
        assert second.offset == 3
        assert second.sha256() == hashlib.sha256(b"abc").hexdigest()
        second.cut(1)
        second.append(b"!")
        assert second.sha256() == hashlib.sha256(b"a!").hexdigest()


def test_an_announcement_without_bytes_holds_room_for_an_hour_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = one_pdf()
    room = resumable.KEEP_FREE_BYTES + len(content)
    monkeypatch.setattr(resumable, "free_bytes", lambda: room)
    first = announce(house, content)
    with pytest.raises(Refused) as refused:
        announce(house, content + b" ")
    assert refused.value.code == "disk_full"
    Upload.objects.filter(pk=first.pk).update(touched_at=timezone.now() - timedelta(minutes=61))
    assert announce(house, content).pk != first.pk


@pytest.mark.usefixtures("db")
def test_an_ordinary_upload_that_finds_no_room_is_refused_in_words(house: House) -> None:
    content = one_pdf() + bytes(300_000)
    client: Client = house.client("bob")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Larger than what the database writes in a moment, smaller than the file.
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        response = client.post(
            house.url("documents"),
            {"file": SimpleUploadedFile("large.pdf", content)},
            headers={"Accept": "application/json"},
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (response.status_code, response.json()["error"]["code"]) == (507, "disk_full")
    assert leftovers() == []


def test_an_upload_that_is_discarded_while_somebody_waits_for_its_end_is_gone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = announce(house, one_pdf())
    with PartFile(upload.pk) as part:
        part.append(one_pdf())

    def discarded(*args: Any) -> None:
        resumable.discard(Upload.objects.get())
        finish(*args)

    monkeypatch.setattr(resumable, "finish", discarded)
    response = house.client("bob").get(f"/api/v1/uploads/{upload.pk}")
    assert response.status_code == 404
    assert leftovers() == []
