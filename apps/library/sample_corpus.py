"""The corpora a new installation begins with: two documents of our own, and the code that goes with one of them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

from django.core.files.uploadedfile import SimpleUploadedFile

from apps.accounts.models import User
from apps.library.models import Corpus
from apps.library.services import add_upload, create_corpus
from apps.workspaces.models import Workspace

FOLDER = Path(__file__).parent / "samples"
DOCUMENTS = {"office-lease.pdf": "Office lease.pdf", "reading-with-proof.pdf": "Reading with proof.pdf"}
REPOSITORY = "notice-dates"


def add_samples(actor: User, workspace: Workspace) -> None:
    """Make the sample corpora and queue what they hold."""
    _add_corpus(
        actor,
        workspace,
        "Sample: an office lease",
        "How can the tenant end the lease early, and with how much notice?",
        (
            SimpleUploadedFile(name, (FOLDER / file_name).read_bytes(), content_type="application/pdf")
            for file_name, name in DOCUMENTS.items()
        ),
    )
    _add_corpus(
        actor,
        workspace,
        "Sample: the code of notice dates",
        "On which day does a notice take effect?",
        [SimpleUploadedFile(f"{REPOSITORY}.tar", repository_tar(), content_type="application/x-tar")],
    )


def repository_tar() -> bytes:
    """The sample repository as people would bring it, the same bytes each time."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(path for path in (FOLDER / REPOSITORY).rglob("*") if path.is_file()):
            if "__pycache__" not in path.parts:
                member = tarfile.TarInfo(path.relative_to(FOLDER).as_posix())
                member.size = path.stat().st_size
                tar.addfile(member, io.BytesIO(path.read_bytes()))
    return packed.getvalue()


def _add_corpus(
    actor: User, workspace: Workspace, name: str, question: str, files: Iterable[SimpleUploadedFile]
) -> None:
    corpus = create_corpus(actor, workspace, name)
    Corpus.objects.filter(pk=corpus.pk).update(suggested_question=question)
    for file in files:
        add_upload(actor, corpus, file)
