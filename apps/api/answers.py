"""An answer: text, evidence, coverage; stopping and retrying. Its events are served beside Django."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpResponse
from ninja import Router
from ninja.responses import Status

from apps.api.auth import ApiRequest
from apps.api.schemas import AnswerOut, AnswerState, AskedOut, ContinueIn, CoverageOut, PlanOut
from apps.api.shapes import answer_shape, asked_shape
from apps.conversations.access import answer_for
from apps.conversations.continuing import continue_answer, plan_to_continue
from apps.conversations.coverage import coverage
from apps.conversations.export import FORMATS, export_response
from apps.conversations.services import retry_answer, stop_answer
from apps.workspaces.access import Right

router = Router(tags=["Answers"])

_FILES: dict[str, Any] = {
    "responses": {
        200: {
            "description": "The file",
            "content": {content_type: {} for content_type, _ in FORMATS.values()},
        }
    }
}


@router.get("/answers/{answer_id}", response=AnswerOut, summary="Show an answer")
def get_answer(request: ApiRequest, answer_id: str) -> dict[str, Any]:
    """While it is written, `text` is up to a second old. `html` is sanitised and needs no script."""
    return answer_shape(answer_for(request.user, answer_id))


@router.get("/answers/{answer_id}/coverage", response=CoverageOut, summary="What was sent, what was not")
def get_coverage(request: ApiRequest, answer_id: str) -> dict[str, Any]:
    return coverage(answer_for(request.user, answer_id)).to_json()


@router.get("/answers/{answer_id}/export", summary="Take an answer along", openapi_extra=_FILES)
def get_answer_export(
    request: ApiRequest, answer_id: str, format: Literal["md", "docx", "pdf"] = "md"
) -> HttpResponse:
    """With numbered sources, their quotes and verdicts. 503 `not_printed` when no PDF could be made now."""
    return export_response(request.user, answer_for(request.user, answer_id), format)


@router.post(
    "/answers/{answer_id}/stop", response={200: AnswerState, 202: AnswerState}, summary="Stop an answer"
)
def post_answer_stop(request: ApiRequest, answer_id: str) -> Status[dict[str, Any]]:
    """202: it ends within two seconds and keeps what came. 200: it had ended, and nothing changes."""
    answer = answer_for(request.user, answer_id, Right.CONTRIBUTE)
    was_running = answer.is_running
    if was_running:
        stop_answer(request.user, answer)
        answer.refresh_from_db(fields=["status"])
    return Status(202 if was_running else 200, {"id": answer.pk, "status": answer.status})


@router.get("/answers/{answer_id}/continue", response=PlanOut, summary="What going on would take")
def get_answer_continue(request: ApiRequest, answer_id: str) -> dict[str, Any]:
    """For an answer with the notice `cut`; 409 `not_cut` for any other. Calls nobody."""
    return plan_to_continue(answer_for(request.user, answer_id, Right.CONTRIBUTE)).to_json()


@router.post("/answers/{answer_id}/continue", response={202: AskedOut}, summary="Go on with a cut answer")
def post_answer_continue(
    request: ApiRequest, answer_id: str, body: ContinueIn | None = None
) -> Status[dict[str, Any]]:
    """The rest of an answer with the notice `cut`, in a new answer beside it that holds the whole text.

    Its plan says whose end it writes (`plan.continues`). Sent twice, it goes on once. 409 like asking.
    """
    answer = answer_for(request.user, answer_id, Right.CONTRIBUTE)
    seen_hosts = body.hosts if body is not None else None
    return Status(202, asked_shape(continue_answer(request.user, answer, seen_hosts=seen_hosts)))


@router.post("/answers/{answer_id}/retry", response={202: AskedOut}, summary="Answer anew")
def post_answer_retry(request: ApiRequest, answer_id: str) -> Status[dict[str, Any]]:
    """A failed or stopped answer's question once more, as a new answer beside it; 409 `not_failed` otherwise.

    Only hosts of its plan are asked: 409 `plan_changed` when none of them can answer now.
    """
    answer = answer_for(request.user, answer_id, Right.CONTRIBUTE)
    return Status(202, asked_shape(retry_answer(request.user, answer)))
