"""Rows to test with: alice owns, bob is a member, vera a viewer, charlie is outside.

Everything is made by code, PDFs too; texts are ours.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image

from apps.accounts.models import User
from apps.common.markers import PACKING_VERSION, packed_tail
from apps.conversations.models import (
    Answer,
    Conversation,
    Evidence,
    Mention,
    Question,
    ReadingPass,
    Verdict,
)
from apps.conversations.plans import ranges
from apps.library import storage
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.models import Corpus, CorpusEntry, Document, Page, PageImage, Revision
from apps.llm.tokens import TOKENIZER, count_tokens, image_tokens
from apps.workspaces.models import Membership, Role, Workspace

PASSWORD = "correct horse battery staple"
_numbers = itertools.count(1)

LEASE_PAGES = (
    "Lease agreement\n\nThis lease is made between the landlord and the tenant for the rooms on the second floor. "
    "It begins on 1 March 2024 and runs for five years.",
    "Termination\n\nEither party may terminate with 120 days written notice. Notice is given by registered letter. "
    "The tenant shall return all keys on the last day of the lease.",
    "Rent\n\nThe rent is 1,850 euros a month and is due on the third working day. It rises by 2 per cent a year. "
    "Heating is paid apart from the rent.",
)


def make_user(email: str = "", **fields: Any) -> User:
    email = email or f"person{next(_numbers)}@example.org"
    return User.objects.create_user(email, PASSWORD, **{"name": email.split("@")[0].capitalize(), **fields})


def make_workspace(name: str = "", *, owner: User | None = None) -> Workspace:
    name = name or f"Workspace {next(_numbers)}"
    slug = f"{name.lower().replace(' ', '-')}-{next(_numbers)}"
    workspace = Workspace.objects.create(name=name, slug=slug)
    if owner is not None:
        add_member(workspace, owner, Role.OWNER)
    return workspace


def add_member(workspace: Workspace, user: User, role: Role | str = Role.MEMBER) -> Membership:
    return Membership.objects.create(workspace=workspace, user=user, role=role)


def make_corpus(workspace: Workspace, name: str = "Leases") -> Corpus:
    return Corpus.objects.create(workspace=workspace, name=name)


def pdf_bytes(texts: Iterable[str]) -> bytes:
    """A PDF with one page a text, set in Helvetica on A4."""
    document = pymupdf.open()
    for text in texts:
        page = document.new_page(width=595, height=842)
        page.insert_textbox(pymupdf.Rect(72, 72, 523, 770), text, fontsize=12, lineheight=1.5)
    content: bytes = document.tobytes()
    document.close()
    return content


def make_document(
    corpus: Corpus,
    name: str = "lease.pdf",
    texts: Sequence[str] = LEASE_PAGES,
    *,
    added_by: User | None = None,
    status: Revision.Status = Revision.Status.READY,
    with_file: bool = False,
    **revision_fields: Any,
) -> Document:
    """A document with its revision in a corpus. A ready one has its pages; an empty text is a page without text.

    with_file: also store a PDF of these texts, so that pictures and the original can be had.
    """
    document = Document.objects.create(
        workspace=corpus.workspace, name=name, kind=Document.Kind.PDF, added_by=added_by
    )
    is_ready = status == Revision.Status.READY
    content = pdf_bytes(texts) if with_file else b""
    revision = Revision(
        workspace=corpus.workspace,
        document=document,
        sha256=hashlib.sha256(content or uuid.uuid4().bytes).hexdigest(),
        size_bytes=len(content) or 1000,
        content_type="application/pdf",
        reader="pdf",
        tokenizer=TOKENIZER,
        packing_version=PACKING_VERSION,
        status=status,
        page_count=len(texts) if is_ready else 0,
        ready_at=timezone.now() if is_ready else None,
        figures_at=timezone.now() if is_ready else None,
    )
    if with_file:
        revision.storage_name = default_storage.save(
            storage.original_name(corpus.workspace_id, revision.pk), ContentFile(content)
        )
    for field, value in revision_fields.items():
        setattr(revision, field, value)
    revision.save()
    if is_ready:
        add_pages(revision, texts)
    return join_corpus(corpus, document, revision)


def join_corpus(corpus: Corpus, document: Document, revision: Revision) -> Document:
    """The document as an entry of the corpus, with this revision in use."""
    document.current_revision = revision
    document.save(update_fields=["current_revision"])
    CorpusEntry.objects.create(
        workspace=corpus.workspace, corpus=corpus, document=document, ordinal=corpus.next_ordinal
    )
    corpus.next_ordinal += 1
    corpus.save(update_fields=["next_ordinal"])
    return document


def make_figure(revision: Revision | None, *, number: int = 1, with_file: bool = True) -> PageImage:
    """A figure on a page (1-based) of a revision, as it lies in the storage."""
    assert revision is not None
    picture = Image.effect_noise((64, 48), 80).convert("RGB")
    content = io.BytesIO()
    picture.save(content, "WEBP")
    digest = hashlib.sha256(picture.tobytes()).hexdigest()
    name = storage.figure_name(revision, digest, "webp")
    if with_file:
        default_storage.save(name, ContentFile(content.getvalue()))
    return PageImage.objects.create(
        workspace_id=revision.workspace_id,
        page=revision.pages.get(number=number),
        kind=PageImage.Kind.FIGURE,
        digest=digest,
        storage_name=name,
        width=64,
        height=48,
        box=[0.1, 0.1, 0.5, 0.4],
        tokens=image_tokens(64, 48),
    )


def make_next_revision(document: Document, **fields: Any) -> Revision:
    """A reading that is to replace the current one, of the same bytes; by default it waits."""
    base = document.current_revision
    assert base is not None
    copied = (
        "sha256",
        "size_bytes",
        "storage_name",
        "content_type",
        "reader",
        "tokenizer",
        "packing_version",
    )
    revision = Revision.objects.create(
        workspace_id=document.workspace_id,
        document=document,
        base=base,
        **{name: getattr(base, name) for name in copied} | fields,
    )
    document.next_revision = revision
    document.save(update_fields=["next_revision"])
    return revision


def add_pages(revision: Revision, texts: Sequence[str]) -> list[Page]:
    """Pages with exact token counts; the revision's sums are set with them."""
    pages = [
        Page(
            workspace_id=revision.workspace_id,
            revision=revision,
            number=number,
            label=str(number),
            text=text,
            tokens=count_tokens(packed_tail(text)) if text else 0,
            state=Page.State.READ if text else Page.State.NO_TEXT,
            width=595,
            height=842,
        )
        for number, text in enumerate(texts, start=1)
    ]
    Page.objects.bulk_create(pages, batch_size=500)
    revision.token_count = sum(page.tokens for page in pages)
    revision.pages_not_read = sum(not page.text for page in pages)
    revision.save(update_fields=["token_count", "pages_not_read"])
    return pages


def make_conversation(corpus: Corpus, owner: User, title: str = "", **fields: Any) -> Conversation:
    return Conversation.objects.create(
        workspace=corpus.workspace, corpus=corpus, owner=owner, title=title, **fields
    )


def make_question(
    conversation: Conversation, text: str = "How can the lease end?", *, parent: Answer | None = None
) -> Question:
    return Question.objects.create(
        workspace=conversation.workspace,
        conversation=conversation,
        asked_by=conversation.owner,
        parent_answer=parent,
        text=text,
        selection={"documents": None, "paths": {}},
    )


def manifest_of(corpus: Corpus) -> list[dict[str, Any]]:
    """Everything of a corpus that has text, as an answer's manifest."""
    manifest = []
    entries = CorpusEntry.objects.filter(corpus=corpus, removed_at=None)
    for entry in entries.select_related("document__current_revision"):
        revision = entry.document.current_revision
        if revision is None or revision.status != Revision.Status.READY:
            continue
        numbers = revision.pages.filter(state=Page.State.READ).values_list("number", flat=True)
        manifest.append(
            {
                "ordinal": entry.ordinal,
                "document_id": str(entry.document_id),
                "revision_id": str(revision.pk),
                "name": entry.document.name,
                "kind": entry.document.kind,
                "ranges": [list(pair) for pair in ranges(numbers)],
            }
        )
    return manifest


def make_plan(endpoint_id: str = "deepinfra-maverick", family: str = "maverick") -> dict[str, Any]:
    return {
        "fits": True,
        "over_by": 0,
        "code": None,
        "reason": "Up to 128,000 tokens Maverick reads best; this is 1,204 tokens.",
        "model": family,
        "endpoint": endpoint_id,
        "model_id": "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8",
        "fallbacks": [],
        "reading": "one_pass",
        "passes": [{"kind": "one_pass", "tokens": 1204, "pages": []}],
        "input_tokens": 1204,
        "answer_allowance": 8192,
        "cost_usd": {"low": "0.00032", "high": "0.0068"},
        "choices": [],
    }


def make_answer(
    question: Question,
    text: str = "",
    *,
    status: Answer.Status = Answer.Status.DONE,
    **fields: Any,
) -> Answer:
    """An answer on the whole corpus with one pass. A running one has neither usage nor an end."""
    now = timezone.now()
    is_running = status in Answer.RUNNING
    values: dict[str, Any] = {
        "plan": make_plan(),
        "manifest": manifest_of(question.conversation.corpus),
        "queued_at": now - timedelta(seconds=9),
    }
    if not is_running:
        values |= {
            "input_tokens": 1210,
            "cached_tokens": 1024,
            "output_tokens": 96,
            "cost_usd": Decimal("0.00032"),
            "ended_at": now,
        }
    answer = Answer.objects.create(
        workspace=question.workspace,
        question=question,
        status=status,
        text=text,
        raw=text,
        **(values | fields),
    )
    ReadingPass.objects.create(
        answer=answer,
        number=1,
        status=ReadingPass.Status.RUNNING if is_running else ReadingPass.Status.DONE,
        pages=[
            {"ordinal": entry["ordinal"], "first": first, "last": last}
            for entry in answer.manifest
            for first, last in entry["ranges"]
        ],
        endpoint_id=answer.plan["endpoint"],
        model_id=answer.plan["model_id"],
        tokens_counted=1204,
        tokens_reported=None if is_running else 1210,
        cached_tokens=0 if is_running else 1024,
        output_tokens=0 if is_running else 96,
        cost_usd=answer.cost_usd,
        attempts=1,
    )
    return answer


def add_evidence(
    answer: Answer,
    quote: str,
    number: int,
    verdict: Verdict = Verdict.EXACT,
    *,
    ordinal: int = 1,
    **fields: Any,
) -> Evidence:
    entry = next(one for one in answer.manifest if one["ordinal"] == ordinal)
    marker = f"[[{ordinal}:{number}]]"
    values = {
        "marker": marker,
        "marker_given": marker,
        "ordinal": ordinal,
        "page_number": number,
        "document_id": entry["document_id"],
        "revision_id": entry["revision_id"],
        "label": str(number),
        "verdict": verdict,
    }
    return Evidence.objects.create(
        answer=answer, position=answer.evidence.count(), quote=quote, **(values | fields)
    )


def add_mentions(answer: Answer, verdict: Verdict = Verdict.EXACT) -> list[Mention]:
    """A mention for each `[[1:2]]` of the answer's text, where it stands."""
    mentions = []
    for entry in answer.manifest:
        numbers = [number for first, last in entry["ranges"] for number in range(first, last + 1)]
        for number in numbers:
            marker = f"[[{entry['ordinal']}:{number}]]"
            offset = answer.text.find(marker)
            while offset >= 0:
                mentions.append(
                    Mention(
                        answer=answer,
                        offset=offset,
                        marker=marker,
                        ordinal=entry["ordinal"],
                        first=number,
                        last=number,
                        document_id=entry["document_id"],
                        verdict=verdict,
                    )
                )
                offset = answer.text.find(marker, offset + 1)
    return Mention.objects.bulk_create(mentions)


def make_answered(
    corpus: Corpus, owner: User, question: str = "How can the lease end?", *, parent: Answer | None = None
) -> Answer:
    """A conversation whose question has an answer with a verified quote."""
    conversation = parent.question.conversation if parent else make_conversation(corpus, owner, question)
    answer = make_answer(
        make_question(conversation, question, parent=parent),
        "The lease can be ended early with 120 days' notice [[1:2]].",
    )
    add_evidence(
        answer,
        "Either party may terminate with 120 days written notice.",
        2,
        boxes=[[0.12, 0.13, 0.66, 0.15]],
    )
    add_mentions(answer)
    return answer
