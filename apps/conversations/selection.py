"""Which pages a question is about: from a selection to documents with page sizes, and what stays out and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from apps.accounts.models import User
from apps.common.http import Refused
from apps.conversations.marker_grammar import SentPages
from apps.conversations.plans import DocumentPages, PageSize, ranges
from apps.library.corpora import corpus_rows
from apps.library.models import Corpus, CorpusEntry, Page, Revision
from apps.workspaces.access import as_uuid

REASON_OF_STATUS = {
    Revision.Status.UPLOADED: "not read yet",
    Revision.Status.READING: "still being read",
    Revision.Status.FAILED: "could not be read",
    Revision.Status.NEEDS_PASSWORD: "needs a password",
}
BLANK = "blank page"
RECOGNISED_NOW = "text is being recognised"
REASON_OF_STATE = {
    Page.State.READ: BLANK,
    Page.State.NO_TEXT: "no text",
    Page.State.UNREADABLE: "unreadable",
}


@dataclass(frozen=True)
class Selected:
    """documents: by ordinal, with pages that have text. not_sent: what was selected and cannot be sent."""

    selection: dict[str, Any]
    documents: tuple[DocumentPages, ...]
    not_sent: list[dict[str, Any]]

    def manifest(self) -> list[dict[str, Any]]:
        """What will be sent, as an answer keeps it: page ranges by document, both ends included."""
        return [
            {
                "ordinal": document.ordinal,
                "document_id": document.document_id,
                "revision_id": document.revision_id,
                "name": document.name,
                "kind": document.kind,
                "ranges": [list(pair) for pair in ranges(page.number for page in document.pages)],
            }
            for document in self.documents
            if document.pages
        ]


def sent_pages(manifest: list[dict[str, Any]]) -> SentPages:
    """The pages of a manifest, for looking up."""
    return SentPages((entry["ordinal"], first, last) for entry in manifest for first, last in entry["ranges"])


def default_selection(user: User, corpus: Corpus) -> dict[str, Any]:
    """What this person's ticks select: null documents mean all, also those that come later."""
    rows = corpus_rows(corpus, user)
    if all(row.is_ticked for row in rows):
        return {"documents": None, "paths": {}}
    return {"documents": [str(row.document.pk) for row in rows if row.is_ticked], "paths": {}}


def select(corpus: Corpus, selection: dict[str, Any] | None) -> Selected:
    """Resolve a selection against the corpus as it is now. Two queries.

    selection: {"documents": [ids] or null, "paths": {}}. Raises Refused for what is no selection and for
    documents that are not in this corpus.
    """
    cleaned = clean_selection(selection)
    wanted = None if cleaned["documents"] is None else set(cleaned["documents"])
    entries = list(
        CorpusEntry.objects.select_related("document__current_revision", "document__next_revision")
        .filter(corpus=corpus, removed_at=None, document__deleted_at=None)
        .order_by("ordinal")
    )
    if wanted is not None:
        known = {str(entry.document_id) for entry in entries}
        if wanted - known:
            raise Refused(
                "unknown_document",
                "The selection names a document that is not in this corpus.",
                status=404,
                details={"documents": sorted(wanted - known)},
            )
        entries = [entry for entry in entries if str(entry.document_id) in wanted]
    return _with_pages(entries, cleaned)


def clean_selection(selection: dict[str, Any] | None) -> dict[str, Any]:
    """A selection as a question keeps it. No query. Raises Refused for what is no selection."""
    wanted = _wanted_ids(selection)
    return {"documents": None if wanted is None else sorted(wanted), "paths": {}}


def _wanted_ids(selection: dict[str, Any] | None) -> set[str] | None:
    if not selection:
        return None
    named, paths = selection.get("documents"), selection.get("paths") or {}
    if not isinstance(paths, dict) or (named is not None and not isinstance(named, list)):
        raise Refused("bad_selection", "`documents` is a list of ids or null, `paths` an object.", status=422)
    if paths:
        raise Refused("bad_selection", "Paths can be chosen inside repositories only.", status=422)
    if named is None:
        return None
    ids = {as_uuid(item) for item in named}
    if None in ids:
        raise Refused("bad_selection", "`documents` holds something that is no id.", status=422)
    return {str(item) for item in ids}


def _with_pages(entries: list[CorpusEntry], selection: dict[str, Any]) -> Selected:
    revisions = [entry.document.current_revision for entry in entries]
    ready = [found.pk for found in revisions if found and found.status == Revision.Status.READY]
    rows = (
        Page.objects.filter(revision_id__in=ready)
        .order_by("revision_id", "number")
        .values_list("revision_id", "number", "tokens", "state", "reason")
    )
    pages = {
        revision_id: list(group)
        for revision_id, group in groupby(rows.iterator(chunk_size=5000), key=lambda row: row[0])
    }
    documents: list[DocumentPages] = []
    not_sent: list[dict[str, Any]] = []
    for entry in entries:
        revision = entry.document.current_revision
        if revision is None:
            continue
        head = {"ordinal": entry.ordinal, "name": entry.document.name}
        if revision.status != Revision.Status.READY:
            reason = REASON_OF_STATUS[Revision.Status(revision.status)]
            not_sent.append({**head, "first": None, "last": None, "reason": reason})
            continue
        found = pages.get(revision.pk, [])
        following = entry.document.next_revision
        is_recognised_now = following is not None and following.is_running
        documents.append(
            DocumentPages(
                ordinal=entry.ordinal,
                document_id=str(entry.document_id),
                revision_id=str(revision.pk),
                name=entry.document.name,
                kind=entry.document.kind,
                pages=tuple(PageSize(row[1], row[2]) for row in found if _has_text(row)),
            )
        )
        not_sent += [
            {**head, "first": first, "last": last, "reason": reason}
            for reason, first, last in _without_text(
                (row for row in found if not _has_text(row)), is_recognised_now=is_recognised_now
            )
        ]
    return Selected(selection, tuple(documents), not_sent)


def _has_text(row: tuple[Any, ...]) -> bool:
    return bool(row[3] == Page.State.READ and row[2] > 0)


def _without_text(
    rows: Iterable[tuple[Any, ...]], *, is_recognised_now: bool
) -> Iterator[tuple[str, int, int]]:
    by_reason: dict[str, list[int]] = {}
    for _, number, _, state, reason in rows:
        if is_recognised_now and state == Page.State.NO_TEXT:
            reason = RECOGNISED_NOW
        by_reason.setdefault(reason or REASON_OF_STATE[state], []).append(number)
    for reason, numbers in by_reason.items():
        for first, last in ranges(numbers):
            yield reason, first, last
