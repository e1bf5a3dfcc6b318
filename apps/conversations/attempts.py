"""The attempts of one answer's call: whom it asks, what each attempt is booked with, what a failed one tells."""

from __future__ import annotations

import logging
from decimal import Decimal

from apps.connections.services import mark_unhealthy
from apps.conversations.jobs import Job
from apps.conversations.loop import AnswerLoop
from apps.conversations.models import ReadingPass
from apps.conversations.outcome import book_attempt, estimate_usage
from apps.conversations.waiting import asked_in_turn, attempt_sentence, turn_sentence
from apps.llm.catalogue import Endpoint
from apps.llm.errors import LLMError
from apps.llm.names import provider_name
from apps.llm.types import InLine, RequestSent, Usage, Waiting
from apps.usage.budgets import extend

log = logging.getLogger(__name__)


class Attempts:
    """Keeps the reading pass in step with the gateway. Sentences are for the reader."""

    def __init__(self, job: Job, loop: AnswerLoop) -> None:
        self._job = job
        self._loop = loop
        self._pass = job.reading_pass
        self._endpoint_id = job.targets[0].request.endpoint.id
        self._taken = Decimal(0)
        self._asked = [self._host(self._endpoint_id)]

    async def begin(self, event: RequestSent) -> None:
        """On the row before the first byte leaves: a dead worker's attempt is booked at the endpoint it asked."""
        endpoint = self._endpoint(event.endpoint_id)
        self._pass.attempts, self._pass.status = event.attempt, ReadingPass.Status.RUNNING
        self._pass.endpoint_id, self._pass.model_id = endpoint.id, endpoint.model_id
        await self._save("attempts", "status", "endpoint_id", "model_id")

    async def fail(self, error: LLMError, raw: str) -> None:
        """The attempt is over: note it in the log, for others who would ask this endpoint, and in the books.

        raw: what the model had written.
        """
        answer = self._job.answer
        log.warning(
            "answer %s: %s from %s (status %s, %s)",
            answer.pk,
            error.code,
            self._endpoint_id,
            error.status,
            error.wire_code,
        )
        if error.makes_endpoint_unhealthy:
            await self._loop.in_rows_thread(
                mark_unhealthy,
                self._endpoint_id,
                error.code,
                error.sentence,
                workspace_id=answer.workspace_id,
            )
        if error.reached_host:
            await self.book(self._usage_after(error, raw))
        await self._note_failed(error)
        # Nothing is under way now: whoever ends the answer books nothing for it.
        self._pass.status = ReadingPass.Status.WAITING
        await self._save("status")

    async def _note_failed(self, error: LLMError) -> None:
        """In the plan, beside what was meant to be: the ledger knows only attempts that reached a host."""
        if self._pass.status != ReadingPass.Status.RUNNING:
            return
        failed = {"attempt": self._pass.attempts, "endpoint": self._pass.endpoint_id, "code": error.code}
        plan = self._job.answer.plan
        plan["failed_attempts"] = [*plan.get("failed_attempts", []), failed]
        await self._loop.in_rows_thread(self._job.answer.write_claimed, self._job.claim, plan=plan)

    async def set_aside_again(self) -> None:
        """Before the next attempt: what the last one took is set aside anew, so that this one cannot overdraw.

        Raises Refused when the month does not hold it.
        """
        taken, self._taken = self._taken, Decimal(0)
        answer = self._job.answer
        await self._loop.in_rows_thread(extend, answer.question.conversation.workspace, answer.pk, taken)

    async def book(self, usage: Usage) -> None:
        """Book the running attempt; booking it twice changes nothing."""
        self._taken = await self._loop.in_rows_thread(
            book_attempt, self._job.answer, self._pass, self._pass.attempts, usage
        )

    async def book_unfinished(self, raw: str) -> None:
        """Book by our own count what was sent and never came to an end."""
        if self._pass.status == ReadingPass.Status.RUNNING:
            await self.book(estimate_usage(self._pass, raw))

    def line_sentence(self, event: InLine) -> str:
        return turn_sentence(event, self._host(event.endpoint_id))

    def next_sentence(self, event: Waiting) -> str:
        """When and where the next attempt begins; from here on that is where this call is."""
        host, is_other = self._host(event.endpoint_id), event.endpoint_id != self._endpoint_id
        if is_other:
            self._endpoint_id = event.endpoint_id
            self._asked.append(host)
        return attempt_sentence(event, host, is_other=is_other)

    def end_sentence(self, error: LLMError, raw: str) -> str:
        return asked_in_turn(self._asked, error.tell(has_text=bool(raw.strip())))

    def _usage_after(self, error: LLMError, raw: str) -> Usage:
        """What the host reported, else our count of what it may have read and did write."""
        if error.usage is not None:
            return error.usage
        if raw or error.reads_prompt:
            return estimate_usage(self._pass, raw)
        return Usage(0, 0, 0, estimated=True)

    async def _save(self, *fields: str) -> None:
        await self._loop.in_rows_thread(self._pass.save, update_fields=fields)

    def _endpoint(self, endpoint_id: str) -> Endpoint:
        endpoints = (target.request.endpoint for target in self._job.targets)
        return next(endpoint for endpoint in endpoints if endpoint.id == endpoint_id)

    def _host(self, endpoint_id: str) -> str:
        return provider_name(self._endpoint(endpoint_id))
