"""How an answer ends: one transaction under the claim, the money booked first, the same for worker and reaper."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.common.amounts import amount_text
from apps.conversations.citations import AnswerParser, MarkerSeen
from apps.conversations.marker_grammar import canonical_marker
from apps.conversations.models import Answer, Evidence, Mention, ReadingPass, Verdict
from apps.conversations.plans import carried_characters
from apps.conversations.selection import BLANK, sent_pages
from apps.conversations.speaking_pages import instructions_notice
from apps.conversations.verification import worst
from apps.llm.catalogue import load_catalogue
from apps.llm.names import provider_name
from apps.llm.tokens import count_tokens
from apps.llm.types import Usage
from apps.usage.budgets import settle
from apps.usage.ledger import Attempt, append_entry, total_amount
from apps.usage.models import LedgerEntry
from apps.usage.prices import price_of

QUOTES_FAMILY = "quotes"
"""The built-in quote finder: no host that could report, no price."""
DROPPED_TEXT_BELOW = 0.97
"""A host that counted less than this share of our count has dropped text: templates differ by far less."""


@dataclass(frozen=True)
class Outcome:
    """status: done, stopped or failed; code and sentence say why it is not done."""

    status: str
    code: str = ""
    sentence: str = ""


def book_attempt(answer: Answer, reading_pass: ReadingPass, attempt: int, usage: Usage) -> Decimal:
    """One ledger entry for one attempt that reached a host; calling it again changes nothing. Gives its USD."""
    endpoint = load_catalogue().get(reading_pass.endpoint_id)
    entry = append_entry(
        Attempt(
            workspace_id=answer.workspace_id,
            user_id=answer.question.asked_by_id,
            conversation_id=answer.question.conversation_id,
            answer_id=answer.pk,
            reading_pass_id=reading_pass.pk,
            attempt=attempt,
            kind=reading_pass.kind,
            endpoint_id=reading_pass.endpoint_id,
            model_id=reading_pass.model_id,
            family=endpoint.family if endpoint else "",
        ),
        usage,
        price_of(reading_pass.endpoint_id, on=timezone.now().date()),
    )
    return entry.amount or Decimal(0)


def estimate_usage(reading_pass: ReadingPass, raw: str) -> Usage:
    """What an attempt took when the host did not say: our count of the prompt and of what came."""
    return Usage(reading_pass.tokens_counted, 0, count_tokens(raw), estimated=True)


def end_answer(
    answer: Answer,
    claim: uuid.UUID,
    outcome: Outcome,
    *,
    raw: str | None = None,
    text: str | None = None,
    finish_reason: str = "",
) -> bool:
    """Write the end under the claim: row, passes, mentions, notices, reservation. False: somebody else did.

    raw, text: None keeps what is on the row. Attempts that nobody booked are booked as estimates.
    """
    raw = answer.raw if raw is None else raw
    text = answer.text if text is None else text
    own = raw[carried_characters(answer.plan) :]
    with transaction.atomic():
        if not Answer.objects.select_for_update().filter(pk=answer.pk, claim=claim).exists():
            return False
        passes = list(answer.passes.all())
        book_unbooked(answer, own)
        for reading_pass in passes:
            _end_pass(reading_pass, outcome, own, finish_reason)
        Mention.objects.filter(answer=answer).delete()
        Mention.objects.bulk_create(mentions_of(answer, text), ignore_conflicts=True)
        totals = _totals(answer)
        Answer.objects.filter(pk=answer.pk, claim=claim).update(
            status=outcome.status,
            error_code=outcome.code,
            error_sentence=outcome.sentence[:500],
            raw=raw,
            text=text,
            notices=_notices(answer, passes, finish_reason, totals["is_estimated"]),
            ended_at=timezone.now(),
            claim=None,
            claimed_until=None,
            **totals,
        )
        settle(answer.pk)
    return True


def book_unbooked(answer: Answer, own: str | None = None) -> None:
    """Book the attempts that were sent and nobody booked, as estimates. own: what they wrote; None takes the row's."""
    own = answer.raw[carried_characters(answer.plan) :] if own is None else own
    for reading_pass in answer.passes.all():
        if reading_pass.attempts == 0 or reading_pass.status != ReadingPass.Status.RUNNING:
            continue
        booked = LedgerEntry.objects.filter(
            reading_pass_id=reading_pass.pk, attempt=reading_pass.attempts, corrects=None
        )
        if not booked.exists():
            usage = estimate_usage(reading_pass, own)
            book_attempt(answer, reading_pass, reading_pass.attempts, usage)


def _end_pass(reading_pass: ReadingPass, outcome: Outcome, raw: str, finish_reason: str) -> None:
    entries = LedgerEntry.objects.filter(reading_pass_id=reading_pass.pk)
    last = entries.order_by("-attempt").first()
    reading_pass.status = {
        Answer.Status.DONE: ReadingPass.Status.DONE,
        Answer.Status.STOPPED: ReadingPass.Status.STOPPED,
    }.get(outcome.status, ReadingPass.Status.FAILED)  # type: ignore[call-overload]
    reading_pass.output = raw
    reading_pass.finish_reason = finish_reason
    reading_pass.error_code = outcome.code
    if last is not None:
        reading_pass.tokens_reported = None if last.is_estimated else last.input_tokens
        reading_pass.cached_tokens = last.cached_tokens
        reading_pass.output_tokens = last.output_tokens
        reading_pass.cost_usd = total_amount(entries) if _is_priced(entries) else None
    reading_pass.save()


def _is_priced(entries: Iterable[LedgerEntry]) -> bool:
    return any(entry.amount is not None for entry in entries)


def _totals(answer: Answer) -> dict[str, Any]:
    entries = LedgerEntry.objects.filter(answer_id=answer.pk)
    rows = list(entries)
    return {
        "input_tokens": sum(entry.input_tokens for entry in rows),
        "cached_tokens": sum(entry.cached_tokens for entry in rows),
        "output_tokens": sum(entry.output_tokens for entry in rows),
        "cost_usd": total_amount(entries) if _is_priced(rows) else None,
        "is_estimated": any(entry.is_estimated for entry in rows),
    }


def _notices(
    answer: Answer, passes: Iterable[ReadingPass], finish_reason: str, is_estimated: bool
) -> list[dict[str, Any]]:
    notices = []
    if finish_reason == "length":
        notices.append(("cut", "The answer reached its longest length and was cut there."))
    if finish_reason == "content_filter":
        notices.append(("filtered", "The host's content filter cut this answer."))
    for reading_pass in passes:
        if finish_reason and reading_pass.endpoint_id != answer.plan.get("endpoint"):
            notices.append(("other_host", _other_host_sentence(answer, reading_pass)))
        reported = reading_pass.tokens_reported
        if reported is not None and reported < reading_pass.tokens_counted * DROPPED_TEXT_BELOW:
            notices.append(
                (
                    "dropped_text",
                    f"The host counted {reported:,} tokens where {reading_pass.tokens_counted:,} were sent: "
                    "it dropped a part of the documents. Do not rely on this answer being complete.",
                )
            )
    not_read = [item for item in answer.not_sent if item["reason"] != BLANK]
    if not_read:
        notices.append(("pages_not_read", _not_read_sentence(not_read)))
    is_built_in = answer.plan.get("model") == QUOTES_FAMILY
    if is_estimated and not is_built_in:
        notices.append(("estimated_usage", "The host reported no usage; tokens and cost are our own count."))
    told: list[dict[str, Any]] = [{"code": code, "sentence": sentence} for code, sentence in notices]
    was_sent = any(reading_pass.attempts for reading_pass in passes)
    if was_sent and (instructions := instructions_notice(answer)):
        told.append(instructions)
    return told


def _other_host_sentence(answer: Answer, reading_pass: ReadingPass) -> str:
    catalogue = load_catalogue()
    names = [
        provider_name(catalogue[one]) if one in catalogue else one
        for one in (answer.plan.get("endpoint") or "", reading_pass.endpoint_id)
    ]
    return f"{names[0]} could not answer; {names[1]}, which the plan named, wrote this answer."


def _not_read_sentence(not_sent: list[dict[str, Any]]) -> str:
    pages = sum(item["last"] - item["first"] + 1 for item in not_sent if item["first"])
    documents = sum(1 for item in not_sent if not item["first"])
    parts = []
    if pages:
        parts.append(f"{pages:,} {'page' if pages == 1 else 'pages'}")
    if documents:
        parts.append(f"{documents:,} {'document' if documents == 1 else 'documents'}")
    return f"Not sent: {' and '.join(parts)}. The coverage sheet says why."


def mentions_of(answer: Answer, text: str) -> list[Mention]:
    """The markers of a final text as rows; unknown ones stay text and give none."""
    parser = AnswerParser(sent_pages(answer.manifest))
    seen = [event for event in parser.feed(text) + parser.finish() if isinstance(event, MarkerSeen)]
    document_ids = {entry["ordinal"]: entry["document_id"] for entry in answer.manifest}
    verdicts = page_verdicts(answer.evidence.all())
    return [
        Mention(
            answer=answer,
            offset=event.offset,
            marker=canonical_marker(event.ordinal, event.first, event.last),
            ordinal=event.ordinal,
            first=event.first,
            last=event.last,
            document_id=document_ids[event.ordinal],
            verdict=range_verdict(verdicts, event.ordinal, event.first, event.last),
        )
        for event in seen
        if event.known
    ]


def page_verdicts(evidence: Iterable[Evidence]) -> dict[tuple[int, int], str]:
    """The worst verdict of each page's evidence, by (ordinal, number)."""
    found: dict[tuple[int, int], list[Any]] = {}
    for item in evidence:
        if item.ordinal is not None:
            for number in item.page_numbers:
                found.setdefault((item.ordinal, number), []).append(item.verdict)
    return {key: str(worst(verdicts)) for key, verdicts in found.items()}


def range_verdict(verdicts: dict[tuple[int, int], str], ordinal: int, first: int, last: int) -> str:
    """What a mention of pages shows: the worst of their evidence, or page_only without any."""
    inside: list[Any] = [
        verdict for (at, number), verdict in verdicts.items() if at == ordinal and first <= number <= last
    ]
    return str(worst(inside)) if inside else Verdict.PAGE_ONLY


def usage_data(answer: Answer) -> dict[str, Any]:
    """The data of a `usage` event and of the API's `usage`."""
    return {
        "input_tokens": answer.input_tokens,
        "cached_tokens": answer.cached_tokens,
        "output_tokens": answer.output_tokens,
        "cost_usd": amount_text(answer.cost_usd),
        "estimated": answer.is_estimated,
    }
