"""Corpora of the gallery: small, large, half read, failed, foreign."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat

from apps.accounts.models import User
from apps.library import storage
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.models import (
    Corpus,
    CorpusEntry,
    Document,
    Page,
    PageImage,
    Revision,
    Untick,
    Upload,
)
from apps.library.part_file import PartFile
from apps.workspaces.models import Workspace
from tests.factories import LEASE_PAGES, make_corpus, make_document, make_next_revision
from tests.gallery.seed_code import make_code
from tests.gallery.words import (
    ARABIC_PAGE,
    FOREIGN_NAMES,
    JAPANESE_PAGE,
    LONG_NAME,
    MINUTES,
    UNBROKEN_NAME,
    clause_pages,
)

Claim = Callable[[], dict[str, object]]
MANY = 300


def make_corpora(workspace: Workspace, owner: User, claim: Claim) -> dict[str, Corpus]:
    return {
        "small": make_small(workspace, owner),
        "states": make_states(workspace, owner, claim),
        "many": make_many(workspace, owner),
        "heavy": make_heavy(workspace, owner, "Heavy", 240_000),
        "too-heavy": make_heavy(workspace, owner, "Too heavy", 1_400_000),
        "foreign": make_foreign(workspace, owner),
        "deep": make_deep(workspace, owner),
        "scans": make_scans(workspace, owner, claim),
        "told": make_told(workspace, owner),
        "files": make_files(workspace, owner, claim),
        "code": make_code(workspace, owner),
    }


def make_small(workspace: Workspace, owner: User) -> Corpus:
    corpus = make_corpus(workspace, "Office lease")
    make_document(corpus, "Lease.pdf", LEASE_PAGES, added_by=owner, with_file=True)
    make_document(corpus, "Addendum.pdf", clause_pages(6), added_by=owner, with_file=True)
    return corpus


def make_unfinished(workspace: Workspace, owner: User) -> Corpus:
    """Two uploads that were cut, one with a name that hardly fits."""
    corpus = make_corpus(workspace, "Half brought")
    make_document(corpus, "Cover letter.pdf", LEASE_PAGES, added_by=owner, with_file=True)
    for name in ("Data room, volume 3.pdf", UNBROKEN_NAME):
        upload = Upload.objects.create(
            workspace=workspace, corpus=corpus, owner=owner, name=name, size_bytes=12 * 1024**2
        )
        with PartFile(upload.pk) as part:
            part.append(bytes(5 * 1024**2))
    return corpus


def make_states(workspace: Workspace, owner: User, claim: Claim) -> Corpus:
    """One document in each state a row can have."""
    corpus = make_corpus(workspace, "One of every kind")
    make_document(corpus, "Read.pdf", clause_pages(4), added_by=owner, with_file=True)
    status = Revision.Status
    half = [*clause_pages(3)[:1], "", clause_pages(3)[2], ""]
    make_document(corpus, "Half a scan.pdf", half, added_by=owner, with_file=True)
    make_document(corpus, "Only pictures.pdf", ["", "", ""], added_by=owner, with_file=True)
    make_document(corpus, "Waiting.pdf", (), added_by=owner, status=status.UPLOADED, **claim())
    make_document(
        corpus, "Being read.pdf", (), added_by=owner, status=status.READING,
        stage="Reading pages", done=184, total=512, **claim(),
    )  # fmt: skip
    make_document(
        corpus, "Broken.pdf", (), added_by=owner, status=status.FAILED, error_code="damaged",
        error_sentence="The file is damaged: its table of pages points nowhere. Open it in another program, "
        "save it anew, and bring it again.",
    )  # fmt: skip
    make_document(
        corpus, "Locked.pdf", (), added_by=owner, status=status.NEEDS_PASSWORD, error_code="needs_password",
        error_sentence="This file asks for a password. Type it, and it is read.",
    )  # fmt: skip
    make_document(corpus, UNBROKEN_NAME, clause_pages(2), added_by=owner)
    left_out = make_document(corpus, f"{LONG_NAME}.pdf", clause_pages(5), added_by=owner)
    Untick.objects.create(user=owner, entry=CorpusEntry.objects.get(document=left_out))
    for name in FOREIGN_NAMES:
        make_document(corpus, name, clause_pages(1), added_by=owner)
    return corpus


def make_scans(workspace: Workspace, owner: User, claim: Claim) -> Corpus:
    """Documents whose text is recognised, was, or could not be; and one that is locked for the second time."""
    corpus = make_corpus(workspace, "Scans")
    status = Revision.Status
    make_document(
        corpus, "Locked twice.pdf", (), added_by=owner, status=status.NEEDS_PASSWORD,
        error_code="wrong_password", error_sentence="This password does not open the file. Try another one.",
    )  # fmt: skip
    mixed = make_document(
        corpus, "Half recognised.pdf", [*clause_pages(3), "", "", ""], added_by=owner, with_file=True
    )
    recognising = {"status": status.READING, "stage": "Recognising text"}
    make_next_revision(mixed, **recognising, done=1, total=3, seconds_left=25, **claim())
    scan = make_document(corpus, "Scan of the annex.pdf", [""] * 12, added_by=owner, with_file=True)
    make_next_revision(scan, **recognising, done=2, total=12, seconds_left=260, **claim())
    waiting = make_document(corpus, "Scan that waits.pdf", [""] * 3, added_by=owner)
    make_next_revision(waiting, **claim())
    refused = make_document(corpus, "Read twice.pdf", [*clause_pages(2), ""], added_by=owner, with_file=True)
    make_next_revision(
        refused, status=status.FAILED, error_code="took_too_long",
        error_sentence="Text recognition took longer than 60 minutes and was stopped.",
    )  # fmt: skip
    return corpus


def make_told(workspace: Workspace, owner: User) -> Corpus:
    """A document of which much is to be said: notes, hidden text, scans, attachments, three readings."""
    corpus = make_corpus(workspace, "Much to know")
    texts = clause_pages(230)
    for number in (*range(12, 31), 44, 46, 47, *range(50, 130, 2)):
        texts[number - 1] = ""
    document = make_document(corpus, "Data room index.pdf", texts, added_by=owner, with_file=True)
    revision = document.current_revision
    assert revision is not None
    revision.facts = {
        "title": "Index of the data room",
        "author": "Notary’s office, second floor",
        "encrypted": True,
        "notes": ["It holds an XFA form, which is not read; what its pages show is."],
        "repaired": "The file’s table of pages was broken and was rebuilt; the original is kept as it came.",
        "outline": [],
        "attachments": [
            {"name": "Schedule of rents.xlsx", "size_bytes": 48_213},
            {"name": f"{UNBROKEN_NAME}.p7m", "size_bytes": 912},
            {"name": FOREIGN_NAMES[0], "size_bytes": 2_481_002},
        ],
    }
    revision.save(update_fields=["facts"])
    pages = Page.objects.filter(revision=revision)
    pages.filter(number__lte=8).update(label=Concat(Value("A-"), Cast("number", CharField())))
    pages.filter(number__in=(3, 9)).update(flags=["hidden_text"])
    pages.filter(number__in=(4, 5, 6, 88)).update(flags=["annotations", "form_values"])
    pages.filter(state=Page.State.NO_TEXT).update(
        reason="A picture covers 97 % of the page and it has no text layer."
    )
    pages.filter(number=44).update(
        state=Page.State.UNREADABLE, reason="Reading this page took longer than 60 seconds and was stopped."
    )
    pages.filter(number__range=(131, 140)).update(source=Page.Source.OCR)
    add_figures(revision)
    return corpus


def make_files(workspace: Workspace, owner: User, claim: Claim) -> Corpus:
    """A file that is read by lines, and a document whose figures are still looked for."""
    corpus = make_corpus(workspace, "Files")
    minutes = make_document(corpus, "minutes.txt", ["\n".join(MINUTES)], added_by=owner)
    Document.objects.filter(pk=minutes.pk).update(kind=Document.Kind.TEXT)
    Page.objects.filter(revision__document=minutes).update(label="lines 121–240", width=0, height=0)
    make_document(
        corpus, "Brochure.pdf", clause_pages(2), added_by=owner, with_file=True, figures_at=None, **claim()
    )
    return corpus


def add_figures(revision: Revision) -> None:
    """Plain pictures of many shapes; one stands on three pages."""
    shapes = ((320, 200), (90, 400), (640, 60), (200, 200), (480, 320))
    places = [(5, 0), (12, 1), (13, 0), (20, 2), (88, 3), (88, 4), (200, 0)]
    names = []
    for number, (width, height) in enumerate(shapes):
        picture = pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, width, height), False)
        picture.set_rect(picture.irect, (40 + 40 * number, 120, 200 - 30 * number))
        names.append(
            default_storage.save(
                storage.figure_name(revision, f"figure{number}", "png"), ContentFile(picture.tobytes("png"))
            )
        )
    PageImage.objects.bulk_create(
        PageImage(
            workspace_id=revision.workspace_id,
            page=revision.pages.get(number=number),
            kind=PageImage.Kind.FIGURE,
            digest=f"figure{which}",
            storage_name=names[which],
            width=shapes[which][0],
            height=shapes[which][1],
            box=[0.1, 0.1, 0.6, 0.4],
            tokens=1_200,
        )
        for number, which in places
    )
    revision.facts |= {
        "figures": {
            "pictures": 31,
            "kept": 5,
            "places": 7,
            "dropped": {"thin": 21, "repeated": 2},
            "failed": 1,
        }
    }
    revision.save(update_fields=["facts"])


def make_many(workspace: Workspace, owner: User) -> Corpus:
    corpus = make_corpus(workspace, "Data room")
    for number in range(1, MANY + 1):
        name = f"{number:03d} {LONG_NAME if number % 25 == 0 else 'Contract'}.pdf"
        make_document(corpus, name, clause_pages(1 + number % 3), added_by=owner)
    return corpus


def make_heavy(workspace: Workspace, owner: User, name: str, tokens: int) -> Corpus:
    """A corpus that counts as `tokens`; its pages are short, their counts are not."""
    corpus = make_corpus(workspace, name)
    for part in range(1, 5):
        document = make_document(corpus, f"Volume {part}.pdf", clause_pages(20), added_by=owner)
        set_tokens(document, tokens // 4)
    return corpus


def set_tokens(document: Document, tokens: int) -> None:
    revision = document.current_revision
    assert revision is not None
    pages = list(revision.pages.all())
    for page in pages:
        page.tokens = tokens // len(pages)
    Page.objects.bulk_update(pages, ["tokens"])
    revision.token_count = sum(page.tokens for page in pages)
    revision.save(update_fields=["token_count"])


def make_foreign(workspace: Workspace, owner: User) -> Corpus:
    corpus = make_corpus(workspace, "عقود الإيجار 賃貸借契約")
    texts: Sequence[Sequence[str]] = ([ARABIC_PAGE], [ARABIC_PAGE], [JAPANESE_PAGE], clause_pages(1))
    for name, pages in zip(FOREIGN_NAMES, texts, strict=True):
        make_document(corpus, name, pages, added_by=owner)
    return corpus


def make_deep(workspace: Workspace, owner: User) -> Corpus:
    """Many pages in few documents, some without text, for a large coverage sheet."""
    corpus = make_corpus(workspace, "Archive")
    for number, count in enumerate((1200, 640, 75, 3), start=1):
        texts = clause_pages(count)
        for blank in range(6, count, 37):
            texts[blank] = ""
        make_document(
            corpus, f"Volume {number}{f' {LONG_NAME}' if number == 3 else ''}.pdf", texts, added_by=owner
        )
    return corpus
