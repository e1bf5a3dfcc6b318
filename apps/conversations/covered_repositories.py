"""Repositories on the coverage sheet: what of them was chosen, what was never read, and the secrets found in them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db.models import Count, F, QuerySet, Sum, Window
from django.db.models.functions import RowNumber

from apps.conversations.models import Answer
from apps.library.models import Document, SecretFinding, SkippedPath

MOST_PATHS = 5
"""Named of what was skipped for one reason, the largest folders first."""
MOST_FINDINGS = 200
"""Named of either kind."""


@dataclass(frozen=True)
class SkippedFiles:
    """Files that were not read for one reason. paths: the first MOST_PATHS rows; a folder's ends in a slash."""

    reason: str
    count: int
    paths: list[str]

    @property
    def is_more(self) -> bool:
        """Whether there may be rows that are not named."""
        return len(self.paths) == MOST_PATHS


@dataclass(frozen=True)
class Finding:
    """A secret in a file. line: 1-based."""

    path: str
    line: int
    kind: str


@dataclass(frozen=True)
class CoveredRepository:
    """A repository as an answer was given it.

    files: how many were chosen; files_left_out: how many were not, by the globs of the selection. skipped: what the
    reading left out, most first. masked: secrets that were replaced before anything was sent; doubtful: what may be
    one, and was sent if its file was. Of each kind the first MOST_FINDINGS are named, all are counted.
    """

    ordinal: int
    document_id: str
    name: str
    commit: str
    files: int
    files_left_out: int
    include: list[str]
    exclude: list[str]
    skipped_count: int = 0
    skipped: list[SkippedFiles] = field(default_factory=list)
    masked_count: int = 0
    masked: list[Finding] = field(default_factory=list)
    doubtful_count: int = 0
    doubtful: list[Finding] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def covered_repositories(answer: Answer) -> list[CoveredRepository]:
    """By ordinal. Two queries for all of an answer's repositories, none without any."""
    entries = [entry for entry in answer.manifest if entry["kind"] == Document.Kind.REPOSITORY]
    if not entries:
        return []
    revisions = [uuid.UUID(entry["revision_id"]) for entry in entries]
    skipped, findings = _skipped(revisions), _findings(revisions)
    return [
        _covered(entry, skipped.get(uuid.UUID(entry["revision_id"]), []), findings)
        for entry in sorted(entries, key=lambda entry: int(entry["ordinal"]))
    ]


_Findings = dict[tuple[uuid.UUID, bool], tuple[int, list[Finding]]]
"""(revision, whether masked) → (how many there are, the first of them)."""


def _covered(entry: dict[str, Any], skipped: list[SkippedFiles], findings: _Findings) -> CoveredRepository:
    revision_id, paths = uuid.UUID(entry["revision_id"]), entry.get("paths") or {}
    masked_count, masked = findings.get((revision_id, True), (0, []))
    doubtful_count, doubtful = findings.get((revision_id, False), (0, []))
    return CoveredRepository(
        ordinal=entry["ordinal"],
        document_id=entry["document_id"],
        name=entry["name"],
        commit=entry.get("commit", ""),
        files=entry.get("files", 0),
        files_left_out=entry.get("files_left_out", 0),
        include=list(paths.get("include", [])),
        exclude=list(paths.get("exclude", [])),
        skipped_count=sum(one.count for one in skipped),
        skipped=skipped,
        masked_count=masked_count,
        masked=masked,
        doubtful_count=doubtful_count,
        doubtful=doubtful,
    )


def _skipped(revisions: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[SkippedFiles]]:
    group = [F("revision_id"), F("reason")]
    rows = (
        SkippedPath.objects.filter(revision_id__in=revisions)
        .annotate(
            place=Window(RowNumber(), partition_by=group, order_by=[F("count").desc(), F("path").asc()]),
            total=Window(Sum("count"), partition_by=group),
        )
        .filter(place__lte=MOST_PATHS)
        .order_by("-total", "reason", "place")
    )
    found: dict[uuid.UUID, dict[str, SkippedFiles]] = {}
    for row in rows:
        by_reason = found.setdefault(row.revision_id, {})
        by_reason.setdefault(row.reason, SkippedFiles(row.reason, row.total, [])).paths.append(row.path)
    return {revision_id: list(by_reason.values()) for revision_id, by_reason in found.items()}


def _findings(revisions: Sequence[uuid.UUID]) -> _Findings:
    group = [F("revision_id"), F("is_masked")]
    rows: QuerySet[SecretFinding] = (
        SecretFinding.objects.filter(revision_id__in=revisions)
        .annotate(
            place=Window(RowNumber(), partition_by=group, order_by=[F("path"), F("line"), F("id")]),
            total=Window(Count("id"), partition_by=group),
        )
        .filter(place__lte=MOST_FINDINGS)
        .order_by("revision_id", "place")
    )
    found: _Findings = {}
    for row in rows:
        _, named = found.setdefault((row.revision_id, row.is_masked), (row.total, []))  # type: ignore[attr-defined]
        named.append(Finding(row.path, row.line, row.kind))
    return found
