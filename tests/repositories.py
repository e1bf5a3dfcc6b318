"""Repositories to test with, from files given as texts or bytes."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping

from django.utils import timezone

from apps.accounts.models import User
from apps.common.markers import PACKING_VERSION, neutralise
from apps.library.ingestion.source import CUTTING_VERSION
from apps.library.ingestion.source.cutting import cut, shorten_lines
from apps.library.ingestion.source.decoding import decode
from apps.library.ingestion.source.labels import page_label, page_tokens
from apps.library.models import Corpus, Document, Page, Revision, SecretFinding, SkippedPath, SourceFile
from apps.llm.tokens import TOKENIZER, marker_tokens
from tests.factories import join_corpus


def make_repository(
    corpus: Corpus,
    files: Mapping[str, str | bytes],
    name: str = "code",
    *,
    added_by: User | None = None,
    source_url: str = "",
    commit: str = "",
    skipped: Iterable[tuple[str, str, int]] = (),
    findings: Iterable[tuple[str, int, str, bool]] = (),
) -> Document:
    """A ready repository whose files are decoded and cut as readers do it, without archive, sandbox and scanner.

    files: by path. skipped: (path, reason, count). findings: (path, line, kind, whether it is masked).
    """
    document = Document.objects.create(
        workspace=corpus.workspace,
        name=name,
        kind=Document.Kind.REPOSITORY,
        source_url=source_url,
        added_by=added_by,
    )
    skipped = list(skipped)
    revision = Revision.objects.create(
        workspace=corpus.workspace,
        document=document,
        sha256=hashlib.sha256(uuid.uuid4().bytes).hexdigest(),
        commit=commit,
        size_bytes=sum(map(len, files.values())),
        content_type="application/x-tar",
        reader="repository",
        options={"include": [], "exclude": [], "restored": [], "ref": "main" if source_url else ""},
        tokenizer=TOKENIZER,
        packing_version=PACKING_VERSION,
        status=Revision.Status.READY,
        skipped_count=sum(count for _, _, count in skipped),
        ready_at=timezone.now(),
        figures_at=timezone.now(),
    )
    SkippedPath.objects.bulk_create(
        SkippedPath(revision=revision, path=path, reason=reason, count=count)
        for path, reason, count in skipped
    )
    SecretFinding.objects.bulk_create(
        SecretFinding(revision=revision, path=path, line=line, kind=kind, is_masked=is_masked)
        for path, line, kind, is_masked in findings
    )
    add_files(revision, files)
    return join_corpus(corpus, document, revision)


def add_files(revision: Revision, files: Mapping[str, str | bytes]) -> None:
    """The files of a repository with their pages; the revision's sums are set with them."""
    pages: list[Page] = []
    rows: list[SourceFile] = []
    for path in sorted(files):
        content = files[path]
        data = content.encode() if isinstance(content, str) else content
        decoded = decode(data)
        text = neutralise(shorten_lines(decoded.text))
        first = len(pages) + 1
        pages += [
            _slice_page(revision, number, page_label(path, part.first_line, part.last_line), part.text)
            for number, part in enumerate(cut(text), start=first)
        ]
        rows.append(
            SourceFile(
                workspace_id=revision.workspace_id,
                revision=revision,
                path=path,
                blob=hashlib.sha256(data).hexdigest(),
                cutting=CUTTING_VERSION,
                size_bytes=len(data),
                first_page=first,
                page_count=len(pages) + 1 - first,
                line_count=text.count("\n") + (not text.endswith("\n") and bool(text)),
                tokens=sum(
                    page.tokens + marker_tokens(1, page.number) for page in pages[first - 1 :] if page.tokens
                ),
                encoding=decoded.encoding,
                flags=list(decoded.flags),
            )
        )
    Page.objects.bulk_create(pages, batch_size=500)
    SourceFile.objects.bulk_create(rows, batch_size=500)
    revision.page_count = revision.done = revision.total = len(pages)
    revision.token_count = sum(row.tokens for row in rows)
    revision.facts = {"files": len(rows), "lines": sum(row.line_count for row in rows)}
    revision.save(update_fields=["page_count", "done", "total", "token_count", "facts"])


def _slice_page(revision: Revision, number: int, label: str, text: str) -> Page:
    return Page(
        workspace_id=revision.workspace_id,
        revision=revision,
        number=number,
        label=label,
        text=text,
        tokens=page_tokens(label, text),
        flags=["blank"] if text.isspace() else [],
    )
