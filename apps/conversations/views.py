"""Conversations in the browser: the workbench with a thread, asking, and what is done to a conversation."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.common.http import HtmxRequest, Refused, refusal
from apps.connections.services import usable_endpoints_for
from apps.conversations import services
from apps.conversations.access import answer_for, conversation_for
from apps.conversations.branches import begun_with, newest_tip, question_in
from apps.conversations.composer import composer_for, conversations_of
from apps.conversations.forms import QuestionForm, ShareForm, TitleForm
from apps.conversations.models import Answer, Conversation
from apps.conversations.plan_line import PlanLine, plan_line
from apps.conversations.selection import default_selection
from apps.conversations.threads import thread
from apps.library.access import corpus_for
from apps.library.models import Corpus
from apps.library.workbench import chosen_pane, documents_context
from apps.workspaces.access import Right, workspace_for


def conversation_url(conversation: Conversation, answer: Answer | None = None) -> str:
    url = reverse("conversations:detail", args=[conversation.workspace.slug, conversation.pk])
    return f"{url}?answer={answer.pk}" if answer else url


@require_safe
def detail(request: HtmxRequest, workspace_slug: str, conversation_id: uuid.UUID) -> HttpResponse:
    """The workbench with a conversation. `answer` or `question` picks the branch, `edit` rewrites a question."""
    workspace = workspace_for(request.user, workspace_slug)
    conversation = conversation_for(request.user, conversation_id, workspace=workspace)
    context = pane_context(request, conversation, tip=_chosen_tip(request, conversation))
    if request.htmx:
        return render(request, "conversations/_pane.html", context)
    documents = documents_context(conversation.corpus, request.user, show_all="all" in request.GET)
    pane = chosen_pane(request, "conversation")
    return render(request, "conversations/detail.html", documents | context | {"pane": pane})


def _chosen_tip(request: HtmxRequest, conversation: Conversation) -> Answer | None:
    if "answer" in request.GET:
        answer = answer_for(request.user, request.GET["answer"], workspace=conversation.workspace)
        if answer.question.conversation_id != conversation.pk:
            raise Http404
        return answer
    if "question" in request.GET:
        return newest_tip(conversation, question_in(conversation, request.GET["question"]))
    return newest_tip(conversation)


def pane_context(
    request: HtmxRequest, conversation: Conversation, *, tip: Answer | None, **composer: Any
) -> dict[str, Any]:
    """What the conversation pane is drawn from."""
    # The door of the conversation has set what this person may do on its workspace; the corpus shares the row.
    conversation.corpus.workspace = conversation.workspace
    turns = thread(conversation, tip)
    rewriting = question_in(conversation, request.GET["edit"]) if "edit" in request.GET else None
    return {
        "workspace": conversation.workspace,
        "corpus": conversation.corpus,
        "conversation": conversation,
        "is_owner": conversation.owner_id == request.user.pk,
        "conversations": conversations_of(request.user, conversation.corpus),
        "turns": turns,
        "composer": composer_for(
            request.user,
            conversation.corpus,
            conversation=conversation,
            tip=turns[-1].answer if turns else None,
            rewriting=rewriting,
            **composer,
        ),
    }


@require_POST
def plan(request: HtmxRequest, workspace_slug: str, corpus_id: uuid.UUID) -> HttpResponse:
    """What asking this now would take: model, host, passes, tokens, price. Writes nothing, calls nobody."""
    workspace = workspace_for(request.user, workspace_slug)
    corpus = corpus_for(request.user, corpus_id, Right.CONTRIBUTE, workspace)
    form = QuestionForm(request.POST)
    parent = None
    try:
        asked = _cleaned(form)
        if asked["parent_answer"]:
            parent = answer_for(request.user, asked["parent_answer"], workspace=workspace)
        line = _plan_line(request, corpus, asked, parent)
    except Refused as refused:
        return _show_plan(request, corpus, form, parent, None, refused.sentence)
    return _show_plan(request, corpus, form, parent, line, "")


def _cleaned(form: QuestionForm) -> dict[str, Any]:
    if not form.is_valid():
        sentence = " ".join(str(error) for errors in form.errors.values() for error in errors)
        raise Refused("bad_question", sentence, status=422)
    return form.cleaned_data


def _plan_line(
    request: HtmxRequest, corpus: Corpus, asked: dict[str, Any], parent: Answer | None
) -> PlanLine:
    planned = services.plan_question(
        request.user,
        corpus,
        asked["text"],
        asked["model"],
        asked["reading"],
        default_selection(request.user, corpus),
        parent,
    )
    return plan_line(planned, usable_endpoints_for(corpus.workspace))


def _show_plan(
    request: HtmxRequest,
    corpus: Corpus,
    form: QuestionForm,
    parent: Answer | None,
    line: PlanLine | None,
    sentence: str,
) -> HttpResponse:
    """The line alone for htmx; the whole workbench with it for a browser without JavaScript."""
    if request.htmx:
        context = {
            "workspace": corpus.workspace,
            "corpus": corpus,
            "line": line,
            "refusal": sentence,
            "is_running": parent is not None and parent.is_running,
        }
        return render(request, "conversations/_plan_answer.html", context)
    conversation = parent.question.conversation if parent else None
    return _whole_page(request, corpus, conversation, parent, form, line=line, refusal=sentence)


def _whole_page(
    request: HtmxRequest,
    corpus: Corpus,
    conversation: Conversation | None,
    tip: Answer | None,
    form: QuestionForm,
    *,
    line: PlanLine | None = None,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    """The workbench with the question box as it was sent."""
    sent = {"text": form.data.get("text", ""), "model": form.data.get("model", "")}
    documents = documents_context(corpus, request.user) | {"pane": "conversation"}
    if conversation is not None:
        pane = pane_context(request, conversation, tip=tip, line=line, refusal=refusal, **sent)
        return render(request, "conversations/detail.html", documents | pane, status=status)
    composer = composer_for(request.user, corpus, line=line, refusal=refusal, **sent)
    pane = {
        "conversation": None,
        "conversations": conversations_of(request.user, corpus),
        "turns": [],
        "composer": composer,
    }
    return render(request, "conversations/detail.html", documents | pane, status=status)


@require_POST
def ask_first(request: HtmxRequest, workspace_slug: str, corpus_id: uuid.UUID) -> HttpResponse:
    """A question without a conversation starts one."""
    workspace = workspace_for(request.user, workspace_slug)
    corpus = corpus_for(request.user, corpus_id, Right.CONTRIBUTE, workspace)
    return _ask(request, corpus, None)


@require_POST
def ask(request: HtmxRequest, workspace_slug: str, conversation_id: uuid.UUID) -> HttpResponse:
    """A question in one's own conversation, after the answer named by `parent_answer`."""
    workspace = workspace_for(request.user, workspace_slug)
    conversation = conversation_for(request.user, conversation_id, Right.CONTRIBUTE, workspace)
    conversation.corpus.workspace = conversation.workspace
    return _ask(request, conversation.corpus, conversation)


def _ask(request: HtmxRequest, corpus: Corpus, conversation: Conversation | None) -> HttpResponse:
    form = QuestionForm(request.POST)
    parent = None
    started = None
    try:
        asked = _cleaned(form)
        if asked["parent_answer"] and conversation is not None:
            parent = answer_for(request.user, asked["parent_answer"], workspace=corpus.workspace)
        services.clean_question(asked["text"])
        if conversation is None:
            conversation = begun_with(request.user, corpus, asked["idempotency_key"])
        if conversation is None:
            conversation = started = services.start_conversation(request.user, corpus)
        # The corpus came through the door; its workspace knows what this person may do.
        conversation.workspace = corpus.workspace
        answer = services.ask_question(
            request.user,
            conversation,
            asked["text"],
            asked["model"],
            asked["reading"],
            default_selection(request.user, corpus),
            parent,
            asked["idempotency_key"] or None,
            seen_hosts=request.POST.getlist("hosts"),
        )
    except Refused as refused:
        if started is not None:
            started.delete()
            conversation = None
        return _refuse_question(request, corpus, conversation, parent, form, refused)
    if not request.htmx:
        return redirect(conversation_url(conversation, answer))
    conversation.refresh_from_db(fields=["title"])
    pane = render(
        request,
        "conversations/_pane.html",
        pane_context(request, conversation, tip=answer) | {"asked": answer},
    )
    pane["HX-Push-Url"] = conversation_url(conversation, answer)
    return pane


def _refuse_question(
    request: HtmxRequest,
    corpus: Corpus,
    conversation: Conversation | None,
    tip: Answer | None,
    form: QuestionForm,
    refused: Refused,
) -> HttpResponse:
    """The sentence where the plan stands; the question stays in its box. A plan that changed is shown anew."""
    line = None
    if refused.code == "plan_changed":
        line = _plan_line(request, corpus, form.cleaned_data, tip)
    if request.htmx:
        context = {"workspace": corpus.workspace, "corpus": corpus, "line": line, "refusal": refused.sentence}
        response = render(request, "conversations/_plan_answer.html", context, status=422)
        response["HX-Retarget"], response["HX-Reswap"] = "#plan", "outerHTML"
        return response
    return _whole_page(
        request, corpus, conversation, tip, form, line=line, refusal=refused.sentence, status=refused.status
    )


@require_POST
def share(request: HtmxRequest, workspace_slug: str, conversation_id: uuid.UUID) -> HttpResponse:
    workspace = workspace_for(request.user, workspace_slug)
    conversation = conversation_for(request.user, conversation_id, Right.CONTRIBUTE, workspace)
    form = ShareForm(request.POST)
    form.full_clean()
    services.share_conversation(request.user, conversation, form.cleaned_data["is_shared"])
    return _show_title(request, conversation)


@require_POST
def rename(request: HtmxRequest, workspace_slug: str, conversation_id: uuid.UUID) -> HttpResponse:
    workspace = workspace_for(request.user, workspace_slug)
    conversation = conversation_for(request.user, conversation_id, Right.CONTRIBUTE, workspace)
    form = TitleForm(request.POST)
    if not form.is_valid():
        return refusal(request, 422, "A conversation needs a title of at most 200 characters.", "bad_title")
    services.rename_conversation(request.user, conversation, form.cleaned_data["title"])
    return _show_title(request, conversation)


def _show_title(request: HtmxRequest, conversation: Conversation) -> HttpResponse:
    if not request.htmx:
        return redirect(conversation_url(conversation))
    conversation.corpus.workspace = conversation.workspace
    context = {
        "workspace": conversation.workspace,
        "corpus": conversation.corpus,
        "conversation": conversation,
        "is_owner": True,
        "conversations": conversations_of(request.user, conversation.corpus),
    }
    return render(request, "conversations/_title.html", context)


@require_POST
def delete(request: HtmxRequest, workspace_slug: str, conversation_id: uuid.UUID) -> HttpResponse:
    workspace = workspace_for(request.user, workspace_slug)
    conversation = conversation_for(request.user, conversation_id, Right.CONTRIBUTE, workspace)
    services.delete_conversation(request.user, conversation)
    messages.success(request, "The conversation is deleted. What it cost stays in the usage report.")
    url = reverse("library:corpus", args=[workspace.slug, conversation.corpus_id])
    return HttpResponse(headers={"HX-Redirect": url}) if request.htmx else HttpResponseRedirect(url)
