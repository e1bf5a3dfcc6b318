"""A repository from stored bytes to pages: unpacked into a spool, known files copied, the others read in parallel.

Files are stored in the order of their paths, by code points, each with all its pages in one transaction. So what an
attempt left is a beginning of the tree, and the next one goes on behind it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import IO, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Sum

from apps.common.database import insert_rows
from apps.library import storage
from apps.library.claims import Claim, TurnOver
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.sandbox import Sandbox
from apps.library.ingestion.source import rules_are_compiled
from apps.library.ingestion.tree.choosing import fold_not_included
from apps.library.ingestion.tree.unpacking import (
    TreeFile,
    TreeOptions,
    TreeProgress,
    TreeSkip,
    tree_sandbox,
    unpack,
)
from apps.library.ingestion.tree_files import Outcome, read_files
from apps.library.models import Document, Revision, SkippedPath, SourceFile
from apps.library.part_file import KEEP_FREE_BYTES
from apps.library.quotas import free_bytes
from apps.library.tree_copies import Content, KnownFile, SourceGone, content_of, known_files
from apps.library.tree_store import TreeStore

SHOWN_CHANGES = 200
"""Names kept of what was added, changed and removed."""
_LOOK_SECONDS = 1.0


def read_tree(claim: Claim) -> None:
    """Store every file that is to be read, with its pages, and every path that is not, with the reason.

    Raises IngestionError (those of archives, nothing_to_read, tree_too_long), TurnOver, ClaimLost.
    """
    claim.write(stage="Unpacking")
    with (
        tree_sandbox() as box,
        storage.open_original(claim.revision) as archive,
        tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as spool,
    ):
        files = _unpack(claim, box, archive, spool)
        # Unpacking is done anew at every turn: a slice of time begins when it is over.
        _read(replace(claim, taken_at=time.monotonic()), box, spool, files)
    _tell(claim)


# Unpacking ------------------------------------------------------------------------------------------


def _unpack(claim: Claim, box: Sandbox, archive: IO[bytes], spool: IO[bytes]) -> list[TreeFile]:
    """The files to be read, in the order of their paths; rows of the others are stored."""
    files, skipped = [], []
    looked_at = 0.0
    options = _options(claim.revision)
    with closing(
        unpack(box, fd=archive.fileno(), spool_fd=spool.fileno(), options=options, cancelled=claim.stop)
    ) as found:
        for item in found:
            if time.monotonic() - looked_at > _LOOK_SECONDS:
                looked_at = time.monotonic()
                _check_free_room()
            match item:
                case TreeFile():
                    files.append(item)
                case TreeSkip():
                    skipped.append(item)
                case TreeProgress(done, total):
                    claim.write(stage=f"Unpacking {100 * done // max(1, total)} %")
    files.sort(key=lambda file: file.path)
    _keep_skipped(claim, skipped, {file.path for file in files})
    return files


def _check_free_room() -> None:
    """The spool grows to some GiB on the volume that everything else is written to. Raises IngestionError."""
    if free_bytes() < KEEP_FREE_BYTES:
        raise IngestionError("no_room")


def _options(revision: Revision) -> TreeOptions:
    given = revision.options
    return TreeOptions(
        is_clone=bool(revision.document.source_url),
        include=tuple(given.get("include", ())),
        exclude=tuple(given.get("exclude", ())),
        restored=tuple(given.get("restored", ())),
    )


def _keep_skipped(claim: Claim, skipped: list[TreeSkip], paths: set[str]) -> None:
    """Rows of what unpacking left out; those of files that an earlier attempt could not read stay.

    Under the claim, like all writes: a deleted document gets none, and two workers do not write them twice.
    """
    found: Iterable[tuple[str, str, int]] = [(one.path, one.reason, one.count) for one in skipped]
    if claim.revision.options.get("include"):
        found = fold_not_included(found, paths)
    with transaction.atomic():
        claim.write()
        rows = SkippedPath.objects.filter(revision=claim.revision)
        kept = [row for row in rows.values_list("path", "reason", "count") if row[0] in paths]
        rows.delete()
        insert_rows(
            SkippedPath,
            (
                {"revision_id": claim.revision.pk, "path": path, "reason": reason, "count": count}
                for path, reason, count in [*kept, *found]
            ),
        )


# Reading --------------------------------------------------------------------------------------------


@dataclass
class _Plan:
    """What becomes of each file. copies: path → where its pages are. repeats: path → of which earlier path's content."""

    to_read: list[TreeFile] = field(default_factory=list)
    copies: dict[str, KnownFile] = field(default_factory=dict)
    repeats: dict[str, str] = field(default_factory=dict)

    def renamed(self) -> dict[str, str]:
        """Path → the path under which its content is known, where that is another one."""
        pairs = {path: known.path for path, known in self.copies.items()} | self.repeats
        return {new: old for new, old in pairs.items() if new != old}


def _read(claim: Claim, box: Sandbox, spool: IO[bytes], files: list[TreeFile]) -> None:
    store = TreeStore(claim)
    waiting = [file for file in files if file.path not in store.done_paths]
    before = len(files) - len(waiting)
    ready = rules_are_compiled(settings.CACHE_DIR)
    stage = "Reading files" if ready else "Preparing the search for secrets"
    claim.write(stage=stage, total=len(files), done=before)
    plan = _plan(claim.revision, waiting)
    store.more_tokens = _more_tokens(box, spool, plan.renamed(), claim)
    with closing(read_files(box, spool.fileno(), plan.to_read, cancelled=claim.stop)) as outcomes:
        for done, file in enumerate(waiting, start=before + 1):
            _take(store, plan, outcomes, file)
            if done == before + 1:
                claim.write(stage="Reading files")
            if store.is_full or done == len(files):
                _flush(store, done)
                if done < len(files):
                    claim.give_way()


def _plan(revision: Revision, files: list[TreeFile]) -> _Plan:
    known = known_files(revision, {file.path: content_of(file.path, file.blob) for file in files})
    first_of: dict[Content, str] = {}
    plan = _Plan()
    for file in files:
        content = content_of(file.path, file.blob)
        if found := known.get(file.path):
            plan.copies[file.path] = found
        elif content in first_of:
            plan.repeats[file.path] = first_of[content]
        else:
            first_of[content] = file.path
            plan.to_read.append(file)
    return plan


def _take(store: TreeStore, plan: _Plan, outcomes: Iterator[Outcome], file: TreeFile) -> None:
    if known := plan.copies.get(file.path):
        store.copy(file, known)
    elif earlier := plan.repeats.get(file.path):
        store.repeat(file, earlier)
    else:
        store.add(file, next(outcomes))


def _flush(store: TreeStore, done: int) -> None:
    try:
        store.flush(done=done)
    except SourceGone as error:
        # The next turn finds out what is still there; nothing of this piece was kept.
        raise TurnOver from error


def _more_tokens(
    box: Sandbox, spool: IO[bytes], renamed: dict[str, str], claim: Claim
) -> dict[tuple[str, str], int]:
    """(old path, new path) → tokens that a page has more under the new one."""
    if not renamed:
        return {}
    paths = sorted({*renamed, *renamed.values()})
    counts: list[int] = []
    for value in box.run("tree.paths", fd=spool.fileno(), args={"paths": paths}, cancelled=claim.stop):
        counts += value["tokens"]
    tokens = dict(zip(paths, counts, strict=True))
    return {(old, new): tokens[new] - tokens[old] for new, old in renamed.items()}


# The end --------------------------------------------------------------------------------------------


def _tell(claim: Claim) -> None:
    """Sums on the row, and what changed since the reading in use. Raises IngestionError when there is nothing."""
    revision = claim.revision
    reasons = dict(
        SkippedPath.objects.filter(revision=revision)
        .order_by()
        .values_list("reason")
        .annotate(files=Sum("count"))
    )
    sums = SourceFile.objects.filter(revision=revision).aggregate(
        files=Count("pk"), lines=Sum("line_count"), pages=Sum("page_count")
    )
    revision.facts = {
        **revision.facts,
        "files": sums["files"],
        "lines": sums["lines"] or 0,
        "skipped": reasons,
        **_changes(revision),
    }
    claim.write(facts=revision.facts, skipped_count=sum(reasons.values()))
    if not sums["pages"]:
        most = max(reasons, key=lambda reason: reasons[reason], default="empty")
        raise IngestionError("nothing_to_read", skipped=sum(reasons.values()), reason=most)


def _changes(revision: Revision) -> dict[str, Any]:
    """{"changed": …} for a reading that is to replace another: counts, and names up to SHOWN_CHANGES."""
    document = Document.objects.get(pk=revision.document_id)
    if document.current_revision_id in (None, revision.pk):
        return {}
    old = dict(SourceFile.objects.filter(revision=document.current_revision_id).values_list("path", "blob"))
    new = dict(SourceFile.objects.filter(revision=revision).values_list("path", "blob"))
    found = {
        "added": sorted(new.keys() - old.keys()),
        "changed": sorted(path for path in new.keys() & old.keys() if new[path] != old[path]),
        "removed": sorted(old.keys() - new.keys()),
    }
    counts: dict[str, Any] = {name: len(paths) for name, paths in found.items()}
    return {"changed": {**counts, "names": {name: paths[:SHOWN_CHANGES] for name, paths in found.items()}}}
