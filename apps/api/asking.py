"""From what is sent to what the services ask for: the selection, the answer a question follows, its key."""

from __future__ import annotations

from typing import Any

from apps.api.auth import ApiRequest
from apps.api.schemas import AskIn
from apps.common.http import Refused
from apps.conversations.access import answer_for
from apps.conversations.models import Answer, Conversation, Question

LONGEST_KEY = Question._meta.get_field("idempotency_key").max_length


def chosen_selection(body: AskIn) -> dict[str, Any] | None:
    """None selects every document, whatever is ticked in the browser."""
    return body.selection.model_dump() if body.selection is not None else None


def named_parent(request: ApiRequest, body: AskIn) -> Answer | None:
    """The answer that the body names; Http404 when the caller may not read it."""
    return answer_for(request.user, body.parent_answer) if body.parent_answer is not None else None


def parent_in(request: ApiRequest, conversation: Conversation, body: AskIn) -> Answer | None:
    """The answer that a question follows: the named one, none for null, by default the newest that has ended."""
    if "parent_answer" in body.model_fields_set:
        return named_parent(request, body)
    answers = Answer.objects.filter(question__conversation=conversation).exclude(status__in=Answer.RUNNING)
    return answers.order_by("created_at", "id").last()


def idempotency_key(request: ApiRequest) -> str | None:
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > (LONGEST_KEY or 0) or not key.isascii() or (key and not key.isprintable()):
        raise Refused(
            "bad_idempotency_key",
            f"Idempotency-Key is at most {LONGEST_KEY} printable ASCII characters.",
            status=422,
        )
    return key or None
