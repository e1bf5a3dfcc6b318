"""One document: what is known of it, and what is done to it."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.common.http import HtmxRequest
from apps.library.about import DocumentAbout, read_number
from apps.library.access import document_for
from apps.library.models import Document
from apps.library.page_views import show_viewer
from apps.workspaces.access import workspace_for
from apps.workspaces.models import Workspace


@require_safe
def about(request: HtmxRequest, workspace_slug: str, document_id: uuid.UUID) -> HttpResponse:
    """What is known of a document. `part` asks for a piece: its state while it is being read, or its pages."""
    workspace = workspace_for(request.user, workspace_slug)
    document = document_for(request.user, document_id, workspace=workspace)
    context = about_context(request, workspace, document)
    part = request.GET.get("part") if request.htmx else None
    if part == "pages":
        return render(request, "library/_about_pages.html", context)
    if part == "state" and context["state"].is_running:
        return render(request, "library/_about_state.html", context)
    response = show_viewer(request, "library/_about.html", **context)
    if part == "state":
        # Reading has ended: everything on the page may be another now.
        response["HX-Retarget"] = "#viewer"
    return response


def about_context(request: HtmxRequest, workspace: Workspace, document: Document) -> dict[str, Any]:
    revision = document.current_revision
    if revision is None:
        raise Http404
    about = DocumentAbout(
        workspace,
        document,
        revision,
        first_shown=read_number(request.GET.get("from")),
        at=read_number(request.GET.get("at")),
    )
    return {"workspace": workspace, "about": about, "document": document, "state": about.state}
