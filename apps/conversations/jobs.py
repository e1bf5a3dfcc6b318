"""What a worker needs before it can write an answer: the claim, and all that is loaded once.

A claimed answer that cannot be begun is ended here, in words, so that nobody waits for its claim to run out.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass

from django.conf import settings

from apps.connections.services import api_key_for
from apps.conversations.models import Answer, ReadingPass
from apps.conversations.outcome import Outcome, end_answer
from apps.conversations.packing import EndpointGone, chat_request
from apps.conversations.services import end_outside_worker
from apps.llm.types import ChatRequest
from apps.workspaces.access import lookup_id

log = logging.getLogger(__name__)

UNEXPECTED = Outcome(
    Answer.Status.FAILED,
    "internal_error",
    "Something unexpected ended this answer. What had come is kept. Retry; if it stays, tell the operator.",
)


@dataclass(frozen=True)
class Job:
    """What a claimed answer needs to be written; loaded once, before the first call."""

    answer: Answer
    claim: uuid.UUID
    reading_pass: ReadingPass
    request: ChatRequest
    api_key: str | None
    workspace_slug: str


def begin(answer_id: str) -> Job | None:
    """Claim an answer and load its job; None when it is gone, ended, another worker's, or cannot be begun."""
    answer = (
        Answer.objects.select_related("question__conversation__workspace", "question__conversation__corpus")
        .filter(pk=lookup_id(answer_id))
        .first()
    )
    if answer is None:
        return None
    claim = answer.claim_for_answering(settings.ANSWER_CLAIM_SECONDS)
    if claim is None:
        return None
    answer.claim = claim
    try:
        return _load(answer, claim)
    except EndpointGone as error:
        outcome = Outcome(
            Answer.Status.FAILED,
            "endpoint_gone",
            f"The endpoint {error} is no longer in the catalogue. Ask again to have another one chosen.",
        )
    except Exception:
        log.exception("answer %s could not be begun", answer.pk)
        outcome = UNEXPECTED
    if end_answer(answer, claim, outcome):
        end_outside_worker(answer.pk, outcome.status, outcome.code, outcome.sentence)
    return None


def _load(answer: Answer, claim: uuid.UUID) -> Job:
    reading_pass = answer.passes.get(number=1)
    request = chat_request(answer, reading_pass)
    workspace = answer.question.conversation.workspace
    return Job(
        answer, claim, reading_pass, request, api_key_for(request.endpoint.id, workspace.pk), workspace.slug
    )
