"""From rows to the schemas' shapes."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch

from apps.accounts.models import User
from apps.common.amounts import amount_text
from apps.conversations.answer_display import answer_blocks
from apps.conversations.models import Answer, Conversation, Evidence, Question
from apps.library.corpora import CorpusRow
from apps.library.facts import attachments, recognised_pages, remarks
from apps.library.models import Corpus, CorpusEntry, Document, Page, Revision, SecretFinding, SkippedPath
from apps.library.trees import Entry, Folder
from apps.workspaces.models import Workspace


def events_url(answer: Answer) -> str:
    # Served beside Django (docanalyst/asgi.py), so there is no pattern to reverse.
    return f"/api/v1/answers/{answer.pk}/events"


def workspace_shape(workspace: Workspace, role: str) -> dict[str, Any]:
    return {"id": workspace.pk, "name": workspace.name, "role": role}


def corpus_shape(corpus: Corpus) -> dict[str, Any]:
    return {"id": corpus.pk, "name": corpus.name}


def document_shape(row: CorpusRow) -> dict[str, Any]:
    revision, state = row.revision, row.state
    return {
        "id": row.document.pk,
        "name": row.document.name,
        "kind": row.document.kind,
        "ordinal": row.ordinal,
        "status": state.status,
        "stage": state.stage,
        "progress": {"done": state.done, "total": state.total},
        "seconds_left": state.seconds_left or None,
        "pages": revision.page_count,
        "tokens": row.tokens,
        "pages_not_read": revision.pages_not_read,
        "skipped_count": revision.skipped_count,
        "error": _problem(revision),
        "read_again": read_again_shape(state.next) if state.next else None,
        "attachments": attachments(revision),
        "remarks": remarks(revision),
        "findings": _findings(row),
        "git": git_shape(row.document, revision),
    }


MOST_FINDINGS = 200
"""Of one document; its coverage sheet counts them all."""


def prefetch_findings(lookup: str = "findings") -> Prefetch[str]:
    """Of many revisions, so that they cost one query together."""
    first = SecretFinding.objects.order_by("path", "line", "id")[:MOST_FINDINGS]
    return Prefetch(lookup, first, to_attr="first_findings")


def _findings(row: CorpusRow) -> list[dict[str, Any]]:
    """A query for a repository whose findings are not prefetched."""
    if row.document.kind != Document.Kind.REPOSITORY:
        return []
    found = getattr(row.revision, "first_findings", None)
    if found is None:
        found = row.revision.findings.all()[:MOST_FINDINGS]
    return [{"path": one.path, "line": one.line, "kind": one.kind, "masked": one.is_masked} for one in found]


def tree_shape(folder: Folder) -> dict[str, Any]:
    """The entries come apart, as a list (paging.py)."""
    return {"path": folder.path, "files": folder.files, "lines": folder.lines, "tokens": folder.tokens}


def entry_shape(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "path": entry.path,
        "is_folder": entry.is_folder,
        "files": entry.files,
        "lines": entry.lines,
        "tokens": entry.tokens,
        "first_page": entry.first_page,
        "flags": list(entry.flags),
    }


def read_again_shape(revision: Revision) -> dict[str, Any]:
    """A reading that is to replace the current one."""
    return {
        "status": revision.status,
        "ocr": recognised_pages(revision),
        "error": _problem(revision),
    }


def git_shape(document: Document, revision: Revision) -> dict[str, str] | None:
    """Where a repository came from and what of it was read; None for what came as a file."""
    if not document.source_url:
        return None
    ref = revision.facts.get("ref", revision.options.get("ref", ""))
    return {"url": document.source_url, "ref": ref, "commit": revision.commit}


def _problem(revision: Revision) -> dict[str, str] | None:
    if not revision.error_code:
        return None
    return {"code": revision.error_code, "message": revision.error_sentence}


def document_row(document: Document) -> CorpusRow:
    """A document as it stands in the corpus it joined first. One query.

    One that is in no corpus any more has the ordinal it was given last.
    """
    entries = CorpusEntry.objects.filter(document=document)
    entry = entries.filter(removed_at=None).order_by("created_at", "id").first()
    entry = entry or entries.latest("created_at")
    assert document.current_revision is not None  # set in the transaction that makes a document
    return CorpusRow(entry, document, document.current_revision)


def page_shape(page: Page) -> dict[str, Any]:
    return {
        "number": page.number,
        "label": page.label,
        "text": page.text,
        "tokens": page.tokens,
        "state": page.state,
        "source": page.source,
        "reason": page.reason,
        "flags": page.flags,
    }


def skipped_shape(skipped: SkippedPath) -> dict[str, Any]:
    return {"path": skipped.path, "reason": skipped.reason, "count": skipped.count}


def conversation_shape(conversation: Conversation, reader: User) -> dict[str, Any]:
    return {
        "id": conversation.pk,
        "title": conversation.title,
        "corpus_id": conversation.corpus_id,
        "is_shared": conversation.is_shared,
        "is_own": conversation.owner_id == reader.pk,
        "touched_at": conversation.touched_at,
    }


def question_shape(question: Question) -> dict[str, Any]:
    """answers: oldest first; prefetch them."""
    return {
        "id": question.pk,
        "text": question.text,
        "parent_answer": question.parent_answer_id,
        "answers": [{"id": answer.pk, "status": answer.status} for answer in question.answers.all()],
        "asked_at": question.created_at,
    }


def asked_shape(answer: Answer) -> dict[str, Any]:
    return {"question_id": answer.question_id, "answer_id": answer.pk, "events_url": events_url(answer)}


def answer_shape(answer: Answer) -> dict[str, Any]:
    """Three queries, and one for the labels on the chips."""
    error = None
    if answer.error_code:
        error = {"code": answer.error_code, "message": answer.error_sentence}
    return {
        "id": answer.pk,
        "status": answer.status,
        "question_id": answer.question_id,
        "conversation_id": answer.question.conversation_id,
        "stage": answer.stage,
        "plan": answer.plan,
        "text": answer.text,
        "html": "".join(answer_blocks(answer)),
        "evidence": [evidence_shape(row) for row in answer.evidence.all()],
        "mentions": [
            {
                "marker": mention.marker,
                "offset": mention.offset,
                "ordinal": mention.ordinal,
                "first": mention.first,
                "last": mention.last,
                "document_id": mention.document_id,
                "verdict": mention.verdict,
            }
            for mention in answer.mentions.all()
        ],
        "notices": answer.notices,
        "usage": {
            "input_tokens": answer.input_tokens,
            "cached_tokens": answer.cached_tokens,
            "output_tokens": answer.output_tokens,
            "cost_usd": amount_text(answer.cost_usd),
            "estimated": answer.is_estimated,
        },
        "error": error,
        "events_url": events_url(answer),
        "created_at": answer.created_at,
        "ended_at": answer.ended_at,
    }


def evidence_shape(row: Evidence) -> dict[str, Any]:
    return {
        "marker": row.marker,
        "marker_given": row.marker_given,
        "document_id": row.document_id,
        "page": row.page_number,
        "label": row.label,
        "quote": row.quote,
        "why": row.why,
        "verdict": row.verdict,
        "differences": row.differences,
        "boxes": row.boxes,
        "lines": row.lines,
        "continued": row.continued,
        "places": row.places,
        "is_hidden": row.is_hidden,
    }
