"""What the documents pane of the workbench is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from apps.accounts.models import User
from apps.library.corpora import CorpusRow, corpus_rows
from apps.library.ingestion.kinds import ACCEPT, KINDS
from apps.library.models import Corpus
from apps.library.windows import meter_bar

# A row is about 2 kB of HTML. Longer lists come whole when asked for.
ROWS_SHOWN = 200
# What a folder is sorted by: documents are brought singly, as no reader of a repository reads them.
PICTURE_SUFFIXES = [
    suffix
    for kind in KINDS
    if kind.content_type.startswith("image/") or kind.name == "svg"
    for suffix in kind.extensions
]
DOCUMENT_SUFFIXES = [
    suffix
    for kind in KINDS
    if kind.document in {"pdf", "paged"}
    for suffix in kind.extensions
    if suffix not in PICTURE_SUFFIXES
]
PANES = ("documents", "conversation", "viewer")


def documents_context(corpus: Corpus, user: User, *, show_all: bool = False) -> dict[str, Any]:
    """Rows, meter and limits of a corpus for one person. Three queries."""
    rows = corpus_rows(corpus, user)
    return {
        "workspace": corpus.workspace,
        "corpus": corpus,
        "rows": rows if show_all else shown_rows(rows),
        "rows_left_out": 0 if show_all else max(len(rows) - ROWS_SHOWN, 0),
        "show_all": show_all,
        "bar": meter_bar(corpus.workspace, rows),
        "max_upload_bytes": settings.MAX_UPLOAD_BYTES,
        "max_upload_mib": settings.MAX_UPLOAD_BYTES // 1024**2,
        "accept": ACCEPT,
        "document_suffixes": ",".join(DOCUMENT_SUFFIXES),
        "picture_suffixes": ",".join(PICTURE_SUFFIXES),
    }


def shown_rows(rows: Sequence[CorpusRow]) -> list[CorpusRow]:
    """The first ROWS_SHOWN in order; when there are more, those being read or failed come before others."""
    if len(rows) <= ROWS_SHOWN:
        return list(rows)
    urgent_first = sorted(rows, key=lambda row: (row.state.is_settled, row.ordinal))
    return sorted(urgent_first[:ROWS_SHOWN], key=lambda row: row.ordinal)


def chosen_pane(request: HttpRequest, default: str) -> str:
    """Which of the three panes a narrow window shows."""
    pane = request.GET.get("pane", default)
    return pane if pane in PANES else default
