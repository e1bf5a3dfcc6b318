"""The documents pane of the workbench, and what is done to corpora there."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.common.http import HtmxRequest, Refused, refusal
from apps.library import services
from apps.library.access import corpus_for, entry_for
from apps.library.corpora import corpus_rows
from apps.library.forms import CorpusNameForm, TickForm
from apps.library.models import Corpus
from apps.library.workbench import chosen_pane, documents_context
from apps.workspaces.access import Right, workspace_for


def corpus_view_url(corpus: Corpus) -> str:
    return reverse("library:corpus", args=[corpus.workspace.slug, corpus.pk])


@require_safe
def corpus_workbench(request: HtmxRequest, workspace_slug: str, corpus_id: uuid.UUID) -> HttpResponse:
    """The workbench of a corpus before the first question."""
    workspace = workspace_for(request.user, workspace_slug)
    corpus = corpus_for(request.user, corpus_id, workspace=workspace)
    context = documents_context(corpus, request.user, show_all="all" in request.GET)
    default = "conversation" if context["rows"] else "documents"
    return render(request, "library/corpus.html", context | {"pane": chosen_pane(request, default)})


@require_http_methods(["GET", "HEAD", "POST"])
def corpus_documents(request: HtmxRequest, workspace_slug: str, corpus_id: uuid.UUID) -> HttpResponse:
    """GET: the list as a fragment, or with `row` ids just those rows. POST: files into the corpus."""
    workspace = workspace_for(request.user, workspace_slug)
    right = Right.CONTRIBUTE if request.method == "POST" else Right.VIEW
    corpus = corpus_for(request.user, corpus_id, right, workspace)
    if request.method == "POST":
        return _upload(request, corpus)
    if not request.htmx:
        return redirect(f"{corpus_view_url(corpus)}?pane=documents")
    if "row" in request.GET:
        return _changed_rows(request, corpus)
    context = documents_context(corpus, request.user, show_all="all" in request.GET)
    return render(request, "library/_documents.html", context)


def _changed_rows(request: HtmxRequest, corpus: Corpus) -> HttpResponse:
    """The rows that were being read when the page last heard of them, each replacing itself, and the sums.

    One that is no longer being read, or has become usable meanwhile, changes what can be asked, so the page asks
    for the plan again.
    """
    context = documents_context(corpus, request.user, show_all=True)
    asked = set(request.GET.getlist("row"))
    context["rows"] = [row for row in context["rows"] if str(row.entry.pk) in asked]
    response = render(request, "library/_documents_changed.html", context)
    usable = set(request.GET.getlist("usable"))
    if any(
        not row.state.is_running or (row.state.is_usable and str(row.entry.pk) not in usable)
        for row in context["rows"]
    ):
        response["HX-Trigger-After-Swap"] = "selection-changed"
    return response


def _upload(request: HtmxRequest, corpus: Corpus) -> HttpResponse:
    """Each file is taken or refused by itself; a program that sends one file gets its own status."""
    files = request.FILES.getlist("file")
    refusals: list[Refused] = []
    added: list[services.AddedDocument] = []
    for file in files:
        try:
            added.append(services.add_upload(request.user, corpus, file))
        except Refused as refused:
            refused.details.setdefault("name", file.name or "")
            refusals.append(refused)
    if not files:
        refusals.append(Refused("no_file", "No file came with the request. Choose a PDF and send it again."))
    if request.accepts("text/html"):
        for problem in refusals:
            name = problem.details.get("name")
            messages.error(request, f"{name}: {problem.sentence}" if name else problem.sentence)
        return redirect(f"{corpus_view_url(corpus)}?pane=documents")
    if refusals:
        first = refusals[0]
        error = {"code": first.code, "message": first.sentence}
        return JsonResponse({"error": error}, status=first.status)
    documents = [{"id": str(one.document.pk), "is_known": one.is_known} for one in added]
    return JsonResponse({"documents": documents}, status=200 if all(one.is_known for one in added) else 202)


@require_POST
def tick(
    request: HtmxRequest, workspace_slug: str, corpus_id: uuid.UUID, entry_id: uuid.UUID
) -> HttpResponse:
    """Leave one document in or out of this person's next question."""
    workspace = workspace_for(request.user, workspace_slug)
    corpus = corpus_for(request.user, corpus_id, workspace=workspace)
    entry = entry_for(request.user, corpus, entry_id)
    form = TickForm(request.POST)
    form.full_clean()
    services.set_ticked(request.user, entry, form.cleaned_data["is_ticked"])
    return _after_ticking(request, corpus)


@require_POST
def tick_all(request: HtmxRequest, workspace_slug: str, corpus_id: uuid.UUID) -> HttpResponse:
    """Leave every document in or out of this person's next question."""
    workspace = workspace_for(request.user, workspace_slug)
    corpus = corpus_for(request.user, corpus_id, workspace=workspace)
    form = TickForm(request.POST)
    form.full_clean()
    is_ticked = form.cleaned_data["is_ticked"]
    for row in corpus_rows(corpus, request.user):
        if row.is_ticked != is_ticked or row.is_partly_ticked:
            services.set_ticked(request.user, row.entry, is_ticked)
    return _after_ticking(request, corpus, whole_list=True)


def _after_ticking(request: HtmxRequest, corpus: Corpus, *, whole_list: bool = False) -> HttpResponse:
    if not request.htmx:
        return redirect(f"{corpus_view_url(corpus)}?pane=documents")
    template = "library/_documents.html" if whole_list else "library/_meter.html"
    response = render(request, template, documents_context(corpus, request.user))
    response["HX-Trigger-After-Swap"] = "selection-changed"
    return response


@require_POST
def rename_corpus(request: HtmxRequest, workspace_slug: str, corpus_id: uuid.UUID) -> HttpResponse:
    workspace = workspace_for(request.user, workspace_slug)
    corpus = corpus_for(request.user, corpus_id, Right.CONTRIBUTE, workspace)
    form = CorpusNameForm(request.POST)
    if not form.is_valid():
        return refusal(request, 422, "A corpus needs a name of at most 120 characters.", "bad_name")
    services.rename_corpus(request.user, corpus, form.cleaned_data["name"])
    return go(request, corpus_view_url(corpus))


@require_POST
def delete_corpus(request: HtmxRequest, workspace_slug: str, corpus_id: uuid.UUID) -> HttpResponse:
    """Deleting takes other people's documents along, so it is for administrators."""
    workspace = workspace_for(request.user, workspace_slug)
    corpus = corpus_for(request.user, corpus_id, Right.ADMINISTER, workspace)
    services.delete_corpus(request.user, corpus)
    messages.success(request, f"The corpus “{corpus.name}” and the documents only it held are deleted.")
    return go(request, workspace.get_absolute_url())


def go(request: HtmxRequest, url: str) -> HttpResponse:
    """Open a page, from a form or from htmx alike."""
    if request.htmx:
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
