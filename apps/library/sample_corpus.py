"""The corpus a new installation begins with: two documents of our own, and a question about them."""

from __future__ import annotations

from pathlib import Path

from django.core.files.uploadedfile import SimpleUploadedFile

from apps.accounts.models import User
from apps.library.models import Corpus
from apps.library.services import add_upload, create_corpus
from apps.workspaces.models import Workspace

FOLDER = Path(__file__).parent / "samples"
DOCUMENTS = {"office-lease.pdf": "Office lease.pdf", "reading-with-proof.pdf": "Reading with proof.pdf"}
QUESTION = "How can the tenant end the lease early, and with how much notice?"


def add_samples(actor: User, workspace: Workspace) -> Corpus:
    """Make the sample corpus and queue its documents."""
    corpus = create_corpus(actor, workspace, "Sample: an office lease")
    Corpus.objects.filter(pk=corpus.pk).update(suggested_question=QUESTION)
    for file_name, name in DOCUMENTS.items():
        content = (FOLDER / file_name).read_bytes()
        add_upload(actor, corpus, SimpleUploadedFile(name, content, content_type="application/pdf"))
    corpus.refresh_from_db()
    return corpus
