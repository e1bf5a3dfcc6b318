"""Archives made by code, brought and read as workers do it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping

from django.core.files.uploadedfile import SimpleUploadedFile

from apps.accounts.models import User
from apps.library.models import Corpus, Document, Page, Revision, SourceFile
from apps.library.reading import read_revision
from apps.library.services import add_upload


def tar(files: Mapping[str, str | bytes], *, mode: str = "w:gz") -> bytes:
    """files: path → content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def bring(
    actor: User, corpus: Corpus, files: Mapping[str, str | bytes], *, name: str = "code.tar.gz"
) -> Document:
    """An archive as somebody uploads it; nothing is read yet."""
    file = SimpleUploadedFile(name, tar(files), content_type="application/gzip")
    return add_upload(actor, corpus, file).document


def read(document: Document) -> Revision:
    """Read what waits of a document, and give the reading in use."""
    document.refresh_from_db()
    assert read_revision(str((document.next_revision or document.current_revision).pk))  # type: ignore[union-attr]
    document.refresh_from_db()
    assert document.current_revision is not None
    return document.current_revision


def texts(revision: Revision) -> dict[str, str]:
    """Path → the text of its pages, joined."""
    pages = dict(Page.objects.filter(revision=revision).values_list("number", "text"))
    return {
        file.path: "".join(
            pages[number] for number in range(file.first_page, file.first_page + file.page_count)
        )
        for file in SourceFile.objects.filter(revision=revision)
    }
