"""What a worker needs before it can write an answer: the claim, and all that is loaded once.

A claimed answer that cannot be begun is ended here, in words, so that nobody waits for its claim to run out.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass

from django.conf import settings

from apps.common.database import is_transient
from apps.connections.services import api_key_for, usable_endpoints_for
from apps.conversations.draft import Draft
from apps.conversations.models import Answer, ReadingPass
from apps.conversations.outcome import Outcome, end_answer
from apps.conversations.packing import chat_request
from apps.conversations.plans import carried_characters
from apps.conversations.seam import Seam
from apps.conversations.services import end_outside_worker
from apps.llm.catalogue import load_catalogue
from apps.llm.types import Target
from apps.workspaces.access import lookup_id

log = logging.getLogger(__name__)

UNEXPECTED = Outcome(
    Answer.Status.FAILED,
    "internal_error",
    "Something unexpected ended this answer. What had come is kept. Retry; if it stays, tell the operator.",
)


class EndpointGone(Exception):
    """The catalogue no longer has the endpoint that the plan named."""


@dataclass(frozen=True)
class Job:
    """What a claimed answer needs to be written; loaded once, before the first call.

    targets: the endpoint that the plan chose, then those it named to fall back to. draft: with what a cut answer
    before this one wrote, if this one goes on with it; `seam` joins the rest to that.
    """

    answer: Answer
    claim: uuid.UUID
    reading_pass: ReadingPass
    targets: tuple[Target, ...]
    draft: Draft
    seam: Seam


def begin(answer_id: str, claim: uuid.UUID) -> Job | None:
    """Claim an answer and load its job; None when it is gone, ended, another worker's, or cannot be begun.

    Raises what `is_transient` tells of, and may then be called again with the same claim.
    """
    answer = (
        Answer.objects.select_related("question__conversation__workspace", "question__conversation__corpus")
        .filter(pk=lookup_id(answer_id))
        .first()
    )
    if answer is None:
        return None
    if answer.claim != claim and not answer.claim_for_answering(settings.ANSWER_CLAIM_SECONDS, claim):
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
    except Exception as error:
        if is_transient(error):
            raise
        log.exception("answer %s could not be begun", answer.pk)
        outcome = UNEXPECTED
    if end_answer(answer, claim, outcome):
        end_outside_worker(answer.pk, outcome.status, outcome.code, outcome.sentence)
    return None


def _load(answer: Answer, claim: uuid.UUID) -> Job:
    reading_pass = answer.passes.get(number=1)
    workspace = answer.question.conversation.workspace
    usable = {state.endpoint.id: state for state in usable_endpoints_for(workspace)}
    # What the plan named may have been forbidden, or have failed others, since it was shown.
    fallbacks = [one for one in answer.plan.get("fallbacks", []) if one in usable and usable[one].healthy]
    catalogue = load_catalogue()
    targets = []
    for endpoint_id in (reading_pass.endpoint_id, *fallbacks):
        if endpoint_id not in catalogue:
            raise EndpointGone(endpoint_id)
        has_own_key = endpoint_id in usable and usable[endpoint_id].api_key_source == "workspace"
        targets.append(
            Target(
                chat_request(answer, reading_pass, catalogue[endpoint_id]),
                api_key_for(endpoint_id, workspace.pk),
                account=str(workspace.pk) if has_own_key else "",
            )
        )
    draft = Draft(answer, workspace.slug)
    carried = answer.raw[: carried_characters(answer.plan)]
    if carried:
        # The viewers have this already: it was put on the stream when the answer was queued.
        draft.begin_with(carried, list(answer.evidence.all()))
    return Job(answer, claim, reading_pass, tuple(targets), draft, Seam(carried))
