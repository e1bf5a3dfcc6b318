"""The token tree of a repository under its row: what a folder holds, and ticks on folders and files."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.common.http import HtmxRequest, Refused, refusal
from apps.library.access import corpus_for, entry_for
from apps.library.corpora import CorpusRow, corpus_rows
from apps.library.forms import PathTickForm, TreeForm
from apps.library.models import Corpus, Document
from apps.library.selecting import set_path_ticked
from apps.library.tree_pane import ShownFolder, row_for
from apps.library.windows import meter_bar
from apps.workspaces.access import workspace_for


@require_safe
def tree(
    request: HtmxRequest, workspace_slug: str, corpus_id: uuid.UUID, entry_id: uuid.UUID
) -> HttpResponse:
    """One folder of a repository: `path` names it, `first` begins a further piece of a long list."""
    workspace = workspace_for(request.user, workspace_slug)
    corpus = corpus_for(request.user, corpus_id, workspace=workspace)
    row = _row_of(request, corpus, entry_id)
    form = TreeForm(request.GET)
    if not form.is_valid():
        raise Http404
    shown = ShownFolder(row, form.cleaned_data["path"], form.cleaned_data["first"])
    if not shown.folder.files:
        raise Http404
    template = "library/_tree_folder.html" if request.htmx else "library/tree.html"
    return render(request, template, _context(corpus, row) | {"shown": shown})


@require_POST
def tick_path(
    request: HtmxRequest, workspace_slug: str, corpus_id: uuid.UUID, entry_id: uuid.UUID
) -> HttpResponse:
    """Leave a folder or a file in or out of this person's next question."""
    workspace = workspace_for(request.user, workspace_slug)
    corpus = corpus_for(request.user, corpus_id, workspace=workspace)
    entry = entry_for(request.user, corpus, entry_id)
    form = PathTickForm(request.POST)
    if not form.is_valid():
        return refusal(request, 422, "Name a folder or a file of this repository.", "bad_path")
    path = form.cleaned_data["path"]
    try:
        set_path_ticked(request.user, entry, path, form.cleaned_data["is_ticked"])
    except Refused as refused:
        return refusal(request, refused.status, refused.sentence, refused.code)
    if not request.htmx:
        folder = path[: path.rstrip("/").rfind("/") + 1]
        address = reverse("library:tree", args=[workspace.slug, corpus.pk, entry.pk])
        return redirect(f"{address}?{urlencode({'path': folder})}")
    rows = corpus_rows(corpus, request.user)
    row = next(one for one in rows if one.entry.pk == entry.pk)
    context = _context(corpus, row) | {"bar": meter_bar(workspace, rows)}
    response = render(request, "library/_tree_ticked.html", context)
    response["HX-Trigger-After-Swap"] = "selection-changed"
    return response


def _row_of(request: HtmxRequest, corpus: Corpus, entry_id: uuid.UUID) -> CorpusRow:
    row = row_for(request.user, entry_for(request.user, corpus, entry_id))
    if row is None or row.document.kind != Document.Kind.REPOSITORY:
        raise Http404
    return row


def _context(corpus: Corpus, row: CorpusRow) -> dict[str, Any]:
    return {"workspace": corpus.workspace, "corpus": corpus, "row": row}
