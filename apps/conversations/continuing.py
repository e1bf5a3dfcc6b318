"""Going on with an answer that its longest length cut: what it would take, and the answer that does it.

The answer that goes on stands beside the cut one and holds the whole text: it begins with all that is written,
and its worker adds what is missing. `plan["continues"]` says whose end it writes:

    {"answer": id of the cut answer, "characters": how much of `raw` is from there,
     "prompt_tokens": of the request without any answer in it}
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from django.db import transaction

from apps.accounts.models import User
from apps.common.http import Refused
from apps.conversations.draft import Draft
from apps.conversations.models import Answer, Evidence, Mention
from apps.conversations.outcome import mentions_of
from apps.conversations.pace import check_pace, hold_pace
from apps.conversations.planning import plan_continuation
from apps.conversations.plans import PageRange, Plan
from apps.conversations.prompt import go_on_tokens
from apps.conversations.services import (
    check_seen,
    endpoint_offers,
    queue_answer,
    refuse_unless_fits,
    store_answer,
    within_budget,
)
from apps.library.models import Document


def is_cut(answer: Answer) -> bool:
    """Whether the answer's longest length ended it, and nothing else."""
    return answer.status == Answer.Status.DONE and any(one["code"] == "cut" for one in answer.notices)


def continuation_of(answer: Answer) -> Answer | None:
    """The answer that goes on with this one, unless it failed or was stopped."""
    going_on = Answer.objects.filter(question=answer.question_id, plan__continues__answer=str(answer.pk))
    return going_on.exclude(status__in=[Answer.Status.FAILED, Answer.Status.STOPPED]).first()


def plan_to_continue(answer: Answer) -> Plan:
    """What going on with a cut answer would take, or why it cannot be. Writes nothing, calls nobody.

    Raises Refused (409 `not_cut`) for an answer that its length did not cut.
    """
    if not is_cut(answer):
        raise Refused("not_cut", "Only an answer that was cut at its longest length can go on.", status=409)
    workspace = answer.question.conversation.workspace
    offers = {offer.endpoint.id: offer for offer in endpoint_offers(workspace)}
    [wrote] = {one.endpoint_id for one in answer.passes.all() if one.number == 1}
    named = dict.fromkeys([wrote, answer.plan.get("endpoint"), *answer.plan.get("fallbacks", [])])
    plan = plan_continuation(
        [offers[one] for one in named if one in offers],
        [
            PageRange(entry["ordinal"], first, last)
            for entry in answer.manifest
            for first, last in entry["ranges"]
        ],
        prompt_tokens=_prompt_tokens(answer),
        added_tokens=go_on_tokens(answer.raw),
    )
    if removed := _removed_name(answer):
        reason = f"“{removed}” was deleted, and nothing is sent without it."
        return replace(plan, fits=False, code="source_removed", reason=reason)
    return within_budget(plan, workspace)


def continue_answer(actor: User, answer: Answer, *, seen_hosts: Collection[str] | None = None) -> Answer:
    """Queue the answer that goes on with a cut one. Asked twice, it gives the one that is there.

    seen_hosts: as in `services.ask_question`. Raises Refused (409) when it cannot be, as asking does.
    """
    plan = plan_to_continue(answer)
    if earlier := continuation_of(answer):
        return earlier
    workspace = answer.question.conversation.workspace
    check_pace(actor, workspace)
    refuse_unless_fits(plan)
    plan = check_seen(plan, seen_hosts)
    whole = Answer(
        workspace_id=answer.workspace_id,
        question=answer.question,
        manifest=answer.manifest,
        not_sent=answer.not_sent,
        raw=answer.raw,
        text=answer.text,
        plan={
            "continues": {
                "answer": str(answer.pk),
                "characters": len(answer.raw),
                "prompt_tokens": _prompt_tokens(answer),
            }
        },
    )
    draft = Draft(whole, workspace.slug)
    evidence = [_copy_for(whole, row) for row in answer.evidence.all()]
    written = draft.begin_with(whole.raw, evidence)
    with transaction.atomic():
        hold_pace(actor, workspace)
        if earlier := continuation_of(answer):
            return earlier
        store_answer(whole, plan)
        Evidence.objects.bulk_create(evidence[: draft.evidence_count])
        Mention.objects.bulk_create(mentions_of(whole, whole.text), ignore_conflicts=True)
        queue_answer(whole, written)
    return whole


def continued(answer: Answer) -> Answer | None:
    """The cut answer that this one goes on with."""
    continues = answer.plan.get("continues")
    return (
        Answer.objects.filter(question=answer.question_id, pk=continues["answer"]).first()
        if continues
        else None
    )


def calls_of(answer: Answer) -> list[Answer]:
    """The answers whose calls wrote this one: the cut ones that it goes on with, first to last, then itself."""
    calls: list[Answer] = []
    step: Answer | None = answer
    while step is not None:
        calls.insert(0, step)
        step = continued(step)
    return calls


def _removed_name(answer: Answer) -> str:
    """A document that was sent and is there no more; empty when all are."""
    kept = Document.objects.filter(
        pk__in=[entry["document_id"] for entry in answer.manifest], deleted_at=None
    )
    there = set(map(str, kept.values_list("pk", flat=True)))
    return next((entry["name"] for entry in answer.manifest if entry["document_id"] not in there), "")


def _prompt_tokens(answer: Answer) -> int:
    continues: dict[str, Any] = answer.plan.get("continues") or {}
    return int(continues.get("prompt_tokens", answer.plan["input_tokens"]))


def _copy_for(answer: Answer, row: Evidence) -> Evidence:
    own = {"id", "created_at", "answer"}
    fields = (field.name for field in Evidence._meta.concrete_fields if field.name not in own)
    return Evidence(answer=answer, **{name: getattr(row, name) for name in fields})
