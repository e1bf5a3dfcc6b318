"""One document: what is known of it, and what is done to it."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from apps.common.http import HtmxRequest, Refused, refusal
from apps.library import readings, services
from apps.library.about import DocumentAbout, read_number
from apps.library.access import document_for
from apps.library.forms import DocumentNameForm, PasswordForm, ReadAgainForm
from apps.library.models import Corpus, Document
from apps.library.page_views import show_document, show_viewer
from apps.library.views import corpus_view_url, go
from apps.library.what_is_read import read_context
from apps.workspaces.access import Right, workspace_for
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


@require_POST
def retry_document(request: HtmxRequest, workspace_slug: str, document_id: uuid.UUID) -> HttpResponse:
    workspace = workspace_for(request.user, workspace_slug)
    document = document_for(request.user, document_id, Right.CONTRIBUTE, workspace)
    services.retry_document(request.user, document)
    return document_changed(request, workspace, document)


@sensitive_post_parameters("password")
@require_POST
def give_password(request: HtmxRequest, workspace_slug: str, document_id: uuid.UUID) -> HttpResponse:
    """What opens a protected file, which is then read; one that does not is asked for again."""
    workspace = workspace_for(request.user, workspace_slug)
    document = document_for(request.user, document_id, Right.CONTRIBUTE, workspace)
    form = PasswordForm(request.POST)
    if not form.is_valid():
        return refusal(request, 422, "Type the password of the file, as it was given to you.", "bad_password")
    with suppress(Refused):
        # Somebody else may have given it a moment ago; then there is nothing to do but to show what came of it.
        services.give_password(request.user, document, form.cleaned_data["password"])
    return document_changed(request, workspace, document)


@require_POST
def read_again(request: HtmxRequest, workspace_slug: str, document_id: uuid.UUID) -> HttpResponse:
    """Read a document anew with other options; what was read before stays in use until that is ready."""
    workspace = workspace_for(request.user, workspace_slug)
    document = document_for(request.user, document_id, Right.CONTRIBUTE, workspace)
    form = ReadAgainForm(request.POST)
    if not form.is_valid():
        return refusal(request, 422, "Choose which pages text recognition shall read.", "unknown_option")
    try:
        readings.read_again(request.user, document, form.cleaned_data)
    except Refused as refused:
        return document_refused(request, workspace, document, refused)
    return document_changed(request, workspace, document)


@require_POST
def cancel_reading(request: HtmxRequest, workspace_slug: str, document_id: uuid.UUID) -> HttpResponse:
    """Stop reading again, or dismiss that it failed; what was read before stays as it is."""
    workspace = workspace_for(request.user, workspace_slug)
    document = document_for(request.user, document_id, Right.CONTRIBUTE, workspace)
    readings.cancel_next(request.user, document)
    return document_changed(request, workspace, document)


@require_POST
def rename_document(request: HtmxRequest, workspace_slug: str, document_id: uuid.UUID) -> HttpResponse:
    workspace = workspace_for(request.user, workspace_slug)
    document = document_for(request.user, document_id, Right.CONTRIBUTE, workspace)
    form = DocumentNameForm(request.POST)
    if not form.is_valid():
        return refusal(request, 422, "A document needs a name of at most 255 characters.", "bad_name")
    services.rename_document(request.user, document, form.cleaned_data["name"])
    return document_changed(request, workspace, document)


@require_POST
def delete_document(request: HtmxRequest, workspace_slug: str, document_id: uuid.UUID) -> HttpResponse:
    workspace = workspace_for(request.user, workspace_slug)
    document = document_for(request.user, document_id, Right.CONTRIBUTE, workspace)
    corpora = _corpora_with(document)
    services.delete_document(request.user, document)
    return _back_to_corpus(request, corpora)


def document_changed(request: HtmxRequest, workspace: Workspace, document: Document) -> HttpResponse:
    """What has become of a document: in the viewer where that was asked, else in the list of the workbench."""
    if request.htmx and request.htmx.target == "viewer":
        response = _shown_anew(request, workspace, document)
        response["HX-Trigger"] = "documents-changed"
        return response
    for name in ("library:document-about", "library:what-is-read"):
        address = reverse(name, args=[workspace.slug, document.pk])
        if not request.htmx and address in request.META.get("HTTP_REFERER", ""):
            return redirect(address)
    return _back_to_corpus(request, _corpora_with(document))


def _shown_anew(
    request: HtmxRequest, workspace: Workspace, document: Document, problem: str = ""
) -> HttpResponse:
    changed = document_for(request.user, document.pk, workspace=workspace)
    if changed.current_revision is None or not changed.current_revision.page_count:
        return show_document(request, workspace, changed)
    if changed.kind == Document.Kind.REPOSITORY:
        context = read_context(workspace, changed)
        return show_viewer(request, "library/_what_is_read.html", **context, problem=problem)
    context = about_context(request, workspace, changed)
    return show_viewer(request, "library/_about.html", **context, problem=problem)


def document_refused(
    request: HtmxRequest, workspace: Workspace, document: Document, refused: Refused
) -> HttpResponse:
    """Said above what is known of the document, wherever the button was."""
    if not request.htmx:
        return refusal(request, refused.status, refused.sentence, refused.code)
    response = _shown_anew(request, workspace, document, refused.sentence)
    response["HX-Retarget"] = "#viewer"
    response["HX-Reswap"] = "outerHTML"
    response["HX-Trigger"] = "documents-changed"
    return response


def _corpora_with(document: Document) -> list[Corpus]:
    return list(Corpus.objects.filter(entries__document=document, entries__removed_at=None))


def _back_to_corpus(request: HtmxRequest, corpora: list[Corpus]) -> HttpResponse:
    """Tell the workbench to fetch its list again; from anywhere else lead back to a corpus of the document."""
    if request.htmx and "/documents/" not in (request.htmx.current_url_abs_path or ""):
        return HttpResponse(status=204, headers={"HX-Trigger": "documents-changed"})
    back = next((one for one in corpora if str(one.pk) in request.META.get("HTTP_REFERER", "")), None)
    chosen = back or (corpora[0] if corpora else None)
    if chosen is None:
        return go(request, reverse("home"))
    return go(request, f"{corpus_view_url(chosen)}?pane=documents")
