"""One answer in the browser: its turn, stopping and retrying, coverage, citations, export."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal
from functools import partial
from typing import Any

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import reswap, retarget

from apps.common.http import HtmxRequest, Refused, refusal
from apps.conversations import services
from apps.conversations.access import answer_for
from apps.conversations.answer_display import cited_links
from apps.conversations.cited import CitedPage, cited_entry, cited_page
from apps.conversations.composer import composer_for
from apps.conversations.continuing import continue_answer
from apps.conversations.coverage import coverage as coverage_of
from apps.conversations.coverage_sheet import coverage_strips, left_out_rows
from apps.conversations.coverage_tree import covered_trees
from apps.conversations.export import FORMATS, copy_answer, export_response
from apps.conversations.marking import quoted_spans
from apps.conversations.models import Answer, Verdict
from apps.conversations.source_lines import is_code
from apps.conversations.threads import turn_of
from apps.conversations.views import conversation_url, pane_context
from apps.library.access import document_for, page_of
from apps.library.models import Document, Page
from apps.library.page_views import page_lines, show_viewer
from apps.library.pictures import failure
from apps.library.viewer import HighlightBox, ViewerPage, highlight_boxes, read_tab, read_zoom
from apps.workspaces.access import Right, workspace_for
from apps.workspaces.models import Workspace


@require_safe
def answer(request: HtmxRequest, workspace_slug: str, answer_id: uuid.UUID) -> HttpResponse:
    """The answer's turn as it stands, with the button under the thread; as a page, the conversation at it."""
    workspace = workspace_for(request.user, workspace_slug)
    found = answer_for(request.user, answer_id, workspace=workspace)
    if not request.htmx:
        return redirect(conversation_url(found.question.conversation, found))
    return _show_turn(request, workspace, found)


def _show_turn(request: HtmxRequest, workspace: Workspace, answer: Answer) -> HttpResponse:
    conversation = answer.question.conversation
    conversation.corpus.workspace = workspace
    turn = turn_of(answer)
    context = {
        "workspace": workspace,
        "corpus": conversation.corpus,
        "conversation": conversation,
        "is_owner": conversation.owner_id == request.user.pk,
        "turn": turn,
        "composer": composer_for(
            request.user, conversation.corpus, conversation=conversation, tip=turn.answer
        ),
    }
    return render(request, "conversations/_turn_changed.html", context)


@require_POST
def stop(request: HtmxRequest, workspace_slug: str, answer_id: uuid.UUID) -> HttpResponse:
    """Stop writing; what came is kept. On an ended answer nothing happens."""
    workspace = workspace_for(request.user, workspace_slug)
    found = answer_for(request.user, answer_id, Right.CONTRIBUTE, workspace)
    services.stop_answer(request.user, found)
    if request.htmx and not found.is_running:
        return HttpResponse(status=204)
    if request.htmx:
        # In the button's own place, which is gone once the turn was fetched: the stream ends within two seconds.
        return render(request, "conversations/_stopping_button.html")
    return redirect(conversation_url(found.question.conversation, found))


@require_POST
def retry(request: HtmxRequest, workspace_slug: str, answer_id: uuid.UUID) -> HttpResponse:
    """Ask a failed or stopped answer's question again, as a new answer beside it."""
    workspace = workspace_for(request.user, workspace_slug)
    found = answer_for(request.user, answer_id, Right.CONTRIBUTE, workspace)
    hosts = request.POST.getlist("hosts")
    return _show_beside(
        request, found, partial(services.retry_answer, request.user, found, seen_hosts=hosts or None)
    )


@require_POST
def go_on(request: HtmxRequest, workspace_slug: str, answer_id: uuid.UUID) -> HttpResponse:
    """Go on with an answer that its longest length cut, as a new answer beside it."""
    workspace = workspace_for(request.user, workspace_slug)
    found = answer_for(request.user, answer_id, Right.CONTRIBUTE, workspace)
    hosts = request.POST.getlist("hosts")
    return _show_beside(
        request, found, partial(continue_answer, request.user, found, seen_hosts=hosts or None)
    )


def _show_beside(request: HtmxRequest, answer: Answer, make: Callable[[], Answer]) -> HttpResponse:
    """The conversation at the answer that `make` puts beside this one; its refusal in words."""
    try:
        anew = make()
    except Refused as refused:
        if refused.code == "plan_changed" and request.htmx:
            return _show_changed_plan(request, refused)
        return refusal(request, 422 if request.htmx else refused.status, refused.sentence, refused.code)
    if not request.htmx:
        return redirect(conversation_url(answer.question.conversation, anew))
    pane = pane_context(request, answer.question.conversation, tip=anew)
    return render(request, "conversations/_pane.html", pane)


def _show_changed_plan(request: HtmxRequest, refused: Refused) -> HttpResponse:
    """In the place of the button: who would be asked now and at which price, to be pressed once that was seen."""
    plan = refused.details
    context = {
        "sentence": refused.sentence,
        "hosts": [plan["endpoint"], *plan["fallbacks"]],
        "cost": {name: Decimal(amount) for name, amount in (plan["cost_usd"] or {}).items()},
    }
    response = render(request, "conversations/_plan_changed.html", context, status=422)
    return reswap(retarget(response, "this"), "outerHTML")


@require_safe
def coverage(request: HtmxRequest, workspace_slug: str, answer_id: uuid.UUID) -> HttpResponse:
    """Which pages were sent, cited, or left out and why; passes and tokens."""
    workspace = workspace_for(request.user, workspace_slug)
    found = answer_for(request.user, answer_id, workspace=workspace)
    sheet = coverage_of(found, with_documents=True)
    return show_viewer(
        request,
        "conversations/_coverage.html",
        workspace,
        answer=found,
        coverage=sheet,
        strips=coverage_strips(sheet, cited_links(found), covered_trees(found, sheet.documents)),
        left_out=left_out_rows(sheet),
        repositories=sheet.repositories,
        back=conversation_url(found.question.conversation, found),
    )


@require_safe
def coverage_json(request: HtmxRequest, workspace_slug: str, answer_id: uuid.UUID) -> JsonResponse:
    workspace = workspace_for(request.user, workspace_slug)
    found = answer_for(request.user, answer_id, workspace=workspace)
    return JsonResponse(
        coverage_of(found).to_json(),
        json_dumps_params={"indent": 2, "ensure_ascii": False},
        headers={"Content-Disposition": 'attachment; filename="coverage.json"'},
    )


@require_safe
def cite(
    request: HtmxRequest, workspace_slug: str, answer_id: uuid.UUID, ordinal: int, number: int
) -> HttpResponse:
    """The page a citation names, in the revision that was sent, with the quoted words boxed."""
    workspace = workspace_for(request.user, workspace_slug)
    found = answer_for(request.user, answer_id, workspace=workspace)
    entry = cited_entry(found, ordinal, number)
    if entry is None:
        raise Http404
    note = cited_page(found, entry, number)
    back = conversation_url(found.question.conversation, found)
    try:
        document = document_for(request.user, entry["document_id"], workspace=workspace)
        page = page_of(document, number, revision_id=entry["revision_id"])
    except Http404:
        return _source_removed(request, workspace, note, back)
    viewer = ViewerPage(
        workspace,
        document,
        page,
        lines=page_lines(page),
        highlights=_highlights(note, page),
        zoom=read_zoom(request.GET.get("zoom")),
        tab=read_tab(request.GET.get("tab")),
        marks=quoted_spans(
            page.text,
            (quote.evidence.quote for quote in note.quotes),
            is_code=document.kind == Document.Kind.REPOSITORY and is_code(page.label),
        ),
        cited_lines=note.lines,
        here=reverse("conversations:cite", args=[workspace.slug, found.pk, ordinal, number]),
    )
    return show_viewer(
        request,
        "conversations/_cited_page.html",
        workspace,
        viewer=viewer,
        note=note,
        back=back,
        picture_problem=failure(page.revision, number) if viewer.has_picture else "",
    )


def _highlights(note: CitedPage, page: Page) -> tuple[HighlightBox, ...]:
    """The places of the quoted words; of those that the page has only nearly, drawn otherwise."""
    unsure = [
        box
        for quote in note.quotes
        if quote.evidence.verdict in (Verdict.CLOSE, Verdict.ALTERED)
        for box in quote.boxes or []
    ]
    sure = [box for box in note.boxes_on(page) if box not in unsure]
    return highlight_boxes(sure, page) + highlight_boxes(unsure, page, is_unsure=True)


def _source_removed(request: HtmxRequest, workspace: Workspace, note: CitedPage, back: str) -> HttpResponse:
    """The document is gone; the answer keeps its quotes, and says so."""
    context: dict[str, Any] = {"note": note, "back": back}
    return show_viewer(request, "conversations/_source_removed.html", workspace, **context)


@require_safe
def export(request: HtmxRequest, workspace_slug: str, answer_id: uuid.UUID, extension: str) -> HttpResponse:
    """The answer as Markdown, Word file or PDF, with numbered sources, their quotes and verdicts."""
    workspace = workspace_for(request.user, workspace_slug)
    found = answer_for(request.user, answer_id, workspace=workspace)
    if extension not in FORMATS:
        raise Http404
    try:
        return export_response(request.user, found, extension)
    except Refused as refused:
        return refusal(request, refused.status, refused.sentence, refused.code)


@require_safe
def copy(request: HtmxRequest, workspace_slug: str, answer_id: uuid.UUID) -> JsonResponse:
    """What Copy puts on the clipboard: {html, text}."""
    workspace = workspace_for(request.user, workspace_slug)
    return JsonResponse(asdict(copy_answer(answer_for(request.user, answer_id, workspace=workspace))))
