"""Where the bytes lie: names made of ids alone, readable as a local file whatever the storage."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from typing import IO

from django.conf import settings
from django.core.files.storage import default_storage
from django.utils import timezone

from apps.library.models import Revision

WORDS_VERSION = 3
"""Raised when words of a page come out differently, so that kept ones are read anew."""


def original_name(workspace_id: uuid.UUID, revision_id: uuid.UUID) -> str:
    return f"{workspace_id}/{revision_id}/original"


def home(revision: Revision) -> str:
    """The folder of the original, without a slash at its end; readings of the same bytes share it.

    Pictures, words and figures lie under it. For a deleted document: where they were.
    """
    return revision.storage_name.rpartition("/")[0] or f"{revision.workspace_id}/{revision.pk}"


def repaired_name(revision: Revision) -> str:
    """Where a copy with a mended page tree is put."""
    return f"{home(revision)}/repaired"


def _pages(revision: Revision) -> str:
    # A repaired copy may number its pages otherwise than the file whose pictures somebody has looked at already.
    return f"{home(revision)}/{'repaired-pages' if revision.repaired_name else 'pages'}"


def picture_name(revision: Revision, number: int, dpi: int) -> str:
    return f"{_pages(revision)}/{number}-{dpi}.webp"


def words_name(revision: Revision, number: int) -> str:
    """Beside the pictures, so that words go when they go."""
    return f"{_pages(revision)}/{number}-words-{WORDS_VERSION}.json"


def ocr_words_name(revision: Revision, number: int) -> str:
    """Places of recognised words, in the shape of words_name; they are kept, not made again at need.

    Each reading has its own: its text may have been put together another way.
    """
    return f"{_pages(revision)}/{number}-ocr-words-{revision.pk}.json"


def thumbnail_name(revision: Revision, number: int) -> str:
    return f"{_pages(revision)}/{number}-thumbnail.webp"


def figure_name(revision: Revision, digest: str, format: str) -> str:
    """format: webp or png."""
    return f"{home(revision)}/figures/{digest}.{format}"


def rendered_digest(revision: Revision, number: int) -> str:
    """Names what is drawn of a page, before it is: the same bytes give the same pages."""
    return hashlib.sha256(f"{revision.sha256}:{number}".encode()).hexdigest()


def open_readable(revision: Revision) -> AbstractContextManager[IO[bytes]]:
    """What is read and shown: the repaired copy where there is one, else the original. As open_original."""
    return _opened(revision, revision.repaired_name or revision.storage_name)


def open_original(revision: Revision) -> AbstractContextManager[IO[bytes]]:
    """The original as a file with a descriptor; a remote storage's is copied to the upload folder first.

    Raises FileNotFoundError when the bytes are gone.
    """
    return _opened(revision, revision.storage_name)


@contextmanager
def _opened(revision: Revision, name: str) -> Iterator[IO[bytes]]:
    if not revision.storage_name or not name:
        # Deleted documents keep their rows; an empty name would open the folder of everything.
        raise FileNotFoundError(f"Nothing is stored for revision {revision.pk}.")
    with default_storage.open(name, "rb") as stored:
        try:
            stored.fileno()
        except (AttributeError, OSError):
            with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as copy:
                shutil.copyfileobj(stored, copy, 1024 * 1024)
                copy.seek(0)
                yield copy
        else:
            yield stored


def delete_files(workspace_id: uuid.UUID, revision_id: uuid.UUID) -> None:
    """Remove everything stored for a revision. Idempotent."""
    _delete_folder(f"{workspace_id}/{revision_id}")


def _delete_folder(folder: str) -> None:
    try:
        folders, names = default_storage.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in folders:
        _delete_folder(f"{folder}/{name}")
    for name in names:
        default_storage.delete(f"{folder}/{name}")
    # A folder storage keeps empty folders; removing one is `delete` there too. One that a worker has just
    # written into stays, and the daily sweep finds it.
    with suppress(OSError):
        default_storage.delete(folder)


def stored_revisions() -> Iterator[tuple[uuid.UUID, uuid.UUID]]:
    """(workspace id, revision id) of everything stored, for the sweep."""
    try:
        workspaces, _ = default_storage.listdir("")
    except FileNotFoundError:
        return
    for workspace in workspaces:
        for revision in default_storage.listdir(workspace)[0]:
            try:
                yield uuid.UUID(workspace), uuid.UUID(revision)
            except ValueError:
                continue


def is_older(workspace_id: uuid.UUID, revision_id: uuid.UUID, age: timedelta) -> bool:
    """Whether a stored original was written longer ago than `age`; True when there is none."""
    try:
        written_at = default_storage.get_modified_time(original_name(workspace_id, revision_id))
    except FileNotFoundError:
        return True
    return timezone.now() - written_at > age


def remove_half_uploads(age: timedelta) -> None:
    """Delete what cut uploads left in the upload folder, and folders of repositories whose worker was killed."""
    oldest = time.time() - age.total_seconds()
    for path in settings.FILE_UPLOAD_TEMP_DIR.iterdir():
        with suppress(FileNotFoundError):
            if path.stat().st_mtime >= oldest:
                continue
            if path.is_file():
                path.unlink()
            else:
                shutil.rmtree(path)
