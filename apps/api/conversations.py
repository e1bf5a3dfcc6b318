"""Conversations and asking in them."""

from __future__ import annotations

from typing import Any

from ninja import Query, Router
from ninja.responses import Status

from apps.api.asking import chosen_selection, idempotency_key, parent_in
from apps.api.auth import ApiRequest
from apps.api.paging import Paging, page_of
from apps.api.schemas import AskedOut, AskIn, ConversationChange, ConversationOut, ListPage, QuestionOut
from apps.api.shapes import asked_shape, conversation_shape, question_shape
from apps.conversations.access import conversation_for
from apps.conversations.models import Question
from apps.conversations.services import (
    ask_question,
    delete_conversation,
    rename_conversation,
    share_conversation,
)
from apps.workspaces.access import Right

router = Router(tags=["Conversations"])


@router.get("/conversations/{conversation_id}", response=ConversationOut, summary="Show a conversation")
def get_conversation(request: ApiRequest, conversation_id: str) -> dict[str, Any]:
    return conversation_shape(conversation_for(request.user, conversation_id), request.user)


@router.patch(
    "/conversations/{conversation_id}", response=ConversationOut, summary="Rename or share a conversation"
)
def patch_conversation(request: ApiRequest, conversation_id: str, body: ConversationChange) -> dict[str, Any]:
    """`is_shared` lets everybody in the workspace read it; only its owner asks in it."""
    conversation = conversation_for(request.user, conversation_id, Right.CONTRIBUTE)
    if body.title is not None:
        rename_conversation(request.user, conversation, body.title)
    if body.is_shared is not None and body.is_shared != conversation.is_shared:
        share_conversation(request.user, conversation, body.is_shared)
    return conversation_shape(conversation, request.user)


@router.delete("/conversations/{conversation_id}", response={204: None}, summary="Delete a conversation")
def remove_conversation(request: ApiRequest, conversation_id: str) -> Status[None]:
    """With its questions and answers; running ones are stopped. What they cost stays in the usage report."""
    conversation = conversation_for(request.user, conversation_id, Right.CONTRIBUTE)
    delete_conversation(request.user, conversation)
    return Status(204, None)


@router.get(
    "/conversations/{conversation_id}/questions",
    response=ListPage[QuestionOut],
    summary="List a conversation's questions",
)
def list_questions(request: ApiRequest, conversation_id: str, paging: Query[Paging]) -> dict[str, Any]:
    """Oldest first. They form a tree: `parent_answer` is the answer that a question follows."""
    conversation = conversation_for(request.user, conversation_id)
    questions = Question.objects.filter(conversation=conversation).prefetch_related("answers")
    return page_of(
        questions, ("created_at", "id"), paging, question_shape, name=f"questions:{conversation.pk}"
    )


@router.post(
    "/conversations/{conversation_id}/questions",
    response={202: AskedOut},
    summary="Ask",
    openapi_extra={
        "parameters": [
            {
                "in": "header",
                "name": "Idempotency-Key",
                "schema": {"type": "string", "maxLength": 80},
                "description": (
                    "The same question sent again with its key is not asked again; another one with it "
                    "is refused with 409 `key_used`."
                ),
            }
        ]
    },
)
def post_question(request: ApiRequest, conversation_id: str, body: AskIn) -> Status[dict[str, Any]]:
    """202: the answer is queued; watch `events_url` or ask for the answer.

    409 with the plan in `details` when it cannot be asked so (`does_not_fit`, `no_endpoint`, `over_budget` …):
    then nothing is stored and nobody is called.
    """
    conversation = conversation_for(request.user, conversation_id, Right.CONTRIBUTE)
    answer = ask_question(
        request.user,
        conversation,
        body.text,
        body.model,
        body.reading,
        chosen_selection(body),
        parent_in(request, conversation, body),
        idempotency_key(request),
        seen_hosts=body.hosts,
    )
    return Status(202, asked_shape(answer))
