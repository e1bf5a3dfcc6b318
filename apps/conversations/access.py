"""The door to conversations and answers: private to their owner until shared, and then for reading only."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404

from apps.conversations.models import Answer, Conversation
from apps.workspaces.access import Actor, Right, check_right, lookup_id
from apps.workspaces.models import Workspace


def conversation_for(
    actor: Actor, conversation_id: object, right: Right = Right.VIEW, workspace: Workspace | None = None
) -> Conversation:
    """VIEW: the owner, or any member once it is shared. CONTRIBUTE: the owner alone.

    Http404 when it does not exist for this actor, PermissionDenied when it may be read but not changed.
    """
    conversation = (
        Conversation.objects.select_related("workspace", "corpus")
        .filter(pk=lookup_id(conversation_id))
        .first()
    )
    return _let_in(actor, conversation, right, workspace)


def answer_for(
    actor: Actor, answer_id: object, right: Right = Right.VIEW, workspace: Workspace | None = None
) -> Answer:
    """An answer through its conversation's door. Two queries."""
    answer = (
        Answer.objects.select_related("question__conversation__workspace", "question__conversation__corpus")
        .filter(pk=lookup_id(answer_id))
        .first()
    )
    if answer is None:
        raise Http404
    _let_in(actor, answer.question.conversation, right, workspace)
    return answer


def _let_in(
    actor: Actor, conversation: Conversation | None, right: Right, workspace: Workspace | None
) -> Conversation:
    """The conversation, fetched with its workspace and corpus, if the actor may. One query."""
    if conversation is None or conversation.corpus.deleted_at is not None:
        raise Http404
    if workspace is not None and conversation.workspace_id != workspace.pk:
        raise Http404
    held = check_right(actor, conversation.workspace_id, Right.VIEW, workspace)
    if conversation.owner_id != actor.pk:
        if not conversation.is_shared:
            raise Http404
        if right > Right.VIEW:
            raise PermissionDenied
    if held < right:
        raise PermissionDenied
    conversation.workspace.held_right = held
    conversation.corpus.workspace = conversation.workspace
    return conversation
