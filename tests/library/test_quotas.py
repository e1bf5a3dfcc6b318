"""Room of a workspace and of its members, counted once and to the byte."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.storage import default_storage

from apps.accounts.models import User
from apps.common.http import Refused
from apps.library.models import Corpus, Revision, Upload
from apps.library.quotas import check_room, largest_documents, member_room, member_rooms, workspace_room
from apps.library.services import add_upload, delete_document
from tests.factories import add_member, make_corpus, make_document, make_user, make_workspace
from tests.library.house import one_pdf, pdf

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user("alice@example.org")


@pytest.fixture
def bob() -> User:
    return make_user("bob@example.org")


@pytest.fixture
def corpus(alice: User, bob: User) -> Corpus:
    workspace = make_workspace("Tenancy", owner=alice)
    add_member(workspace, bob)
    return make_corpus(workspace)


def test_each_original_counts_once_for_whoever_brought_it(alice: User, bob: User, corpus: Corpus) -> None:
    first = make_document(corpus, "a.pdf", added_by=alice, size_bytes=100)
    make_document(corpus, "b.pdf", added_by=bob, size_bytes=30)
    make_document(corpus, "orphan.pdf", size_bytes=5)
    read_again = make_document(corpus, "again.pdf", added_by=alice, size_bytes=1000)
    Revision.objects.filter(document=read_again).update(base=first.current_revision)
    make_document(make_corpus(make_workspace("Elsewhere", owner=alice)), added_by=alice, size_bytes=7)
    delete_document(bob, make_document(corpus, "gone.pdf", added_by=bob, size_bytes=400))

    assert workspace_room(corpus.workspace).used_bytes == 135
    assert member_room(corpus.workspace, alice).used_bytes == 100
    assert [(one.name, one.documents, one.room.used_bytes) for one in member_rooms(corpus.workspace)] == [
        ("Alice", 1, 100),
        ("Bob", 1, 30),
        ("Somebody who left this installation", 1, 5),
    ]
    assert [(one.document.name, one.size_bytes) for one in largest_documents(corpus.workspace, 2)] == [
        ("a.pdf", 100),
        ("b.pdf", 30),
    ]


@pytest.mark.parametrize("limit", ["WORKSPACE_QUOTA_BYTES", "MEMBER_QUOTA_BYTES"])
def test_a_quota_holds_to_the_byte(bob: User, corpus: Corpus, settings: Any, limit: str) -> None:
    make_document(corpus, added_by=bob, size_bytes=60)
    setattr(settings, limit, 100)
    check_room(corpus.workspace, bob, 40)
    with pytest.raises(Refused) as refused:
        check_room(corpus.workspace, bob, 41)
    assert (refused.value.code, refused.value.status) == ("over_quota", 413)
    assert refused.value.details == {
        "used_bytes": 60,
        "arriving_bytes": 0,
        "quota_bytes": 100,
        "more_bytes": 41,
    }


def test_a_member_who_is_full_leaves_room_for_others(
    alice: User, bob: User, corpus: Corpus, settings: Any
) -> None:
    settings.MEMBER_QUOTA_BYTES = 100
    make_document(corpus, added_by=bob, size_bytes=100)
    with pytest.raises(Refused, match="You brought"):
        check_room(corpus.workspace, bob, 1)
    check_room(corpus.workspace, alice, 100)


def test_what_is_on_its_way_counts_as_announced(bob: User, corpus: Corpus, settings: Any) -> None:
    settings.MEMBER_QUOTA_BYTES = 100
    upload = Upload.objects.create(
        workspace=corpus.workspace, corpus=corpus, owner=bob, name="a.pdf", size_bytes=80
    )
    assert member_room(corpus.workspace, bob).left_bytes == 20
    with pytest.raises(Refused, match="on their way"):
        check_room(corpus.workspace, bob, 21)
    check_room(corpus.workspace, bob, 100, arriving=upload)
    upload.document = make_document(corpus, added_by=bob, size_bytes=80)
    upload.save()
    assert member_room(corpus.workspace, bob).left_bytes == 20


def test_bars_stay_within_their_frame(bob: User, corpus: Corpus, settings: Any) -> None:
    settings.WORKSPACE_QUOTA_BYTES = 100
    make_document(corpus, added_by=bob, size_bytes=250)
    room = workspace_room(corpus.workspace)
    assert (room.used_percent, room.taken_percent, room.left_bytes, room.is_full) == (100.0, 100.0, 0, True)


def test_uploads_that_arrive_together_cannot_pass_a_quota_that_each_keeps(
    bob: User, corpus: Corpus, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WORKSPACE_QUOTA_BYTES = len(one_pdf()) + 10
    save, others = default_storage.save, [pdf("b.pdf", one_pdf() + b"\n")]

    def meanwhile(*args: Any, **kwargs: Any) -> str:
        if others:
            add_upload(bob, corpus, others.pop())
        return save(*args, **kwargs)

    monkeypatch.setattr(default_storage, "save", meanwhile)
    with pytest.raises(Refused, match="This workspace holds"):
        add_upload(bob, corpus, pdf("a.pdf"))
    [kept] = Revision.objects.all()
    assert kept.document.name == "b.pdf"
    assert default_storage.listdir(str(corpus.workspace_id))[0] == [str(kept.pk)]


def test_content_that_the_workspace_has_needs_no_room_in_another_corpus(
    bob: User, corpus: Corpus, settings: Any
) -> None:
    there = add_upload(bob, corpus, pdf()).document
    settings.WORKSPACE_QUOTA_BYTES = 1
    assert add_upload(bob, make_corpus(corpus.workspace, "Other"), pdf()).document == there
