"""Corpora of the gallery: small, large, half read, failed, foreign."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from apps.accounts.models import User
from apps.library.models import Corpus, CorpusEntry, Document, Page, Revision, Untick
from apps.workspaces.models import Workspace
from tests.factories import LEASE_PAGES, make_corpus, make_document
from tests.gallery.words import (
    ARABIC_PAGE,
    FOREIGN_NAMES,
    JAPANESE_PAGE,
    LONG_NAME,
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
    }


def make_small(workspace: Workspace, owner: User) -> Corpus:
    corpus = make_corpus(workspace, "Office lease")
    make_document(corpus, "Lease.pdf", LEASE_PAGES, added_by=owner, with_file=True)
    make_document(corpus, "Addendum.pdf", clause_pages(6), added_by=owner, with_file=True)
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
        error_sentence="This file asks for a password. Bring a copy without one.",
    )  # fmt: skip
    make_document(corpus, UNBROKEN_NAME, clause_pages(2), added_by=owner)
    left_out = make_document(corpus, f"{LONG_NAME}.pdf", clause_pages(5), added_by=owner)
    Untick.objects.create(user=owner, entry=CorpusEntry.objects.get(document=left_out))
    for name in FOREIGN_NAMES:
        make_document(corpus, name, clause_pages(1), added_by=owner)
    return corpus


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
