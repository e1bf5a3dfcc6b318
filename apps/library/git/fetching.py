"""The first stage of a repository with an address: a commit becomes the stored original of a revision."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from apps.common.http import Refused
from apps.library import queueing, readings, storage
from apps.library.claims import SLICE_SECONDS, Claim, ClaimLost, TurnOver
from apps.library.git.addresses import check_ref, parse_address, resolve
from apps.library.git.commits import Remote, Tip, git_config, write_tar
from apps.library.git.errors import FetchFailed
from apps.library.git.runner import GitLimits, GitRunner, check_git
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.sandbox import Cancelled
from apps.library.models import Document, Revision
from apps.library.part_file import KEEP_FREE_BYTES
from apps.library.passwords import opened_token
from apps.library.quotas import check_room, free_bytes
from apps.library.resumable import ArrivedFile
from apps.library.services import lock_holdings
from apps.library.uploads import refusing_full_disk
from apps.workspaces.access import NO_ROW

TAR = "application/x-tar"
FOLDER = "git-{revision}"
"""Where a commit is fetched to, in the upload folder; what a killed worker left there goes with half uploads."""
_SHOW_SECONDS = 1.0


@dataclass
class _Stage:
    """What is being done, on the row every second; a claim that is lost, or must be let go of, ends it."""

    claim: Claim
    sentence: str = ""
    _shown_at: float = field(default=0.0)

    def begin(self, sentence: str) -> None:
        self.sentence = sentence
        self._shown_at = 0.0
        self.tick()

    def fetched(self, percent: int) -> None:
        self.sentence = f"Fetching {percent} %"

    def stored(self, percent: int) -> None:
        self.sentence = f"Storing {percent} %"

    def tick(self) -> None:
        """Raises Cancelled, ClaimLost, TurnOver, FetchFailed (disk_full)."""
        if self.claim.stop.is_set():
            raise Cancelled
        now = time.monotonic()
        if now - self._shown_at < _SHOW_SECONDS:
            return
        self._shown_at = now
        if free_bytes() < KEEP_FREE_BYTES:
            raise FetchFailed("disk_full")
        self.claim.write(stage=self.sentence[:60])
        self._give_way()

    def _give_way(self) -> None:
        """Let another workspace have this worker, unless no other one waits for a host.

        What came so far is lost, so the fetching that began first goes on: one worker may wait for a slow host, the
        others read what is here. Raises TurnOver.
        """
        revision = self.claim.revision
        if time.monotonic() - self.claim.taken_at < SLICE_SECONDS or not queueing.others_wait(revision):
            return
        earlier = Revision.objects.filter(
            status=Revision.Status.READING,
            storage_name="",
            claim__isnull=False,
            taken_at__lt=revision.taken_at,
            document__deleted_at=None,
        )
        if earlier.exists():
            raise TurnOver


def fetch(claim: Claim, limits: GitLimits | None = None) -> bool:
    """Store the commit that a revision's ref names now; False when that is the one in use already.

    Then the reading that was to replace it is gone, and with it the claim. The row and claim.revision get
    storage_name, sha256, size_bytes, commit, content_type and facts["ref"]. Asks the host, which may take half an
    hour. Raises FetchFailed, IngestionError (over_quota, disk_full), Cancelled, ClaimLost.
    """
    check_git()
    revision, limits, stage = claim.revision, limits or GitLimits(), _Stage(claim)
    address = parse_address(revision.document.source_url)
    ref = check_ref(str(revision.options.get("ref", "")))
    with _private_folder(claim) as folder:
        stage.begin(f"Asking {address.host}"[:50] + (f" for {ref}" if ref else ""))
        config = git_config(address, resolve(address), opened_token(revision), limits)
        runner = GitRunner(folder, limits, config, stage.tick)
        commit, tip = _find(claim, Remote(address, runner), ref, stage)
        if not commit:
            return False
        path = folder / "commit.tar"
        stage.begin("Storing")
        digest = write_tar(runner, commit, path, stage.stored)
        # Both at once would take the room of three.
        shutil.rmtree(runner.repository)
        _store(claim, path, sha256=digest, commit=commit, ref=tip.ref)
    return True


def _find(claim: Claim, remote: Remote, ref: str, stage: _Stage) -> tuple[str, Tip]:
    """The commit, fetched; an empty one when it is in use and the reading was given up."""
    tip = remote.find(ref)
    if _is_in_use(claim.revision, tip.commit or tip.wanted):
        _give_up(claim, tip.commit or tip.wanted, tip.ref)
        return "", tip
    stage.begin("Fetching")
    commit = remote.fetch(tip, stage.fetched)
    if _is_in_use(claim.revision, commit):
        _give_up(claim, commit, tip.ref)
        return "", tip
    return commit, tip


def _is_in_use(revision: Revision, commit: str) -> bool:
    """Whether this reading would replace one of the same commit, read with the same options."""
    current = revision.document.current_revision
    if current is None or current.pk == revision.pk or current.status != Revision.Status.READY:
        return False
    return current.commit == commit and _without_ref(current) == _without_ref(revision)


def _without_ref(revision: Revision) -> dict[str, object]:
    return {name: value for name, value in revision.options.items() if name != "ref" and value}


def _give_up(claim: Claim, commit: str, ref: str) -> None:
    """Nothing is new: the reading that was to come goes, and the one in use says when that was seen."""
    with transaction.atomic():
        document = readings.lock_document(claim.revision)
        claim.write()
        Document.objects.filter(pk=document.pk, next_revision=claim.revision).update(next_revision=None)
        current = Revision.objects.select_for_update().get(pk=document.current_revision_id or NO_ROW)
        current.facts["looked"] = {"at": timezone.now().isoformat(), "ref": ref, "commit": commit}
        current.save(update_fields=["facts"])
        readings.remove(claim.revision)


def _store(claim: Claim, path: Path, *, sha256: str, commit: str, ref: str) -> None:
    """File first, then the row that names it, within the room of its workspace and of whoever brought it."""
    revision, document = claim.revision, claim.revision.document
    size = path.stat().st_size
    name = storage.original_name(revision.workspace_id, revision.pk)
    claim.write()
    try:
        with _refusals_as_failures():
            check_room(document.workspace, document.added_by, size)
            with refusing_full_disk(), ArrivedFile(path, document.name, size, sha256) as file:
                # Of an attempt that was killed before its row was written.
                default_storage.delete(name)
                stored = default_storage.save(name, file)
            fields = {
                "storage_name": stored,
                "sha256": sha256,
                "size_bytes": size,
                "commit": commit,
                "content_type": TAR,
                "facts": {**revision.facts, "ref": ref},
            }
            with transaction.atomic():
                lock_holdings(revision.workspace_id)
                check_room(document.workspace, document.added_by, size)
                claim.note_progress(**fields)
    except ClaimLost:
        # Whoever has it now may have stored its own; of a deleted document the sweep finds the file.
        raise
    except BaseException:
        storage.delete_files(revision.workspace_id, revision.pk)
        raise
    for field_name, value in fields.items():
        setattr(revision, field_name, value)


@contextmanager
def _refusals_as_failures() -> Iterator[None]:
    try:
        yield
    except Refused as refused:
        raise IngestionError.restored(refused.code, refused.sentence) from refused


@contextmanager
def _private_folder(claim: Claim) -> Iterator[Path]:
    """A folder of this claim alone, empty, in that of its revision; what an earlier attempt left is removed first."""
    home = settings.FILE_UPLOAD_TEMP_DIR / FOLDER.format(revision=claim.revision.pk)
    folder = home / str(claim.token)
    shutil.rmtree(home, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield folder
    finally:
        # Beside it another worker may be at it already, to which the claim was given.
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            home.rmdir()
