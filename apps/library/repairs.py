"""A revision whose file cannot be read as it is gets a repaired copy, once, which is then read and shown instead."""

from __future__ import annotations

import logging
import tempfile

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage

from apps.library import storage
from apps.library.claims import Claim
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.repair import REPAIRABLE, Repaired, repair
from apps.library.ingestion.sandbox import ChildDied, ChildFailed
from apps.library.models import Page
from apps.library.passwords import opened

log = logging.getLogger(__name__)


def repair_file(claim: Claim, error: IngestionError) -> bool:
    """Whether the revision has a repaired copy now, after reading it ended with this error.

    False when the error is of another kind, the copy itself was read, or nobody can repair the file: then the
    error stands. Pages read before are dropped, because the copy may number them otherwise. Raises ClaimLost.
    """
    revision = claim.revision
    if error.code not in REPAIRABLE or revision.repaired_name or revision.reader != "pdf":
        return False
    claim.write(stage="Repairing the file")
    with (
        storage.open_original(revision) as original,
        tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as copy,
    ):
        try:
            repaired = repair(original.fileno(), copy.fileno(), password=opened(revision))
        except (IngestionError, ChildDied, ChildFailed) as failure:
            log.info("revision %s cannot be repaired: %s", revision.pk, failure)
            return False
        copy.seek(0)
        _keep(claim, File(copy), repaired)
    return True


def _keep(claim: Claim, copy: File[bytes], repaired: Repaired) -> None:
    revision = claim.revision
    name = storage.repaired_name(revision)
    # Left by a worker that died before it could say so on the row; saving beside it would give another name.
    default_storage.delete(name)
    revision.repaired_name = default_storage.save(name, copy)
    revision.facts = {**revision.facts, "repaired": repaired.sentence}
    Page.objects.filter(revision=revision).delete()
    claim.write(repaired_name=revision.repaired_name, facts=revision.facts, done=0)
