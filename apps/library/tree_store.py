"""Files of a repository as rows, in the order of their paths, some hundred pages a transaction."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from apps.common.database import insert_rows
from apps.library.claims import Claim
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.source import CUTTING_VERSION
from apps.library.ingestion.tree.unpacking import TreeFile
from apps.library.ingestion.tree_files import (
    MAX_CHARACTERS,
    MAX_PAGES,
    FileSkipped,
    Finding,
    Outcome,
    SlicePage,
)
from apps.library.models import Page, SecretFinding, SkippedPath, SourceFile
from apps.library.tree_copies import Copy, KnownFile, copy_pages
from apps.llm.tokens import marker_tokens

_PAGES_AT_ONCE = 1_000
_FILES_AT_ONCE = 2_000
"""A transaction of some hundred milliseconds, whatever the tree."""


@dataclass
class _Piece:
    """What the next transaction writes."""

    files: list[SourceFile] = field(default_factory=list)
    pages: list[dict[str, Any]] = field(default_factory=list)
    copies: list[tuple[SourceFile, Copy]] = field(default_factory=list)
    findings: list[SecretFinding] = field(default_factory=list)
    skipped: list[SkippedPath] = field(default_factory=list)
    page_count: int = 0


class TreeStore:
    """Writes under a claim; begins behind what an earlier attempt stored.

    more_tokens: (old path, new path) → tokens that each page of a copied file has more under the new path.
    """

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.revision = claim.revision
        self.more_tokens: dict[tuple[str, str], int] = {}
        rows = SourceFile.objects.filter(revision=self.revision)
        stored = list(rows.values_list("path", "page_count", "size_bytes"))
        skipped = SkippedPath.objects.filter(revision=self.revision).values_list("path", flat=True)
        self.done_paths = {*(path for path, _, _ in stored), *skipped}
        self._next_page = 1 + sum(pages for _, pages, _ in stored)
        self._characters = sum(size for _, _, size in stored)
        self._outcomes: dict[str, KnownFile | FileSkipped] = {}
        self._findings = {self.revision.pk: _stored_findings(self.revision.pk)}
        self._piece = _Piece()

    @property
    def is_full(self) -> bool:
        return self._piece.page_count >= _PAGES_AT_ONCE or len(self._piece.files) >= _FILES_AT_ONCE

    def add(self, file: TreeFile, outcome: Outcome) -> None:
        """A file that was read just now, or turned out not to be. Raises IngestionError past a limit of trees."""
        if isinstance(outcome, FileSkipped):
            self._skip(file.path, outcome)
            return
        known = KnownFile(
            self.revision.pk,
            file.path,
            file.blob,
            self._next_page,
            len(outcome.pages),
            outcome.lines,
            outcome.encoding,
            list(outcome.flags),
        )
        row = self._keep(file, known, sum(len(page.text) for page in outcome.pages))
        numbered = list(enumerate(outcome.pages, start=row.first_page))
        row.tokens = _packed_tokens((number, page.tokens) for number, page in numbered)
        self._piece.pages += [self._page_row(number, page) for number, page in numbered]
        self._keep_findings(file.path, outcome.findings)
        self._findings[self.revision.pk][file.path] = outcome.findings
        self._outcomes[file.path] = known

    def copy(self, file: TreeFile, known: KnownFile) -> None:
        """A file whose pages stand in a reading of this workspace. Raises IngestionError past a limit of trees."""
        more_tokens = self.more_tokens.get((known.path, file.path), 0)
        copy = Copy(known, file.path, self._next_page, more_tokens)
        self._piece.copies.append((self._keep(file, known, file.size), copy))
        self._keep_findings(file.path, self._findings_of(known))

    def repeat(self, file: TreeFile, earlier: str) -> None:
        """A file with the content of one that was added before, at another path."""
        outcome = self._outcomes[earlier]
        if isinstance(outcome, FileSkipped):
            self._skip(file.path, outcome)
        else:
            self.copy(file, outcome)

    def flush(self, *, done: int) -> None:
        """Files, pages and the progress that mentions them appear together. Raises ClaimLost and SourceGone."""
        piece, self._piece = self._piece, _Piece()
        with transaction.atomic():
            insert_rows(Page, piece.pages)
            copy_pages(self.revision, [copy for _, copy in piece.copies])
            self._count_copies(piece.copies)
            insert_rows(SourceFile, map(_values, piece.files))
            SecretFinding.objects.bulk_create(piece.findings, batch_size=500)
            SkippedPath.objects.bulk_create(piece.skipped, batch_size=500)
            self.claim.note_progress(done=done)

    def _keep(self, file: TreeFile, known: KnownFile, characters: int) -> SourceFile:
        row = SourceFile(
            workspace_id=self.revision.workspace_id,
            revision=self.revision,
            path=file.path,
            blob=file.blob,
            cutting=CUTTING_VERSION,
            size_bytes=file.size,
            first_page=self._next_page,
            page_count=known.page_count,
            line_count=known.line_count,
            tokens=0,
            encoding=known.encoding,
            flags=known.flags,
        )
        self._next_page += known.page_count
        self._characters += characters
        if self._characters > MAX_CHARACTERS or self._next_page > MAX_PAGES + 1:
            raise IngestionError(
                "tree_too_long", characters=MAX_CHARACTERS // 1_000_000, pages=f"{MAX_PAGES:,}"
            )
        self._piece.files.append(row)
        self._piece.page_count += known.page_count
        return row

    def _page_row(self, number: int, page: SlicePage) -> dict[str, Any]:
        return {
            "workspace_id": self.revision.workspace_id,
            "revision_id": self.revision.pk,
            "number": number,
            "label": page.label,
            "text": page.text,
            "tokens": page.tokens,
            "source": Page.Source.TEXT_LAYER.value,
            "state": Page.State.READ.value,
            "reason": "",
            "width": 0.0,
            "height": 0.0,
            "flags": list(page.flags),
        }

    def _skip(self, path: str, outcome: FileSkipped) -> None:
        self._outcomes[path] = outcome
        self._piece.skipped.append(SkippedPath(revision=self.revision, path=path, reason=outcome.reason))

    def _keep_findings(self, path: str, findings: Iterable[Finding]) -> None:
        self._piece.findings += [
            SecretFinding(
                revision=self.revision,
                path=path,
                line=finding.line,
                kind=finding.kind[:120],
                is_masked=finding.is_masked,
            )
            for finding in findings
        ]

    def _findings_of(self, known: KnownFile) -> Sequence[Finding]:
        if known.revision_id not in self._findings:
            self._findings[known.revision_id] = _stored_findings(known.revision_id)
        return self._findings[known.revision_id].get(known.path, ())

    def _count_copies(self, copies: list[tuple[SourceFile, Copy]]) -> None:
        """Tokens of copied files: their pages have other numbers now, and so other markers. One query."""
        rows = [row for row, _ in copies if row.page_count]
        if not rows:
            return
        last = rows[-1].first_page + rows[-1].page_count
        pages = Page.objects.filter(
            revision=self.revision, number__gte=rows[0].first_page, number__lt=last, tokens__gt=0
        )
        tokens = dict(pages.order_by().values_list("number", "tokens"))
        for row in rows:
            numbers = range(row.first_page, row.first_page + row.page_count)
            row.tokens = _packed_tokens((number, tokens.get(number, 0)) for number in numbers)


def _values(file: SourceFile) -> dict[str, Any]:
    names = [field.attname for field in SourceFile._meta.concrete_fields if not field.primary_key]
    return {name: getattr(file, name) for name in names}


def _packed_tokens(pages: Iterable[tuple[int, int]]) -> int:
    """Of (number, Page.tokens), behind markers with an ordinal of one to three digits; blank pages are not sent."""
    return sum(tokens + marker_tokens(1, number) for number, tokens in pages if tokens)


def _stored_findings(revision_id: uuid.UUID) -> dict[str, Sequence[Finding]]:
    """Path → findings, of every file of a reading that has any."""
    found: dict[str, list[Finding]] = {}
    for row in SecretFinding.objects.filter(revision_id=revision_id):
        found.setdefault(row.path, []).append(Finding(row.line, row.kind, row.is_masked))
    return {**found}
