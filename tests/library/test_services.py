"""Documents and corpora: taking in, recognising, reading, retrying, deleting."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from apps.accounts.models import User
from apps.common.http import Refused
from apps.library import reading, services, storage
from apps.library.claims import Claim, ClaimLost
from apps.library.corpora import corpus_meter, corpus_rows
from apps.library.models import Corpus, CorpusEntry, Document, Page, Revision
from apps.library.queueing import MAX_ATTEMPTS
from apps.library.tasks import reap_documents, sweep_files
from apps.library.uploads import display_name
from apps.llm.tokens import marker_tokens
from apps.workspaces.models import AuditEntry
from tests.factories import make_corpus, make_document, make_user, make_workspace, pdf_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user("alice@example.org")


@pytest.fixture
def corpus(alice: User) -> Corpus:
    return make_corpus(make_workspace("Tenancy", owner=alice))


def upload(content: bytes, name: str = "lease.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="application/pdf")


def add(alice: User, corpus: Corpus, *texts: str, name: str = "lease.pdf") -> services.AddedDocument:
    return services.add_upload(alice, corpus, upload(same_pdf(texts or ("One page of words.",)), name))


@cache
def same_pdf(texts: tuple[str, ...]) -> bytes:
    """A PDF writer dates its files; the same bytes come from one file alone."""
    return pdf_bytes(texts)


def test_an_upload_is_stored_under_ids_and_waits(alice: User, corpus: Corpus) -> None:
    content = pdf_bytes(["One page of words."])
    added = services.add_upload(alice, corpus, upload(content, "../../etc/lease.pdf"))
    revision = added.document.current_revision

    assert revision is not None
    assert (revision.status, revision.sha256) == ("uploaded", hashlib.sha256(content).hexdigest())
    assert revision.storage_name == f"{corpus.workspace_id}/{revision.pk}/original"
    assert default_storage.open(revision.storage_name).read() == content
    assert added.document.name == "lease.pdf"
    assert added.entry.ordinal == 1


def test_reading_makes_pages_and_sums_that_agree(alice: User, corpus: Corpus) -> None:
    texts = [f"Page {number} speaks of clause {number} and its consequences." for number in range(1, 21)]
    added = add(alice, corpus, *texts)
    reading.read_revision(str(added.document.current_revision_id))

    revision = Revision.objects.get(document=added.document)
    pages = list(Page.objects.filter(revision=revision))
    assert (revision.status, revision.page_count, revision.done, revision.claim) == ("ready", 20, 20, None)
    assert [page.number for page in pages] == list(range(1, 21))
    assert all(text in page.text for text, page in zip(texts, pages, strict=True))
    assert revision.token_count == sum(page.tokens + marker_tokens(1, page.number) for page in pages)
    row = corpus_rows(corpus, alice)[0]
    assert row.tokens == sum(page.tokens + marker_tokens(row.ordinal, page.number) for page in pages)


def test_the_same_content_in_the_same_corpus_is_the_same_document(alice: User, corpus: Corpus) -> None:
    first, again = add(alice, corpus), add(alice, corpus, name="copy.pdf")

    assert again.is_known
    assert again.document.pk == first.document.pk
    assert Revision.objects.count() == 1
    assert len(list(storage.stored_revisions())) >= 1


def test_content_the_workspace_knows_joins_another_corpus_as_it_was_read(alice: User, corpus: Corpus) -> None:
    first = add(alice, corpus)
    other = services.create_corpus(alice, corpus.workspace, "Other")
    joined = add(alice, other)

    assert not joined.is_known
    assert joined.document.pk == first.document.pk
    assert Revision.objects.count() == 1


def test_content_of_another_workspace_is_a_stranger(alice: User, corpus: Corpus) -> None:
    first = add(alice, corpus)
    elsewhere = make_corpus(make_workspace("Elsewhere", owner=alice))
    assert add(alice, elsewhere).document.pk != first.document.pk


def test_ordinals_are_never_given_twice(alice: User, corpus: Corpus) -> None:
    first = add(alice, corpus, "The first document.")
    second = add(alice, corpus, "The second document.")
    services.delete_document(alice, second.document)
    third = add(alice, corpus, "The third document.")

    assert [first.entry.ordinal, second.entry.ordinal, third.entry.ordinal] == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "content", "code", "status"),
    [
        ("empty.pdf", b"", "empty_file", 400),
        ("words.pdf", b"These are only words.", "not_a_pdf", 415),
        ("page.exe", b"%PDF-1.7 <script>", "kind_not_accepted", 415),
    ],
)
def test_what_is_no_pdf_is_refused_and_leaves_nothing(
    alice: User, corpus: Corpus, name: str, content: bytes, code: str, status: int
) -> None:
    with pytest.raises(Refused) as refused:
        services.add_upload(alice, corpus, upload(content, name))

    assert (refused.value.code, refused.value.status) == (code, status)
    assert not Document.objects.exists()


def test_the_limit_holds_to_the_byte(alice: User, corpus: Corpus, settings: Any) -> None:
    content = pdf_bytes(["One page of words."])
    settings.MAX_UPLOAD_BYTES = len(content)
    services.add_upload(alice, corpus, upload(content))

    with pytest.raises(Refused) as refused:
        services.add_upload(alice, corpus, upload(content + b"\n"))
    assert refused.value.status == 413


def test_a_full_workspace_refuses_with_numbers(alice: User, corpus: Corpus, settings: Any) -> None:
    settings.WORKSPACE_QUOTA_BYTES = 100
    with pytest.raises(Refused) as refused:
        add(alice, corpus)
    assert refused.value.code == "over_quota"
    assert refused.value.details["quota_bytes"] == 100


def test_a_full_workspace_is_told_in_the_unit_of_its_setting(
    alice: User, corpus: Corpus, settings: Any
) -> None:
    document = add(alice, corpus).document
    Revision.objects.filter(document=document).update(size_bytes=3 * 1024**2)
    settings.WORKSPACE_QUOTA_BYTES = 3 * 1024**2
    with pytest.raises(Refused, match="holds 3 MiB of its 3 MiB"):
        services.add_upload(alice, corpus, upload(pdf_bytes(["Other words."])))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("C:\\scans\\lease.pdf", "lease.pdf"),
        ("a/b/lease.pdf", "lease.pdf"),
        ("lease\u202egpj.pdf", "leasegpj.pdf"),
        ("le\x00ase\n.pdf", "lease.pdf"),
        ("e\u0301te\u0301.pdf", "été.pdf"),
        ("", "Untitled"),
        ("\u200b", "Untitled"),
    ],
)
def test_names_are_fit_to_be_shown(given: str, shown: str) -> None:
    assert display_name(given) == shown


def test_a_long_name_keeps_its_ending_within_255_bytes() -> None:
    name = display_name("ü" * 300 + ".pdf")
    assert name.endswith("….pdf")
    assert len(name.encode()) <= 255


def test_a_damaged_file_fails_with_a_sentence_and_can_be_retried(alice: User, corpus: Corpus) -> None:
    added = services.add_upload(alice, corpus, upload(b"%PDF-1.7\nnothing that a reader knows"))
    revision_id = str(added.document.current_revision_id)
    reading.read_revision(revision_id)
    failed = Revision.objects.get(pk=revision_id)
    assert failed.status == "failed"
    assert failed.error_code
    assert failed.error_sentence

    services.retry_document(alice, added.document)
    waiting = Revision.objects.get(pk=revision_id)
    assert (waiting.status, waiting.attempts, waiting.error_code) == ("uploaded", 0, "")


def test_deleting_removes_bytes_and_pages_and_leaves_a_tombstone(
    alice: User, corpus: Corpus, django_capture_on_commit_callbacks: Any
) -> None:
    added = add(alice, corpus)
    reading.read_revision(str(added.document.current_revision_id))
    revision = Revision.objects.get(document=added.document)
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_document(alice, added.document)

    assert not default_storage.exists(f"{corpus.workspace_id}/{revision.pk}/original")
    assert not Page.objects.filter(revision=revision).exists()
    tombstone = Document.objects.get(pk=added.document.pk)
    assert (tombstone.name, tombstone.deleted_at is not None) == ("", True)
    assert corpus_rows(corpus, alice) == []
    assert AuditEntry.objects.filter(action="document.delete", target_id=added.document.pk).exists()


def test_a_reading_that_lost_its_claim_writes_nothing_more(alice: User, corpus: Corpus) -> None:
    added = add(alice, corpus)
    revision = Revision.objects.get(document=added.document)
    token = revision.claim_for_reading(60)
    assert token is not None
    services.delete_document(alice, added.document)

    with pytest.raises(ClaimLost):
        reading._read(Claim(revision, token))
    assert not Page.objects.filter(revision=revision).exists()


def test_pages_that_an_attempt_stored_are_kept_by_the_next(alice: User, corpus: Corpus) -> None:
    added = add(alice, corpus, *[f"Page {number} of many words." for number in range(1, 40)])
    revision = Revision.objects.get(document=added.document)
    reading.read_revision(str(revision.pk))
    kept = Page.objects.get(revision=revision, number=1)
    Page.objects.filter(revision=revision, number__gt=20).delete()
    Revision.objects.filter(pk=revision.pk).update(status="uploaded")

    reading.read_revision(str(revision.pk))

    assert Page.objects.filter(revision=revision).count() == 39
    assert Page.objects.get(revision=revision, number=1).pk == kept.pk


def test_the_reaper_queues_a_lost_reading_again_and_gives_up_after_three(alice: User, corpus: Corpus) -> None:
    added = add(alice, corpus)
    revision = Revision.objects.get(document=added.document)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert revision.claim_for_reading(60) is not None, attempt
        Revision.objects.filter(pk=revision.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))
        reap_documents()
    revision.refresh_from_db()
    assert (revision.status, revision.error_code) == ("failed", "worker_died")


def test_the_reaper_leaves_a_living_claim_alone(alice: User, corpus: Corpus) -> None:
    added = add(alice, corpus)
    revision = Revision.objects.get(document=added.document)
    claim = revision.claim_for_reading(60)
    reap_documents()
    revision.refresh_from_db()
    assert revision.claim == claim


def test_only_one_worker_gets_a_claim(alice: User, corpus: Corpus) -> None:
    revision = Revision.objects.get(document=add(alice, corpus).document)
    assert revision.claim_for_reading(60) is not None
    assert revision.claim_for_reading(60) is None


def test_the_sweep_removes_what_has_no_row(alice: User, corpus: Corpus, settings: Any) -> None:
    import os
    import time
    import uuid

    from django.core.files.base import ContentFile

    kept = Revision.objects.get(document=add(alice, corpus).document)
    orphan = storage.original_name(corpus.workspace_id, uuid.uuid4())
    fresh = storage.original_name(corpus.workspace_id, uuid.uuid4())
    for name in (orphan, fresh):
        default_storage.save(name, ContentFile(b"left behind"))
    long_ago = time.time() - 48 * 3600
    os.utime(default_storage.path(orphan), (long_ago, long_ago))
    half = settings.FILE_UPLOAD_TEMP_DIR / "half.upload"
    half.write_bytes(b"cut")
    os.utime(half, (long_ago, long_ago))

    sweep_files()

    assert not default_storage.exists(orphan)
    assert default_storage.exists(fresh)
    assert default_storage.exists(kept.storage_name)
    assert not half.exists()


def test_deleting_a_corpus_deletes_what_is_in_no_other(alice: User, corpus: Corpus) -> None:
    only_here = add(alice, corpus, "Only here.").document
    both = add(alice, corpus, "In both.").document
    other = services.create_corpus(alice, corpus.workspace, "Other")
    services.join_corpus(other, both)

    services.delete_corpus(alice, corpus)

    assert Document.objects.get(pk=only_here.pk).deleted_at is not None
    assert Document.objects.get(pk=both.pk).deleted_at is None
    assert CorpusEntry.objects.filter(corpus=corpus, removed_at=None).count() == 0


def test_listing_a_corpus_takes_two_queries_however_long_it_is(
    alice: User, corpus: Corpus, django_assert_num_queries: Any
) -> None:
    for number in range(12):
        make_document(corpus, f"{number}.pdf", ["A page of words."])
    with django_assert_num_queries(2):
        meter = corpus_meter(corpus_rows(corpus, alice))
    assert (meter.documents, meter.pages) == (12, 12)
