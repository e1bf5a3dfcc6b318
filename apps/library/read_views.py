"""What is read of a repository: the page that tells it, and choosing otherwise."""

from __future__ import annotations

import uuid

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from apps.common.http import HtmxRequest, Refused, refusal
from apps.library import tree_services
from apps.library.access import document_for
from apps.library.document_views import document_changed, document_refused
from apps.library.ingestion.tree.choosing import RESTORABLE
from apps.library.models import Document, SkippedPath
from apps.library.page_views import show_document, show_viewer
from apps.library.read_forms import ChoiceForm, RestoreForm, SkippedForm
from apps.library.what_is_read import MOST_RESTORED, TOO_MANY_RESTORED, Choice, effect_of, read_context
from apps.workspaces.access import Right, workspace_for
from apps.workspaces.models import Workspace

_LISTS = {"skipped": "library/_skipped.html", "rows": "library/_skipped_rows.html"}


@require_http_methods(["GET", "HEAD", "POST"])
def what_is_read(request: HtmxRequest, workspace_slug: str, document_id: uuid.UUID) -> HttpResponse:
    """GET: the page, or with `part` its state or its list of skipped paths. POST: read with other choices."""
    workspace = workspace_for(request.user, workspace_slug)
    right = Right.CONTRIBUTE if request.method == "POST" else Right.VIEW
    document = _repository_for(request, workspace, document_id, right)
    if request.method == "POST":
        form = ChoiceForm(request.POST)
        if form.is_valid():
            return _read_with(request, workspace, document, form.choice())
        return document_refused(request, workspace, document, Refused("bad_glob", _fault(form), status=422))
    if document.current_revision is None or not document.current_revision.page_count:
        return show_document(request, workspace, document)
    listed = SkippedForm(request.GET)
    if not listed.is_valid():
        raise Http404
    context = read_context(workspace, document, *listed.cleaned_data.values())
    part = request.GET.get("part") if request.htmx else None
    if part in _LISTS:
        return render(request, _LISTS[part], context)
    if part == "state" and context["state"].is_running:
        return render(request, "library/_read_state.html", context)
    response = show_viewer(request, "library/_what_is_read.html", **context)
    if part == "state":
        # Reading has ended: everything on the page may be another now.
        response["HX-Retarget"] = "#viewer"
    return response


@require_POST
def preview(request: HtmxRequest, workspace_slug: str, document_id: uuid.UUID) -> HttpResponse:
    """What choices would change, before they are saved."""
    workspace = workspace_for(request.user, workspace_slug)
    document = _repository_for(request, workspace, document_id, Right.VIEW)
    form = ChoiceForm(request.POST)
    context: dict[str, object] = {"workspace": workspace, "document": document}
    status = 200
    if form.is_valid() and document.current_revision is not None:
        choice = form.choice()
        context |= {
            "effect": effect_of(document.current_revision, choice),
            "is_same": choice == Choice.of(document.current_revision),
        }
    else:
        context["problem"] = _fault(form)
        status = 422
    return render(request, "library/_effect.html", context, status=status)


@require_POST
def restore(request: HtmxRequest, workspace_slug: str, document_id: uuid.UUID) -> HttpResponse:
    """Read a skipped path, or all with one reason, nevertheless."""
    workspace = workspace_for(request.user, workspace_slug)
    document = _repository_for(request, workspace, document_id, Right.CONTRIBUTE)
    form = RestoreForm(request.POST)
    if not form.is_valid() or document.current_revision is None:
        return refusal(request, 422, "Name a path or a reason.", "bad_path")
    wanted = {name: value for name, value in form.cleaned_data.items() if value}
    skipped = SkippedPath.objects.filter(revision=document.current_revision, reason__in=RESTORABLE).filter(
        **wanted
    )
    paths = list(skipped.order_by("path").values_list("path", flat=True)[: MOST_RESTORED + 1])
    if not paths:
        raise Http404
    choice = Choice.of(document.current_revision).with_restored(paths)
    if len(choice.restored) > MOST_RESTORED:
        refused = Refused("too_many_paths", TOO_MANY_RESTORED, status=422)
        return document_refused(request, workspace, document, refused)
    return _read_with(request, workspace, document, choice)


def _read_with(
    request: HtmxRequest, workspace: Workspace, document: Document, choice: Choice
) -> HttpResponse:
    try:
        tree_services.read_again(
            request.user,
            document,
            include=choice.include,
            exclude=choice.exclude,
            restored=choice.restored,
        )
    except Refused as refused:
        return document_refused(request, workspace, document, refused)
    return document_changed(request, workspace, document)


def _repository_for(
    request: HtmxRequest, workspace: Workspace, document_id: uuid.UUID, right: Right
) -> Document:
    document = document_for(request.user, document_id, right, workspace)
    if document.kind != Document.Kind.REPOSITORY:
        raise Http404
    return document


def _fault(form: ChoiceForm) -> str:
    return next((str(errors[0]) for errors in form.errors.values()), "")
