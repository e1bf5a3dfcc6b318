"""Uploads that may be cut and go on: announced with size and checksum, sent in as many pieces as the line allows.

The row says what is expected, the length of the part file what is here. Rights are the caller's business
(`upload_for`), each time anew.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone

from apps.accounts.models import User
from apps.common.http import Refused
from apps.library import services
from apps.library.ingestion.guards import IngestionError, check_kind
from apps.library.models import Corpus, Upload
from apps.library.part_file import HEAD_BYTES, KEEP_FREE_BYTES, PartFile, part_path, part_size, remove_part
from apps.library.quotas import check_room, free_bytes
from apps.library.uploads import disk_full, display_name
from apps.workspaces.access import Actor, Right, check_right, lookup_id
from apps.workspaces.models import Workspace

log = logging.getLogger(__name__)

UPLOAD_LIFETIME = timedelta(hours=24)
"""An unfinished upload to which no byte was added for so long is removed by the sweep."""
PROMISE_LIFETIME = timedelta(hours=1)
"""So long an announcement holds room on the disk for bytes that do not come."""
SHA256 = re.compile(r"[0-9a-f]{64}")


class ArrivedFile(UploadedFile):  # type: ignore[type-arg]
    """A part file as Django's storages take one: a storage in a folder moves it instead of copying it."""

    def __init__(self, path: Path, name: str, size_bytes: int, sha256: str) -> None:
        super().__init__(path.open("rb"), name, size=size_bytes)
        self.path = path
        self.sha256 = sha256

    def temporary_file_path(self) -> str:
        return str(self.path)


def upload_for(
    actor: Actor, upload_id: object, *, workspace: Workspace | None = None, may_be_of_others: bool = False
) -> Upload:
    """One's own upload, while one may still contribute to its corpus. Http404 or PermissionDenied.

    may_be_of_others: administrators also get those of other people, to discard them.
    """
    upload = (
        Upload.objects.select_related("corpus__workspace", "document")
        .filter(pk=lookup_id(upload_id), corpus__deleted_at=None)
        .first()
    )
    if upload is None or (workspace is not None and upload.workspace_id != workspace.pk):
        raise Http404
    held = check_right(actor, upload.workspace_id, Right.VIEW)
    is_own = upload.owner_id == actor.pk
    if not is_own and not (may_be_of_others and held >= Right.ADMINISTER):
        raise Http404
    if held < Right.CONTRIBUTE:
        raise PermissionDenied
    return upload


def begin_upload(actor: User, corpus: Corpus, *, name: str, size_bytes: int, sha256: str = "") -> Upload:
    """Announce a file. An upload whose content is known here has its `document` at once, and no byte is needed.

    sha256: of the whole file, hexadecimal, or empty when the sender does not know it.
    Raises Refused (empty_file, too_large, kind_not_accepted, bad_checksum, over_quota, too_many_uploads, disk_full),
    and Http404 for a corpus that was deleted meanwhile.
    """
    name = display_name(name)
    _check_announced(name, size_bytes, sha256)
    with transaction.atomic():
        # One announcement at a time in a workspace, so that its quota and the number of uploads are counted right.
        services.lock_holdings(corpus.workspace_id)
        upload = Upload(
            workspace_id=corpus.workspace_id,
            corpus=corpus,
            owner=actor,
            name=name,
            size_bytes=size_bytes,
            sha256=sha256,
        )
        try:
            known = services.add_known(corpus, sha256) if sha256 else None
        except Corpus.DoesNotExist as error:
            raise Http404 from error
        if known is not None:
            upload.document = known.document
        else:
            _check_open_uploads(actor)
            check_room(corpus.workspace, actor, size_bytes)
            _check_disk(size_bytes)
        upload.save(force_insert=True)
    return upload


def received_bytes(upload: Upload) -> int:
    """How much of an upload is here; all of it once it became a document."""
    return upload.size_bytes if upload.document_id else min(part_size(upload.pk), upload.size_bytes)


def expires_at(upload: Upload) -> datetime:
    return upload.touched_at + UPLOAD_LIFETIME


def touch(upload: Upload) -> None:
    upload.touched_at = timezone.now()
    Upload.objects.filter(pk=upload.pk).update(touched_at=upload.touched_at)


def check_head(upload: Upload, part: PartFile) -> None:
    """Refuse another kind of file as soon as its first bytes are here. Raises Refused; nothing of it is kept."""
    try:
        check_kind(upload.name, part.head())
    except IngestionError as error:
        discard(upload)
        raise _refused(error) from error


def is_head_here(upload: Upload, part: PartFile) -> bool:
    return part.offset >= min(HEAD_BYTES, upload.size_bytes)


def finish(actor: User, upload: Upload, part: PartFile) -> None:
    """Make a document of an upload whose last byte is here; `upload.document` says which. Idempotent.

    The part file is held by the caller. Raises Refused as `add_upload` does, and wrong_checksum; then nothing of it
    is kept. What is not the file's fault (a database that is away) leaves the bytes where they are.
    """
    if _has_ended(upload):
        remove_part(upload.pk)
        return
    try:
        digest = part.sha256()
        if upload.sha256 and digest != upload.sha256:
            raise Refused(
                "wrong_checksum",
                "What arrived is not what was announced: the checksums differ, and nothing was kept. "
                "The file may have changed meanwhile; bring it again.",
                status=460,
            )
        with _handed_over(upload, digest) as file:
            added = services.add_upload(actor, upload.corpus, file, arriving=upload)
    except (Refused, Corpus.DoesNotExist) as refused:
        discard(upload)
        if isinstance(refused, Corpus.DoesNotExist):
            raise Http404 from refused
        raise
    upload.document = added.document
    remove_part(upload.pk)


def finish_if_complete(actor: User, upload: Upload, *, wait_seconds: float) -> None:
    """`finish` for somebody who comes back and asks; whoever still writes is waited for.

    Raises PartBusy, and what `finish` raises.
    """
    if upload.document_id or part_size(upload.pk) < upload.size_bytes:
        return
    with PartFile(upload.pk, wait_seconds=wait_seconds) as part:
        if part.offset == upload.size_bytes:
            finish(actor, upload, part)
        elif part.offset == 0:
            # It was moved away while we waited, and opening made a new one.
            _has_ended(upload)
            part.path.unlink(missing_ok=True)


def discard(upload: Upload) -> None:
    """Forget an upload with its bytes; a document it has become stays. Idempotent."""
    # Bytes first: they make room on a disk that is too full to write the other change.
    remove_part(upload.pk)
    Upload.objects.filter(pk=upload.pk).delete()


def unfinished_uploads(
    actor: User, *, corpus: Corpus | None = None, workspace: Workspace | None = None
) -> QuerySet[Upload]:
    """What a person began and has not finished, oldest first."""
    uploads = Upload.objects.filter(owner=actor, document=None, corpus__deleted_at=None)
    if corpus is not None:
        uploads = uploads.filter(corpus=corpus)
    if workspace is not None:
        uploads = uploads.filter(workspace=workspace)
    return uploads.select_related("corpus")


def remove_expired(age: timedelta = UPLOAD_LIFETIME) -> None:
    """Forget uploads that nobody touched for `age`, and those into corpora that are gone."""
    old = Upload.objects.filter(touched_at__lt=timezone.now() - age)
    for upload in old | Upload.objects.filter(corpus__deleted_at__isnull=False):
        discard(upload)


@contextmanager
def _handed_over(upload: Upload, sha256: str) -> Iterator[ArrivedFile]:
    """An upload's bytes under a second name, for a storage to move away: should what follows fail, they are still here."""
    path = part_path(upload.pk).with_suffix(f".{secrets.token_hex(8)}")
    try:
        os.link(part_path(upload.pk), path)
    except OSError:
        # Some volumes know no second names; there a failure costs sending the file again.
        os.rename(part_path(upload.pk), path)
    try:
        with ArrivedFile(path, upload.name, upload.size_bytes, sha256) as file:
            yield file
    finally:
        path.unlink(missing_ok=True)


def _has_ended(upload: Upload) -> bool:
    """Whether it became a document meanwhile; one that is gone altogether is a 404."""
    try:
        upload.refresh_from_db(fields=["document"])
    except Upload.DoesNotExist as error:
        raise Http404 from error
    return upload.document_id is not None


def _check_announced(name: str, size_bytes: int, sha256: str) -> None:
    try:
        # Without bytes nothing but the name can be at fault.
        check_kind(name, b"")
    except IngestionError as error:
        if error.code != "empty_file" or size_bytes == 0:
            raise _refused(error) from error
    if size_bytes > settings.MAX_UPLOAD_BYTES:
        raise _refused(IngestionError("too_large", limit=settings.MAX_UPLOAD_BYTES // 1024**2))
    if sha256 and not SHA256.fullmatch(sha256):
        raise Refused("bad_checksum", "A checksum in SHA-256 is written with 64 hexadecimal digits.")


def _check_open_uploads(actor: User) -> None:
    if Upload.objects.filter(owner=actor, document=None).count() >= settings.UPLOADS_PER_MEMBER:
        raise Refused(
            "too_many_uploads",
            f"You have {settings.UPLOADS_PER_MEMBER} unfinished uploads. Finish or discard some of them first.",
            status=429,
        )


def _check_disk(size_bytes: int) -> None:
    """Whether there is room for it after everything else that was announced."""
    still_coming = Upload.objects.filter(document=None, touched_at__gt=timezone.now() - PROMISE_LIFETIME)
    unfinished = still_coming.values_list("pk", "size_bytes")
    promised = sum(max(0, size - part_size(pk)) for pk, size in unfinished)
    if free_bytes() < KEEP_FREE_BYTES + promised + size_bytes:
        raise disk_full()


def _refused(error: IngestionError) -> Refused:
    return Refused(error.code, error.sentence, status=services.STATUS_OF_CODE.get(error.code, 400))
