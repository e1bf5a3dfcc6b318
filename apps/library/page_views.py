"""The viewer: one page of a document as picture, words or text, and the original to take along."""

from __future__ import annotations

import logging
import uuid

from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from apps.common.http import HtmxRequest
from apps.library.access import document_for, page_of
from apps.library.code_viewer import LineRange, code_file, read_lines
from apps.library.downloads import file_text_response, original_response
from apps.library.forms import PageForm
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.quotes import PageWords
from apps.library.ingestion.sandbox import ChildDied, ChildFailed
from apps.library.models import Document, Page
from apps.library.pictures import failure, page_words
from apps.library.states import state_of
from apps.library.viewer import (
    DRAWN_KINDS,
    TextLine,
    ViewerPage,
    find_place,
    page_word,
    read_tab,
    read_zoom,
    text_lines,
)
from apps.workspaces.access import workspace_for
from apps.workspaces.models import Workspace

log = logging.getLogger(__name__)


@require_safe
def document(request: HtmxRequest, workspace_slug: str, document_id: uuid.UUID) -> HttpResponse:
    """The viewer at the first page, or where `page` says."""
    return page(request, workspace_slug, document_id, 1)


@require_safe
def page(request: HtmxRequest, workspace_slug: str, document_id: uuid.UUID, number: int) -> HttpResponse:
    """One page. `page` jumps to a label or number, or to lines of a file (`src/app.py:42`); `lines` marks some,
    `revision` reads an older one, `tab` is page or text."""
    workspace = workspace_for(request.user, workspace_slug)
    document = document_for(request.user, document_id, workspace=workspace)
    revision = document.current_revision
    if "revision" not in request.GET and revision is not None and revision.page_count == 0:
        return show_document(request, workspace, document)
    found = page_of(document, number, revision_id=request.GET.get("revision"))
    problem = ""
    lines = read_lines(request.GET.get("lines"))
    form = PageForm(request.GET)
    if form.is_valid():
        wanted = find_place(document, found, form.cleaned_data["page"])
        if wanted is None:
            problem = f"There is no {page_word(document)} “{form.cleaned_data['page']}” in this document."
        elif not request.htmx:
            return redirect(_address(request, workspace, document, *wanted))
        else:
            found, lines = wanted
    viewer = ViewerPage(
        workspace,
        document,
        found,
        lines=page_lines(found),
        zoom=read_zoom(request.GET.get("zoom")),
        tab=read_tab(request.GET.get("tab")),
        cited_lines=((lines.first, lines.last),) if lines else (),
    )
    return show_viewer(
        request,
        "library/_viewer.html",
        workspace,
        viewer=viewer,
        problem=problem,
        picture_problem=failure(found.revision, found.number) if viewer.has_picture else "",
    )


def _address(
    request: HtmxRequest, workspace: Workspace, document: Document, page: Page, lines: LineRange | None
) -> str:
    """Of a page that was jumped to: the same address without the jump."""
    query = request.GET.copy()
    for name in ("page", "lines"):
        query.pop(name, None)
    if lines is not None:
        query["lines"] = lines.words
    url = reverse("library:page", args=[workspace.slug, document.pk, page.number])
    return f"{url}{f'?{query.urlencode()}' if query else ''}{f'#{lines.anchor}' if lines else ''}"


def show_document(request: HtmxRequest, workspace: Workspace, document: Document) -> HttpResponse:
    """A document that has no pages yet, or never will."""
    return show_viewer(
        request, "library/_viewer_empty.html", workspace, document=document, state=state_of(document)
    )


def show_viewer(request: HtmxRequest, fragment: str, workspace: Workspace, **context: object) -> HttpResponse:
    """The viewer as a fragment for the workbench, or as a page of its own that includes the same fragment."""
    template = fragment if request.htmx else "library/page.html"
    return render(request, template, {"workspace": workspace, "fragment": fragment, **context})


def page_lines(page: Page) -> tuple[TextLine, ...]:
    """The text layer of a page; none when its words cannot be had, which leaves the picture as it is."""
    words = words_of(page)
    return text_lines(words) if words is not None else ()


def words_of(page: Page) -> PageWords | None:
    """The words of a page with their places; None when they cannot be had."""
    if not page.width or page.state == Page.State.UNREADABLE:
        return None
    try:
        return page_words(page.revision, [page.number])[page.number]
    except (IngestionError, ChildDied, ChildFailed, FileNotFoundError, KeyError) as error:
        log.warning("No words for page %s of revision %s: %s", page.number, page.revision_id, error)
        return None


@require_safe
def original(request: HtmxRequest, workspace_slug: str, document_id: uuid.UUID) -> FileResponse:
    """The file as it was brought, always as a download: it is never rendered at this address."""
    workspace = workspace_for(request.user, workspace_slug)
    document = document_for(request.user, document_id, workspace=workspace)
    return original_response(document)


@require_safe
def file_text(request: HtmxRequest, workspace_slug: str, document_id: uuid.UUID, number: int) -> HttpResponse:
    """The text of the file of which a page is a slice, as a download."""
    workspace = workspace_for(request.user, workspace_slug)
    document = document_for(request.user, document_id, workspace=workspace)
    found = page_of(document, number, revision_id=request.GET.get("revision"))
    file = code_file(workspace, document, found) if document.kind not in DRAWN_KINDS else None
    if file is None:
        raise Http404
    return file_text_response(file)
