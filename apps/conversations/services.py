"""What happens to conversations, questions and answers. Rights are the caller's business (access.py)."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.common.http import Refused
from apps.common.queues import queue_on_commit
from apps.connections.services import usable_endpoints_for
from apps.conversations import stream
from apps.conversations.history import conversation_history, path_to
from apps.conversations.models import Answer, Conversation, Question, ReadingPass
from apps.conversations.pace import check_pace, hold_pace
from apps.conversations.planning import plan_answer
from apps.conversations.plans import READINGS, Choices, EndpointOffer, Plan
from apps.conversations.prompt import History, question_tokens
from apps.conversations.selection import Selected, clean_selection, select
from apps.library.models import Corpus
from apps.llm.catalogue import load_catalogue
from apps.llm.names import provider_name
from apps.usage.budgets import check_budget, reserve, settle
from apps.usage.prices import price_of
from apps.workspaces.audit import record
from apps.workspaces.models import Workspace

LONGEST_QUESTION = 20_000
"""Characters. More belongs into a document, where it is counted and cited."""
TITLE_LENGTH = 80


@dataclass(frozen=True)
class Prepared:
    """Everything that asking decides before a row is written."""

    plan: Plan
    selected: Selected
    history: History


def plan_question(
    actor: User,
    corpus: Corpus,
    text: str,
    model: str = "auto",
    reading: str = "auto",
    selection: dict[str, Any] | None = None,
    parent_answer: Answer | None = None,
) -> Plan:
    """What asking this now would take, or why it would be refused. Writes nothing, calls nobody.

    Raises Refused for a bad selection.
    """
    return within_budget(
        prepare(corpus, text, model, reading, selection, parent_answer).plan, corpus.workspace
    )


def within_budget(plan: Plan, workspace: Workspace) -> Plan:
    """The plan, refused when the month does not hold its price."""
    if plan.fits:
        try:
            check_budget(workspace, plan.cost_high or Decimal(0))
        except Refused as refused:
            return replace(plan, fits=False, code=refused.code, reason=refused.sentence)
    return plan


def prepare(
    corpus: Corpus,
    text: str,
    model: str,
    reading: str,
    selection: dict[str, Any] | None,
    parent_answer: Answer | None,
) -> Prepared:
    if reading not in READINGS:
        raise Refused("bad_reading", f"`reading` is one of {', '.join(READINGS)}.", status=422)
    selected = select(corpus, selection)
    history = conversation_history(parent_answer, selected.manifest())
    plan = plan_answer(
        selected.documents,
        Choices(model=model or "auto", reading=reading, prefers=corpus.workspace.prefers),  # type: ignore[arg-type]
        endpoint_offers(corpus.workspace),
        question_tokens=question_tokens(text),
        history_tokens=history.tokens,
        maverick_up_to_tokens=settings.MAVERICK_UP_TO_TOKENS,
    )
    return Prepared(plan, selected, history)


def endpoint_offers(workspace: Workspace) -> list[EndpointOffer]:
    """What this workspace may call now, with today's prices."""
    today = timezone.now().date()
    return [
        EndpointOffer(
            endpoint=state.endpoint,
            healthy=state.healthy,
            price=price_of(state.endpoint.id, on=today),
            note=state.sentence,
        )
        for state in usable_endpoints_for(workspace)
    ]


def start_conversation(actor: User, corpus: Corpus) -> Conversation:
    return Conversation.objects.create(workspace_id=corpus.workspace_id, corpus=corpus, owner=actor)


def ask_question(
    actor: User,
    conversation: Conversation,
    text: str,
    model: str = "auto",
    reading: str = "auto",
    selection: dict[str, Any] | None = None,
    parent_answer: Answer | None = None,
    idempotency_key: str | None = None,
    seen_hosts: Collection[str] | None = None,
) -> Answer:
    """Store a question, set its money aside and queue its answer.

    seen_hosts: ids of the endpoints that its asker was shown: no other is asked. Empty where no plan was shown, then
    only the chosen one is asked; None for programs that plan for themselves.
    The same question with the same idempotency_key gives the answer that is there; another question with it is
    refused (409 `key_used`). Raises Refused (409) with the plan's code and numbers when it cannot be answered, and
    `plan_changed` when another endpoint would answer than was shown; then nothing is stored and nobody is called.
    """
    text = clean_question(text)
    if parent_answer is not None and parent_answer.question.conversation_id != conversation.pk:
        raise Refused("unknown_answer", "This answer belongs to another conversation.", status=404)
    if idempotency_key:
        earlier = _asked_before(conversation, idempotency_key)
        if earlier is not None:
            return _same_or_refused(earlier, text, model, reading, selection)
    check_pace(actor, conversation.workspace)
    _check_parent_ended(parent_answer)
    prepared = prepare(conversation.corpus, text, model, reading, selection, parent_answer)
    refuse_unless_fits(prepared.plan)
    prepared = replace(prepared, plan=check_seen(prepared.plan, seen_hosts))
    try:
        with transaction.atomic():
            hold_pace(actor, conversation.workspace)
            question = Question.objects.create(
                workspace_id=conversation.workspace_id,
                conversation=conversation,
                parent_answer=parent_answer,
                asked_by=actor,
                text=text,
                model_choice=model or "auto",
                reading_choice=reading,
                selection=prepared.selected.selection,
                idempotency_key=idempotency_key or None,
            )
            answer = _create_answer(question, prepared)
            title = conversation.title or shorten(text, TITLE_LENGTH)
            Conversation.objects.filter(pk=conversation.pk).update(touched_at=timezone.now(), title=title)
    except IntegrityError:
        # The same key arrived twice at once: the other request's answer is the answer.
        earlier = _asked_before(conversation, idempotency_key or "")
        if earlier is None:
            raise
        return _same_or_refused(earlier, text, model, reading, selection)
    return answer


def check_seen(plan: Plan, hosts: Collection[str] | None) -> Plan:
    """The plan held to the endpoints that its asker was shown, as `ask_question` says.

    One that was named second may come first meanwhile: that it may be asked was shown, and its price too.
    """
    if hosts is None:
        return plan
    if hosts and plan.endpoint_id not in hosts:
        endpoint = load_catalogue().get(plan.endpoint_id or "")
        raise Refused(
            "plan_changed",
            f"Nothing was asked: {provider_name(endpoint) if endpoint else plan.endpoint_id} would answer now, "
            "and another host was shown. Ask again if that is right.",
            status=409,
            details=plan.to_json(),
        )
    return replace(plan, fallbacks=tuple(one for one in plan.fallbacks if one in hosts))


def clean_question(text: str) -> str:
    text = text.replace("\x00", "").strip()
    if not text:
        raise Refused("empty_question", "Write a question first.", status=422)
    if len(text) > LONGEST_QUESTION:
        raise Refused(
            "question_too_long",
            f"The question has {len(text):,} characters, {LONGEST_QUESTION:,} are allowed. "
            "Put long material into a document, where it can be cited.",
            status=422,
        )
    return text


def shorten(text: str, length: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def _asked_before(conversation: Conversation, idempotency_key: str) -> Answer | None:
    return (
        Answer.objects.filter(question__conversation=conversation, question__idempotency_key=idempotency_key)
        .select_related("question")
        .last()
    )


def _same_or_refused(
    earlier: Answer, text: str, model: str, reading: str, selection: dict[str, Any] | None
) -> Answer:
    """The earlier answer, if this very question was asked with its key."""
    asked = earlier.question
    if (asked.text, asked.model_choice, asked.reading_choice, asked.selection) != (
        text,
        model or "auto",
        reading,
        clean_selection(selection),
    ):
        raise Refused(
            "key_used",
            "Another question was asked with this key. Nothing was asked now: send it with a key of its own.",
            status=409,
            details={"question_id": str(asked.pk), "answer_id": str(earlier.pk)},
        )
    return earlier


def _check_parent_ended(parent_answer: Answer | None) -> None:
    """What follows an answer is counted with its text, so that text must be final."""
    if any(answer.is_running for answer in path_to(parent_answer)):
        raise Refused(
            "still_running",
            "The answer before this question is still being written. Wait for its end, or stop it.",
            status=409,
        )


def refuse_unless_fits(plan: Plan) -> None:
    if not plan.fits:
        raise Refused(plan.code or "does_not_fit", plan.reason, status=409, details=plan.to_json())


def _create_answer(question: Question, prepared: Prepared) -> Answer:
    answer = Answer(
        workspace_id=question.workspace_id,
        question=question,
        manifest=prepared.selected.manifest(),
        not_sent=prepared.selected.not_sent,
    )
    store_answer(answer, prepared.plan)
    queue_answer(answer)
    return answer


def store_answer(answer: Answer, plan: Plan) -> None:
    """Write a new answer's row and passes and set its money aside. Raises Refused when the month does not hold it.

    Inside a transaction.
    """
    answer.plan = {**answer.plan, **plan.to_json()}
    answer.stage = status_data("queued", "Waiting for a free worker")
    answer.save(force_insert=True)
    ReadingPass.objects.bulk_create(
        ReadingPass(
            answer=answer,
            number=number,
            kind=planned.kind,
            pages=[pages.to_json() for pages in planned.pages],
            endpoint_id=plan.endpoint_id or "",
            model_id=plan.model_id,
            tokens_counted=planned.tokens,
        )
        for number, planned in enumerate(plan.passes, start=1)
    )
    reserve(answer.question.conversation.workspace, answer.pk, plan.cost_high or Decimal(0))


def queue_answer(answer: Answer, written: Sequence[tuple[str, dict[str, Any]]] = ()) -> None:
    """On commit: open the answer's stream, then send it to the workers. written: events of what it has already."""
    from apps.conversations.tasks import answer_question

    transaction.on_commit(lambda: stream.append_now(answer.pk, [("status", answer.stage), *written]))
    queue_on_commit(answer_question, answer.pk)


def status_data(stage: str, sentence: str, done: int = 0, total: int = 0) -> dict[str, Any]:
    """The data of a `status` event."""
    return {"stage": stage, "sentence": sentence, "done": done, "total": total}


def retry_answer(actor: User, answer: Answer, *, seen_hosts: Collection[str] | None = None) -> Answer:
    """Ask a failed or stopped answer's question again, as a new answer beside it, on the corpus of today.

    seen_hosts: as in `ask_question`; None for those that the answer's own plan named. One that went on with a cut
    answer goes on with it again. Raises Refused as asking does.
    """
    from apps.conversations.continuing import continue_answer, continued

    if answer.is_running or answer.status == Answer.Status.DONE:
        raise Refused("not_failed", "Only a failed or stopped answer can be retried.", status=409)
    shown = seen_hosts or [answer.plan.get("endpoint"), *answer.plan.get("fallbacks", [])]
    if cut := continued(answer):
        return continue_answer(actor, cut, seen_hosts=shown)
    question = answer.question
    check_pace(actor, question.conversation.workspace)
    prepared = prepare(
        question.conversation.corpus,
        question.text,
        question.model_choice,
        question.reading_choice,
        question.selection,
        question.parent_answer,
    )
    refuse_unless_fits(prepared.plan)
    prepared = replace(prepared, plan=check_seen(prepared.plan, shown))
    with transaction.atomic():
        hold_pace(actor, question.conversation.workspace)
        return _create_answer(question, prepared)


def stop_answer(actor: User, answer: Answer) -> None:
    """Ask the worker to stop; an answer nobody has begun is ended here. An ended one stays as it is."""
    Answer.objects.filter(pk=answer.pk, status__in=Answer.RUNNING, stop_requested_at=None).update(
        stop_requested_at=timezone.now()
    )
    if Answer.objects.filter(pk=answer.pk, status=Answer.Status.QUEUED, claim=None).update(
        status=Answer.Status.STOPPED, ended_at=timezone.now()
    ):
        end_outside_worker(answer.pk, Answer.Status.STOPPED, "", "")


def end_outside_worker(answer_id: uuid.UUID, status: str, code: str, sentence: str) -> None:
    """What follows once a row was ended by somebody else than its worker: money back, `end` on the stream."""
    settle(answer_id)
    stream.append_now(answer_id, [("end", {"status": str(status), "code": code, "sentence": sentence})])


def share_conversation(actor: User, conversation: Conversation, is_shared: bool) -> None:
    conversation.shared_at = timezone.now() if is_shared else None
    conversation.save(update_fields=["shared_at"])
    record(
        actor,
        "conversation.share" if is_shared else "conversation.unshare",
        conversation,
        conversation.workspace_id,
    )


def rename_conversation(actor: User, conversation: Conversation, title: str) -> None:
    conversation.title = shorten(title.replace("\x00", ""), 200)
    conversation.save(update_fields=["title"])


def delete_conversation(actor: User, conversation: Conversation) -> None:
    """Remove questions, answers and streams; running answers are stopped. What they cost stays on the ledger."""
    from apps.conversations.outcome import book_unbooked

    with transaction.atomic():
        # Under this lock no question is added between the listing and the deletion.
        Conversation.objects.select_for_update().get(pk=conversation.pk)
        answers = list(
            Answer.objects.select_for_update()
            .filter(question__conversation=conversation)
            .prefetch_related("question", "passes")
        )
        for answer in answers:
            if answer.is_running:
                book_unbooked(answer)
                settle(answer.pk)
        record(actor, "conversation.delete", conversation, conversation.workspace_id)
        ids = [answer.pk for answer in answers]
        # Questions and answers point at each other; the tree goes with its conversation in one delete.
        conversation.delete()
        transaction.on_commit(lambda: stream.delete_streams(ids))
