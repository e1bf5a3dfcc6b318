"""The turns that a question follows, from rows."""

from __future__ import annotations

import uuid
from typing import Any

from apps.conversations.models import Answer
from apps.conversations.prompt import History, Turn, pack_history
from apps.conversations.selection import sent_pages


def path_to(answer: Answer | None) -> list[Answer]:
    """The answers from the conversation's beginning to this one, with their questions. Two queries at any length."""
    if answer is None:
        return []
    same_conversation = Answer.objects.filter(question__conversation=answer.question.conversation_id)
    parents = dict(same_conversation.values_list("pk", "question__parent_answer").order_by())
    ids: list[uuid.UUID] = []
    step: uuid.UUID | None = answer.pk
    while step is not None:
        ids.append(step)
        step = parents.get(step)
    found = same_conversation.select_related("question").only("status", "text", "question__text").in_bulk(ids)
    return [found[one] for one in reversed(ids)]


def conversation_history(parent_answer: Answer | None, manifest: list[dict[str, Any]]) -> History:
    """The turns before a question as its prompt will hold them."""
    turns = [Turn(answer.question.text, answer.text) for answer in path_to(parent_answer)]
    return pack_history(turns, sent_pages(manifest))
