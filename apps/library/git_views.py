"""Repositories with an address: the form that brings one, and the button that fetches it again."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from apps.common.http import HtmxRequest, Refused, refusal
from apps.library import git_services
from apps.library.access import corpus_for, document_for
from apps.library.document_views import document_changed, document_refused
from apps.library.git.runner import why_missing
from apps.library.git_forms import FetchAgainForm, GitForm
from apps.library.models import Corpus
from apps.library.views import corpus_view_url
from apps.workspaces.access import Right, workspace_for


@sensitive_post_parameters("token")
@require_http_methods(["GET", "POST"])
def add_git(request: HtmxRequest, workspace_slug: str, corpus_id: uuid.UUID) -> HttpResponse:
    """The form for a git address, perhaps with `?url=` in it; what was sent is fetched later, by a worker."""
    workspace = workspace_for(request.user, workspace_slug)
    corpus = corpus_for(request.user, corpus_id, Right.CONTRIBUTE, workspace)
    if request.method != "POST":
        return _form_page(request, corpus, GitForm(initial={"url": request.GET.get("url", "")}))
    form = GitForm(request.POST)
    if not form.is_valid():
        return _form_page(request, corpus, form, status=422)
    try:
        git_services.add_repository(request.user, corpus, form.asked())
    except Refused as refused:
        form.add_error(refused.details.get("field") or None, refused.sentence)
        return _form_page(request, corpus, form, status=422)
    if not request.htmx:
        return redirect(f"{corpus_view_url(corpus)}?pane=documents")
    response = _form_page(request, corpus, GitForm())
    response["HX-Trigger"] = "documents-changed, git-added"
    return response


def _form_page(request: HtmxRequest, corpus: Corpus, form: GitForm, status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "corpus": corpus,
        "workspace": corpus.workspace,
        "git_missing": why_missing(),
    }
    template = "library/_git_form.html" if request.htmx else "library/git.html"
    return render(request, template, context, status=status)


@sensitive_post_parameters("token")
@require_POST
def fetch_again(request: HtmxRequest, workspace_slug: str, document_id: uuid.UUID) -> HttpResponse:
    """Ask the host whether a repository has another commit now; what was read stays in use until that is read."""
    workspace = workspace_for(request.user, workspace_slug)
    document = document_for(request.user, document_id, Right.CONTRIBUTE, workspace)
    form = FetchAgainForm(request.POST)
    if not form.is_valid():
        return refusal(request, 422, "The branch or the token is too long.", "bad_form")
    try:
        git_services.fetch_again(request.user, document, ref=form.ref_given, token=form.token_given)
    except Refused as refused:
        return document_refused(request, workspace, document, refused)
    return document_changed(request, workspace, document)
