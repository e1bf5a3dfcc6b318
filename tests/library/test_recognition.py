"""Recognition of scans as a reading of its own: what it takes over, what it adds, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from apps.common.http import Refused
from apps.library import pictures, readings, recognition, storage
from apps.library.ingestion import ocr
from apps.library.ingestion.ocr import PageRecognised
from apps.library.ingestion.quotes import PageWords, Word
from apps.library.models import Corpus, Document, Page, Revision
from apps.library.reading import read_revision
from apps.library.services import delete_document
from apps.library.tasks import reap_documents, recognise_revision
from tests.factories import make_corpus, make_document, make_user, make_workspace
from tests.library.ingestion.pdfs import PROSE, save, text
from tests.library.ingestion.scans import CLAUSES, lines, scanned

SCAN_TEXT = "Recognised words of a scan."


@pytest.fixture(autouse=True)
def _switched_on(settings: Any) -> None:
    settings.RECOGNISE_SCANS = True


@pytest.fixture
def corpus(db: None) -> Corpus:
    return make_corpus(make_workspace(owner=make_user("alice@example.org")))


@pytest.fixture
def alice(corpus: Corpus) -> Any:
    from apps.accounts.models import User

    return User.objects.get(email="alice@example.org")


@pytest.fixture
def mixed(corpus: Corpus) -> Document:
    """Three pages with text, and a scan between the first and the second; read already."""
    return make_document(corpus, "mixed.pdf", [PROSE, "", PROSE, PROSE], with_file=True)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Recognition without models; gives the page numbers of each call. Sets what is found by `found` of a page."""
    calls: list[list[int]] = []

    def pages(fd: int, wanted: Sequence[Any], **options: Any) -> Any:
        calls.append([page.number for page in wanted])
        for page in wanted:
            words = PageWords(595, 842, (Word(0.1, 0.1, 0.3, 0.12, "Recognised", 0, 0),))
            yield PageRecognised(page.number, True, f"{SCAN_TEXT} {page.number}", 9, 595, 842, words)

    monkeypatch.setattr(recognition, "recognise_pages", pages)
    return calls


def states(revision: Revision) -> list[tuple[int, str, str]]:
    return list(revision.pages.order_by("number").values_list("number", "state", "source"))


def current(document: Document) -> Revision:
    document.refresh_from_db()
    assert document.current_revision is not None
    return document.current_revision


def upcoming(document: Document) -> Revision:
    document.refresh_from_db()
    assert document.next_revision is not None
    return document.next_revision


@pytest.fixture
def unread(corpus: Corpus, tmp_path: Path) -> Document:
    """A page of text and a scan, stored and not read yet."""
    document = make_document(corpus, "unread.pdf", [], status=Revision.Status.UPLOADED)
    revision = current(document)
    file = save(tmp_path / "unread.pdf", text(PROSE), scanned(lines(CLAUSES)))
    revision.storage_name = default_storage.save(
        storage.original_name(corpus.workspace_id, revision.pk), ContentFile(file.read_bytes())
    )
    revision.save(update_fields=["storage_name"])
    return document


def test_a_reading_with_scans_queues_their_recognition_and_stays_in_use(unread: Document) -> None:
    revision = current(unread)
    assert read_revision(str(revision.pk))
    assert current(unread).status == Revision.Status.READY
    assert states(revision) == [(1, "read", "text_layer"), (2, "no_text", "text_layer")]
    following = upcoming(unread)
    assert (following.base_id, following.status) == (revision.pk, "uploaded")
    assert (following.total, following.seconds_left) == (1, 10)
    assert following.storage_name == revision.storage_name


def test_recognition_reads_a_real_scan_and_takes_the_place_of_the_reading(unread: Document) -> None:
    read_revision(str(current(unread).pk))
    before, following = current(unread), upcoming(unread)
    try:
        recognise_revision(str(following.pk))
    finally:
        ocr.ocr_sandbox().close()
    assert current(unread) == following
    assert unread.next_revision is None
    assert states(following) == [(1, "read", "text_layer"), (2, "read", "ocr")]
    ready = current(unread)
    assert (ready.pages_not_read, ready.page_count, ready.done, ready.seconds_left) == (0, 2, 2, 0)
    assert ready.token_count > before.token_count
    [scan] = ready.pages.filter(source="ocr")
    assert "terminate this agreement" in scan.text
    words = pictures.page_words(ready, [2])[2].words
    assert [word.text for word in words][:3] == ["Either", "party", "may"]


def test_good_pages_are_taken_over_and_only_scans_are_recognised(
    mixed: Document, alice: Any, quick: list[list[int]]
) -> None:
    base = current(mixed)
    readings.read_again(alice, mixed, {"ocr": "scans"})
    assert recognition.recognise_revision(str(upcoming(mixed).pk))
    assert quick == [[2]]
    ready = current(mixed)
    assert [source for _, _, source in states(ready)] == ["text_layer", "ocr", "text_layer", "text_layer"]
    fields = ("number", "label", "text", "tokens", "state", "flags", "width", "workspace_id")
    kept = ready.pages.filter(source="text_layer").values_list(*fields)
    assert list(kept) == list(base.pages.filter(state="read").values_list(*fields))
    assert ready.pages_not_read == 0


def test_every_page_can_be_recognised(mixed: Document, alice: Any, quick: list[list[int]]) -> None:
    readings.read_again(alice, mixed, {"ocr": "all"})
    recognition.recognise_revision(str(upcoming(mixed).pk))
    assert quick == [[1, 2, 3, 4]]
    assert {source for _, _, source in states(current(mixed))} == {"ocr"}


def test_never_goes_back_to_the_text_layers_at_once(
    mixed: Document, alice: Any, quick: list[list[int]]
) -> None:
    base = current(mixed)
    readings.read_again(alice, mixed, {"ocr": "all"})
    recognition.recognise_revision(str(upcoming(mixed).pk))
    assert current(mixed) != base
    readings.read_again(alice, mixed, {"ocr": "never"})
    assert current(mixed) == base
    assert mixed.next_revision is None


def test_progress_is_written_page_by_page(
    mixed: Document, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    readings.read_again(alice, mixed, {"ocr": "all"})
    following = upcoming(mixed)

    def pages(fd: int, wanted: Sequence[Any], **options: Any) -> Any:
        for page in wanted:
            yield PageRecognised(page.number, True, "Words.", 3, 595, 842, PageWords(595, 842, ()))
            row = Revision.objects.get(pk=following.pk)
            seen.append((row.stage, row.done, row.total, row.status, row.pages.count()))

    monkeypatch.setattr(recognition, "recognise_pages", pages)
    recognition.recognise_revision(str(following.pk))
    assert seen == [("Recognising text", number, 4, "reading", number) for number in (1, 2, 3, 4)]


def test_what_an_attempt_stored_is_kept_by_the_next(
    mixed: Document, alice: Any, quick: list[list[int]]
) -> None:
    readings.read_again(alice, mixed, {"ocr": "all"})
    following = upcoming(mixed)
    base = current(mixed)
    Page.objects.create(
        revision=following,
        workspace_id=mixed.workspace_id,
        number=1,
        label="1",
        text="Kept.",
        tokens=2,
        source="ocr",
    )
    assert base.pages.count() == 4
    recognition.recognise_revision(str(following.pk))
    assert quick == [[2, 3, 4]]
    assert current(mixed).pages.get(number=1).text == "Kept."


def test_pages_that_cannot_be_recognised_keep_what_the_base_had_and_say_why(
    mixed: Document, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pages(fd: int, wanted: Sequence[Any], **options: Any) -> Any:
        for page in wanted:
            yield PageRecognised(page.number, False, reason="Recognising its text took too long.")

    monkeypatch.setattr(recognition, "recognise_pages", pages)
    readings.read_again(alice, mixed, {"ocr": "all"})
    recognition.recognise_revision(str(upcoming(mixed).pk))
    ready = current(mixed)
    assert [state for _, state, _ in states(ready)] == ["read", "no_text", "read", "read"]
    assert [page.reason for page in ready.pages.order_by("number")] == [
        "",
        "Recognising its text took too long.",
        "",
        "",
    ]
    assert ready.pages_not_read == 1


def test_a_recognition_that_fails_leaves_the_reading_in_use_and_can_go_on(
    mixed: Document, alice: Any, quick: list[list[int]]
) -> None:
    base = current(mixed)
    readings.read_again(alice, mixed, {"ocr": "all"})
    following = upcoming(mixed)
    Revision.objects.filter(pk=following.pk).update(storage_name=f"{mixed.workspace_id}/{base.pk}/gone")
    recognition.recognise_revision(str(following.pk))
    assert current(mixed) == base
    assert (upcoming(mixed).status, upcoming(mixed).error_code) == ("failed", "file_missing")
    Revision.objects.filter(pk=following.pk).update(storage_name=base.storage_name)
    readings.read_again(alice, mixed, {"ocr": "all"})
    assert upcoming(mixed) == following
    recognition.recognise_revision(str(following.pk))
    assert current(mixed) == following


def test_other_options_replace_one_that_failed(mixed: Document, alice: Any) -> None:
    readings.read_again(alice, mixed, {"ocr": "all"})
    failed = upcoming(mixed)
    Revision.objects.filter(pk=failed.pk).update(status="failed", error_code="worker_died")
    readings.read_again(alice, mixed, {"ocr": "scans"})
    assert upcoming(mixed) != failed
    assert not Revision.objects.filter(pk=failed.pk).exists()


def test_cancelling_leaves_nothing_of_it(
    mixed: Document, alice: Any, quick: list[list[int]], django_capture_on_commit_callbacks: Any
) -> None:
    base = current(mixed)
    readings.read_again(alice, mixed, {"ocr": "all"})
    following = upcoming(mixed)
    name = storage.ocr_words_name(following, 1)
    default_storage.save(name, ContentFile(b"{}"))
    Page.objects.create(
        revision=following, workspace_id=mixed.workspace_id, number=1, label="1", source="ocr"
    )
    with django_capture_on_commit_callbacks(execute=True):
        assert readings.cancel_next(alice, mixed)
    assert current(mixed) == base
    assert mixed.next_revision is None
    assert not Revision.objects.filter(pk=following.pk).exists()
    assert not default_storage.exists(name)
    assert base.pages.count() == 4
    assert not readings.cancel_next(alice, mixed)


@pytest.mark.parametrize("end", ["cancel", "delete"])
def test_a_reading_that_goes_while_a_page_is_recognised_stops_and_leaves_no_file(
    mixed: Document,
    alice: Any,
    end: str,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    readings.read_again(alice, mixed, {"ocr": "all"})
    following = upcoming(mixed)
    folder = storage.home(following)

    def pages(fd: int, wanted: Sequence[Any], **options: Any) -> Any:
        for page in wanted:
            if page.number == 2:
                with django_capture_on_commit_callbacks(execute=True):
                    readings.cancel_next(alice, mixed) if end == "cancel" else delete_document(alice, mixed)
            yield PageRecognised(page.number, True, "Words.", 3, 595, 842, PageWords(595, 842, ()))
            assert page.number < 2, "went on after its end"

    monkeypatch.setattr(recognition, "recognise_pages", pages)
    recognition.recognise_revision(str(following.pk))
    names = default_storage.listdir(f"{folder}/pages")[1] if default_storage.exists(f"{folder}/pages") else []
    assert not [name for name in names if str(following.pk) in name]
    assert default_storage.exists(f"{folder}/original") == (end == "cancel")
    assert not Page.objects.filter(revision_id=following.pk).exists()


@pytest.mark.parametrize(
    ("ocr", "prepare", "code"),
    [
        ("sometimes", {}, "unknown_option"),
        ("all", {"next": True}, "already_reading"),
        ("all", {"current": "failed"}, "not_ready"),
        ("all", {"off": True}, "recognition_off"),
        ("scans", {"no_scans": True}, "nothing_to_recognise"),
    ],
)
def test_what_cannot_be_read_again_is_refused_with_its_reason(
    mixed: Document, alice: Any, settings: Any, ocr: str, prepare: dict[str, Any], code: str
) -> None:
    if prepare.get("next"):
        readings.read_again(alice, mixed, {"ocr": "all"})
    if status := prepare.get("current"):
        Revision.objects.filter(pk=current(mixed).pk).update(status=status)
    if prepare.get("no_scans"):
        Page.objects.filter(state="no_text").update(state="read")
    settings.RECOGNISE_SCANS = not prepare.get("off")
    with pytest.raises(Refused) as refused:
        readings.read_again(alice, mixed, {"ocr": ocr})
    assert refused.value.code == code


def test_no_recognition_starts_where_it_is_switched_off_or_not_wanted(mixed: Document, settings: Any) -> None:
    base = current(mixed)
    settings.RECOGNISE_SCANS = False
    assert readings.start_recognition(base) is None
    settings.RECOGNISE_SCANS = True
    base.options = {"ocr": "never"}
    assert readings.start_recognition(base) is None
    base.options = {}
    assert readings.start_recognition(base) is not None


def test_switching_it_off_ends_what_waits_with_the_reason(mixed: Document, alice: Any, settings: Any) -> None:
    readings.read_again(alice, mixed, {"ocr": "all"})
    settings.RECOGNISE_SCANS = False
    reap_documents()
    assert upcoming(mixed).error_code == "recognition_off"
    assert current(mixed).status == "ready"


def test_the_estimate_says_how_long_it_takes(mixed: Document) -> None:
    assert readings.estimate(mixed, "scans") == readings.Estimate(1, 10)
    assert readings.estimate(mixed, "all") == readings.Estimate(4, 40)
    assert readings.estimate(mixed, "never") == readings.Estimate(0, 0)


def test_promotion_happens_only_for_the_reading_that_is_next(mixed: Document, alice: Any) -> None:
    readings.read_again(alice, mixed, {"ocr": "all"})
    following = upcoming(mixed)
    readings.cancel_next(alice, mixed)
    assert not readings.promote(following)
    assert current(mixed).base_id is None


def test_taking_pages_over_costs_the_same_queries_however_many_there_are(
    corpus: Corpus, alice: Any, quick: list[list[int]], django_assert_max_num_queries: Any
) -> None:
    document = make_document(corpus, "long.pdf", ["", *["Page text."] * 300], with_file=True)
    readings.read_again(alice, document, {"ocr": "scans"})
    following = upcoming(document)
    with django_assert_max_num_queries(45):
        recognition.recognise_revision(str(following.pk))
    assert current(document) == following
    assert following.pages.count() == 301
