"""Which pages a question is about: from a selection to documents with page sizes, and what stays out and why.

What was not chosen is no hole: a document that is not ticked, or a folder of a repository, is not among `not_sent`.
What of a repository was chosen stands in its entry of the manifest.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from apps.accounts.models import User
from apps.common.http import Refused
from apps.conversations.marker_grammar import SentPages
from apps.conversations.plans import DocumentPages, PageSize, ranges
from apps.library.corpora import corpus_rows
from apps.library.ingestion.guards import IngestionError
from apps.library.models import Corpus, CorpusEntry, Document, Page, Revision, SourceFile
from apps.library.path_selection import PathSelection
from apps.workspaces.access import as_uuid

REASON_OF_STATUS = {
    Revision.Status.UPLOADED: "not read yet",
    Revision.Status.READING: "still being read",
    Revision.Status.FAILED: "could not be read",
    Revision.Status.NEEDS_PASSWORD: "needs a password",
}
BLANK = "blank page"
NO_FILE = "no file is chosen"
RECOGNISED_NOW = "text is being recognised"
REASON_OF_STATE = {
    Page.State.READ: BLANK,
    Page.State.NO_TEXT: "no text",
    Page.State.UNREADABLE: "unreadable",
}


@dataclass(frozen=True, slots=True)
class ChosenFiles:
    """Of a repository. ranges: pages of the chosen files, ascending; None for all of them."""

    files: int
    left_out: int = 0
    ranges: tuple[tuple[int, int], ...] | None = None

    def has(self, numbers: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """The rows of pages, by number (their second column), that lie in the ranges."""
        if self.ranges is None:
            yield from numbers
            return
        places = iter(self.ranges)
        first, last = next(places, (0, 0))
        for row in numbers:
            while last and row[1] > last:
                first, last = next(places, (0, 0))
            if first <= row[1] <= last:
                yield row


@dataclass(frozen=True)
class Selected:
    """documents: by ordinal, with pages that have text. not_sent: what was selected and cannot be sent.

    repositories: what the manifest says of each besides, by ordinal.
    """

    selection: dict[str, Any]
    documents: tuple[DocumentPages, ...]
    not_sent: list[dict[str, Any]]
    repositories: Mapping[int, dict[str, Any]] = field(default_factory=dict)

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
                **self.repositories.get(document.ordinal, {}),
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
    return {
        "documents": None
        if all(row.is_ticked for row in rows)
        else [str(row.document.pk) for row in rows if row.is_ticked],
        "paths": {str(row.document.pk): row.ticks.patterns() for row in rows if row.is_partly_ticked},
    }


def select(corpus: Corpus, selection: dict[str, Any] | None) -> Selected:
    """Resolve a selection against the corpus as it is now. Two queries, three where paths are chosen.

    selection: {"documents": [ids] or null, "paths": {document id: {"include": [globs], "exclude": [globs]}}}; a file
    is asked about when a glob of `include` matches, or there is none, and none of `exclude` does. Raises Refused for
    what is no selection, for documents that are not in this corpus, and for paths in what is no repository.
    """
    cleaned = clean_selection(selection)
    wanted = None if cleaned["documents"] is None else set(cleaned["documents"])
    entries = list(
        CorpusEntry.objects.select_related("document__current_revision", "document__next_revision")
        .filter(corpus=corpus, removed_at=None, document__deleted_at=None)
        .order_by("ordinal")
    )
    unknown = ((wanted or set()) | cleaned["paths"].keys()) - {str(entry.document_id) for entry in entries}
    if unknown:
        raise Refused(
            "unknown_document",
            "The selection names a document that is not in this corpus.",
            status=404,
            details={"documents": sorted(unknown)},
        )
    for entry in entries:
        if str(entry.document_id) in cleaned["paths"] and entry.document.kind != Document.Kind.REPOSITORY:
            raise _bad_selection(
                f"Paths can be chosen inside repositories only; {entry.document.name} is none."
            )
    if wanted is not None:
        entries = [entry for entry in entries if str(entry.document_id) in wanted]
    return _with_pages(entries, cleaned)


def clean_selection(selection: dict[str, Any] | None) -> dict[str, Any]:
    """A selection as a question keeps it. No query. Raises Refused for what is no selection."""
    named, paths = (selection or {}).get("documents"), (selection or {}).get("paths") or {}
    if not isinstance(paths, dict) or (named is not None and not isinstance(named, list)):
        raise _bad_selection("`documents` is a list of ids or null, `paths` an object.")
    return {
        "documents": None if named is None else sorted({_document_id(item) for item in named}),
        "paths": {
            _document_id(key): chosen
            for key, value in sorted(paths.items())
            if (chosen := _clean_paths(value))
        },
    }


def _document_id(value: object) -> str:
    found = as_uuid(value)
    if found is None:
        raise _bad_selection("The selection holds something that is no id of a document.")
    return str(found)


def _clean_paths(value: object) -> dict[str, list[str]] | None:
    """None where nothing is left out."""
    if isinstance(value, dict):
        chosen = {key: value.get(key) or [] for key in ("include", "exclude")}
        if all(_is_list_of_text(globs) for globs in chosen.values()):
            return chosen if any(chosen.values()) else None
    raise _bad_selection("`paths` holds lists of patterns, `include` and `exclude`, by document id.")


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _bad_selection(sentence: str) -> Refused:
    return Refused("bad_selection", sentence, status=422)


def _with_pages(entries: list[CorpusEntry], selection: dict[str, Any]) -> Selected:
    revisions = [entry.document.current_revision for entry in entries]
    ready = [found for found in revisions if found and found.status == Revision.Status.READY]
    chosen = _chosen_files(ready, selection["paths"])
    rows = (
        Page.objects.filter(revision_id__in=[revision.pk for revision in ready])
        .order_by("revision_id", "number")
        .values_list("revision_id", "number", "tokens", "state", "reason")
    )
    pages = {
        revision_id: list(chosen[revision_id].has(group)) if revision_id in chosen else list(group)
        for revision_id, group in groupby(rows.iterator(chunk_size=5000), key=lambda row: row[0])
    }
    documents: list[DocumentPages] = []
    not_sent: list[dict[str, Any]] = []
    repositories: dict[int, dict[str, Any]] = {}
    for entry in entries:
        revision = entry.document.current_revision
        if revision is None:
            continue
        head = {"ordinal": entry.ordinal, "name": entry.document.name}
        if revision.status != Revision.Status.READY:
            reason = REASON_OF_STATUS[Revision.Status(revision.status)]
            not_sent.append({**head, "first": None, "last": None, "reason": reason})
            continue
        if revision.pk in chosen:
            files = chosen[revision.pk]
            if files.left_out and not files.files:
                not_sent.append({**head, "first": None, "last": None, "reason": NO_FILE})
            repositories[entry.ordinal] = {
                "commit": revision.commit,
                "files": files.files,
                "files_left_out": files.left_out,
                "paths": selection["paths"].get(str(entry.document_id)),
            }
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
    return Selected(selection, tuple(documents), not_sent, repositories)


def _chosen_files(
    revisions: Iterable[Revision], paths: Mapping[str, Mapping[str, list[str]]]
) -> dict[uuid.UUID, ChosenFiles]:
    """Of repositories among the revisions. One query where paths are chosen, else none."""
    found = {
        revision.pk: ChosenFiles(files=revision.facts.get("files", 0))
        for revision in revisions
        if revision.reader == "repository"
    }
    asked = {
        revision.pk: _path_selection(paths[str(revision.document_id)])
        for revision in revisions
        if revision.pk in found and str(revision.document_id) in paths
    }
    if not asked:
        return found
    rows = (
        SourceFile.objects.filter(revision_id__in=list(asked))
        .order_by("revision_id", "first_page")
        .values_list("revision_id", "path", "first_page", "page_count")
    )
    for revision_id, files in groupby(rows.iterator(chunk_size=5000), key=lambda row: row[0]):
        all_files = list(files)
        chosen = [row for row in all_files if asked[revision_id].selects(row[1])]
        found[revision_id] = ChosenFiles(
            files=len(chosen),
            left_out=len(all_files) - len(chosen),
            ranges=tuple((row[2], row[2] + row[3] - 1) for row in chosen if row[3]),
        )
    return found


def _path_selection(chosen: Mapping[str, list[str]]) -> PathSelection:
    try:
        return PathSelection(chosen["include"], chosen["exclude"])
    except IngestionError as error:
        raise Refused(error.code, error.sentence, status=422) from error


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
