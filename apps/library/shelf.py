"""Where somebody begins: their workspaces, and the corpora of one."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q, Sum
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from apps.common.http import HtmxRequest
from apps.library.forms import CorpusNameForm
from apps.library.models import Corpus
from apps.library.services import create_corpus
from apps.workspaces.access import Right, workspace_for, workspaces_of
from apps.workspaces.forms import WorkspaceForm
from apps.workspaces.models import Workspace


@dataclass(frozen=True)
class ShelvedCorpus:
    """A corpus as a list shows it. tokens: of its pages, without the markers."""

    corpus: Corpus
    documents: int
    pages: int
    tokens: int
    running: int


def corpora_of(workspace: Workspace) -> list[ShelvedCorpus]:
    """The corpora of a workspace by name, counted. One query."""
    present = Q(entries__removed_at=None, entries__document__deleted_at=None)
    revision = "entries__document__current_revision"
    corpora = Corpus.objects.filter(workspace=workspace, deleted_at=None).annotate(
        documents=Count("entries", filter=present),
        pages=Sum(f"{revision}__page_count", filter=present),
        tokens=Sum(f"{revision}__token_count", filter=present),
        running=Count("entries", filter=present & Q(**{f"{revision}__status__in": ["uploaded", "reading"]})),
    )
    return [
        ShelvedCorpus(each, each.documents, each.pages or 0, each.tokens or 0, each.running)
        for each in corpora.order_by("name", "id")
    ]


@require_safe
def home(request: HtmxRequest) -> HttpResponse:
    """The workspaces of a person; straight to the only one, and to its only corpus, or the first of its samples."""
    workspaces = workspaces_of(request.user)
    if len(workspaces) != 1:
        return render(request, "workspaces/home.html", {"workspaces": workspaces})
    corpora = list(Corpus.objects.filter(workspace=workspaces[0], deleted_at=None)[:3])
    # Nobody has made a corpus here yet: one with a question ready to send is a better beginning than a list.
    if corpora and (len(corpora) == 1 or all(corpus.suggested_question for corpus in corpora)):
        return redirect("library:corpus", workspaces[0].slug, corpora[0].pk)
    return redirect("workspaces:detail", workspaces[0].slug)


@require_http_methods(["GET", "POST"])
def workspace_detail(request: HtmxRequest, workspace_slug: str) -> HttpResponse:
    """The corpora of a workspace; POST makes a new one and opens it."""
    right = Right.CONTRIBUTE if request.method == "POST" else Right.VIEW
    workspace = workspace_for(request.user, workspace_slug, right)
    form = CorpusNameForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        corpus = create_corpus(request.user, workspace, form.cleaned_data["name"])
        return redirect("library:corpus", workspace.slug, corpus.pk)
    context = {
        "workspace": workspace,
        "corpora": corpora_of(workspace),
        "form": form,
        "rename_form": WorkspaceForm(initial={"name": workspace.name}, auto_id="rename_%s"),
        "may_contribute": workspace.held_right >= Right.CONTRIBUTE,
        "may_administer": workspace.held_right >= Right.ADMINISTER,
    }
    return render(request, "workspaces/detail.html", context, status=422 if form.is_bound else 200)
