"""One answer on a worker: claim, call the model, write what comes to the stream and the row, end.

Everything here runs in the loop of the process (loop.py); queries, verification and page places go to its rows
threads. Two coroutines per answer: one reads the model, one joins what came into events every 30 ms. The row (text,
claim) and Stop are looked after for all answers of the loop at once (keeping.py).
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable
from contextlib import aclosing
from dataclasses import asdict
from datetime import timedelta
from itertools import groupby
from typing import Any

from celery.exceptions import Reject
from django.conf import settings
from django.utils import timezone

from apps.common.clean import TextCleaner
from apps.common.http import Refused
from apps.conversations.attempts import Attempts
from apps.conversations.citations import MarkerSeen, TextDelta
from apps.conversations.coverage import coverage_counts
from apps.conversations.jobs import UNEXPECTED, Job, begin
from apps.conversations.keeping import RowWrite
from apps.conversations.loop import AnswerLoop, answer_loop
from apps.conversations.marker_grammar import EvidenceLine
from apps.conversations.models import Answer
from apps.conversations.outcome import Outcome, end_answer, usage_data
from apps.conversations.packing import SourceRemoved
from apps.conversations.rendering import Block
from apps.conversations.services import status_data
from apps.conversations.stream import EventWriter, delete_streams
from apps.llm.errors import LLMError
from apps.llm.gateway import stream_chat
from apps.llm.shared_places import SharedPlaces
from apps.llm.types import Finished, InLine, RequestSent, Usage, Waiting
from apps.llm.types import TextDelta as RawDelta

log = logging.getLogger(__name__)

JOIN_SECONDS = 0.03
BLOCK_SECONDS = 0.1
"""Blocks are rendered less often than text is sent: each carries the whole open block."""
BLOCK_SHARE_SECONDS = 0.01
"""Times the answers that a worker writes: how long each waits, so that fifty render no more often than ten."""
BLOCK_REST = 5
"""Times the last rendering that the next one waits, so that long lists leave the processor to others."""

INTERRUPTED = Outcome(
    Answer.Status.FAILED,
    "interrupted",
    "The worker was restarted while it wrote this answer. What had come is kept. Retry to ask again.",
)


def run_answer(answer_id: str) -> None:
    """Write one answer to its end. Returns at once when it is gone, ended, or another worker's.

    Raises Reject in a worker that leaves: the message is for the next one.
    """
    loop = answer_loop()
    if loop.is_closing:
        raise Reject("leaving", requeue=True)
    # This thread only waits, and needs no connection of its own.
    loop.run(write_answer(answer_id, loop))


async def write_answer(answer_id: str, loop: AnswerLoop) -> None:
    job = await loop.in_begin_thread(begin, answer_id, uuid.uuid4())
    if job is not None:
        await AnswerRun(job, loop).run()


class AnswerRun:
    """The state of one answer while it is written."""

    def __init__(self, job: Job, loop: AnswerLoop) -> None:
        self.job = job
        self.loop = loop
        self.answer = job.answer
        self.draft = job.draft
        self.attempts = Attempts(job, loop)
        self.writer = EventWriter(loop.event_pipe, job.answer.pk)
        self.cleaner = TextCleaner()
        self.written: list[str] = []
        self.places = SharedPlaces(loop.redis, str(job.answer.workspace_id), loop.own_calls)
        self.usage: Usage | None = None
        self.finish_reason = ""
        self.is_stopped = False
        self._length = self._sent_length = sum(map(len, self.draft.text))
        self._unrendered: list[str] = []
        self._render_again_at = 0.0
        self._events: list[tuple[str, dict[str, Any]]] = []
        self._has_news = asyncio.Event()
        self._is_telling = self._is_over = False
        self._news_of_row: dict[str, Any] = {}
        self._preparing: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Never raises; the outcome is on the row and on the stream."""
        self._reading = asyncio.create_task(self._read())
        joining = asyncio.create_task(self._join())
        try:
            async with self.loop.keeper.keeping(self):
                outcome = await self._outcome_of(self._reading)
        finally:
            # Not cancelled: events that it has taken and not yet sent would be lost.
            self._is_over = True
            self._has_news.set()
            await asyncio.gather(joining, return_exceptions=True)
        try:
            await self._end(outcome)
        except Exception:
            # The claim runs out and the reaper settles the answer with what the row holds.
            log.exception("the end of answer %s could not be written", self.answer.pk)

    async def _outcome_of(self, reading: asyncio.Task[None]) -> Outcome:
        try:
            await asyncio.shield(reading)
        except LLMError as error:
            return await self._failed(error)
        except SourceRemoved as error:
            return Outcome(
                Answer.Status.FAILED,
                "source_removed",
                f"“{error}” was deleted before it could be sent, and nothing was sent without it. Ask again.",
            )
        except Refused as refused:
            return Outcome(Answer.Status.FAILED, refused.code, refused.sentence)
        except asyncio.CancelledError:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            return Outcome(Answer.Status.STOPPED) if self.is_stopped else INTERRUPTED
        except Exception:
            log.exception("answer %s failed", self.answer.pk)
            return UNEXPECTED
        return Outcome(Answer.Status.DONE)

    async def _failed(self, error: LLMError) -> Outcome:
        written = "".join(self.written)
        await self.attempts.fail(error, written)
        return Outcome(Answer.Status.FAILED, error.code, self.attempts.end_sentence(error, written))

    # -- reading the model --

    async def _read(self) -> None:
        self._tell_reading()
        first, *fallbacks = self.job.targets
        calling = stream_chat(
            first.request, first.api_key, account=first.account, fallbacks=fallbacks, places=self.places
        )
        async with aclosing(calling) as events:
            async for event in events:
                match event:
                    case RawDelta():
                        await self._take_raw(event.text)
                    case RequestSent():
                        await self.attempts.begin(event)
                        if self.answer.stage.get("stage") == "waiting":
                            self._tell_reading()
                        self._prepare_search()
                    case Waiting():
                        await self.attempts.fail(event.error, "".join(self.written))
                        await self.attempts.set_aside_again()
                        self._status("waiting", self.attempts.next_sentence(event))
                    case InLine():
                        self._status("waiting", self.attempts.line_sentence(event))
                    case Usage():
                        self.usage = event
                    case Finished():
                        self.finish_reason = event.reason
        await self._finish_text()

    def _prepare_search(self) -> None:
        """So many pages take their host many seconds: time to make them ready for quotes from the wrong page."""
        pages = self.draft.checker.pages
        if pages.are_many:
            self._preparing = asyncio.ensure_future(self.loop.in_checks_thread(pages.prepare))

    def _tell_reading(self) -> None:
        _, pages = coverage_counts(self.answer)
        tokens = self.job.reading_pass.tokens_counted
        self._status("reading", f"Reading {pages:,} pages, {tokens:,} tokens", done=0, total=1)

    async def _take_raw(self, chunk: str) -> None:
        text = self.cleaner.feed(chunk)
        if not text:
            return
        if not self.written:
            self._begin_writing()
        self.written.append(text)
        await self._add(self.job.seam.feed(text))

    async def _add(self, new: str) -> None:
        self.draft.raw.append(new)
        await self._take(self.draft.parser.feed(new))

    async def _finish_text(self) -> None:
        """Nothing more comes: decide what was held back."""
        await self._add(self.job.seam.finish())
        await self._take(self.draft.parser.finish())

    def _begin_writing(self) -> None:
        self._status("writing", "Collecting quotes")
        self._news_of_row |= {"status": Answer.Status.WRITING, "first_text_at": timezone.now()}

    async def _take(self, events: list[Any]) -> None:
        """Events of the parser, in order: evidence is verified before the text behind it goes out."""
        # A marker is told after the text that holds it; its label must be there when that text is rendered.
        for event in events:
            if isinstance(event, MarkerSeen) and event.known:
                await self.loop.in_rows_thread(self.draft.chips.prepare, event.ordinal, event.first)
        for is_evidence, group in groupby(events, lambda event: isinstance(event, EvidenceLine)):
            if is_evidence:
                await self._check_evidence(list(group))
            else:
                self._take_text(group)

    def _take_text(self, events: Iterable[Any]) -> None:
        for event in events:
            match event:
                case MarkerSeen() if event.known:
                    self._emit("mention", self.draft.mention_data(event))
                case TextDelta():
                    if not self._is_telling:
                        self._is_telling = True
                        self._status("writing", "Writing the answer")
                    self.draft.text.append(event.text)
                    self._length += len(event.text)
                    self._unrendered.append(event.text)
                    self._has_news.set()

    async def _check_evidence(self, found: list[EvidenceLine]) -> None:
        lines = self.draft.take_lines(found)
        if not lines:
            return
        position = self.draft.evidence_count - len(lines)
        for row in await self.loop.in_checks_thread(self.draft.checker.check_all, lines, position):
            self.draft.chips.add_evidence(row)
            self._emit("evidence", await self.loop.in_rows_thread(self.draft.evidence_data, row))

    # -- the stream --

    def _status(self, stage: str, sentence: str, done: int = 0, total: int = 0) -> None:
        """Tell the viewers now and the row with its next second: the first words do not wait for a write."""
        self.answer.stage = status_data(stage, sentence, done, total)
        self._emit("status", self.answer.stage)
        self._news_of_row["stage"] = self.answer.stage

    def _emit(self, name: str, data: dict[str, Any]) -> None:
        self._events.append((name, data))
        self._has_news.set()

    async def _join(self) -> None:
        """Send what came, at most every 30 ms, the first at once."""
        while not self._is_over:
            await self._has_news.wait()
            self._has_news.clear()
            await self._flush()
            await asyncio.sleep(JOIN_SECONDS)

    async def _flush(self, *, is_last: bool = False) -> None:
        events, self._events = self._events, []
        if self._length > self._sent_length:
            text = "".join(self.draft.text)
            events.append(("delta", {"offset": self._sent_length, "text": text[self._sent_length :]}))
            self._sent_length = len(text)
        # Words do not wait for their rendering: both are under way at once.
        writing = asyncio.create_task(self.writer.write(events))
        blocks = await self._new_blocks(is_last=is_last)
        await writing
        await self.writer.write(blocks)

    async def _new_blocks(self, *, is_last: bool) -> list[tuple[str, dict[str, Any]]]:
        blocks: list[tuple[str, dict[str, Any]]] = []
        wait_seconds = self._render_again_at - self.loop.loop.time()
        if self._unrendered and (is_last or wait_seconds <= 0):
            delta, self._unrendered = "".join(self._unrendered), []
            blocks += await self._render(self.draft.renderer.feed, delta)
        elif self._unrendered:
            self.loop.loop.call_later(wait_seconds, self._has_news.set)
        if is_last:
            blocks += await self._render(self.draft.renderer.finish)
        return blocks

    async def _render(
        self, render: Callable[..., list[Block]], *text: str
    ) -> list[tuple[str, dict[str, Any]]]:
        started_at = self.loop.loop.time()
        blocks = await self.loop.in_checks_thread(render, *text)
        took = self.loop.loop.time() - started_at
        rest = max(BLOCK_SECONDS, BLOCK_SHARE_SECONDS * self.loop.running, BLOCK_REST * took)
        self._render_again_at = self.loop.loop.time() + rest
        return [("block", asdict(block)) for block in blocks]

    # -- the row --

    def row_write(self) -> RowWrite:
        """Text, claim and news, for the keeper."""
        texts = {"raw": "".join(self.draft.raw), "text": "".join(self.draft.text)}
        return self._row_write(**texts, **self._take_news())

    def was_kept(self, *, is_stopped: bool, is_ours: bool) -> None:
        self.is_stopped = is_stopped
        # A worker that leaves gives back what it has not sent, instead of waiting with it.
        is_given_back = self.loop.is_closing and self.job.reading_pass.attempts == 0
        if is_stopped or not is_ours or is_given_back:
            self._reading.cancel()

    def _take_news(self) -> dict[str, Any]:
        news, self._news_of_row = self._news_of_row, {}
        return news

    def _row_write(self, **fields: Any) -> RowWrite:
        until = timezone.now() + timedelta(seconds=settings.ANSWER_CLAIM_SECONDS)
        return RowWrite(self.answer, self.job.claim, {"claimed_until": until, **fields})

    async def _write_row(self, **fields: Any) -> None:
        write = self._row_write(**fields)
        await self.loop.in_rows_thread(self.answer.write_claimed, write.claim, **write.fields)

    async def _end(self, outcome: Outcome) -> None:
        """The row first, then the last events: `end` is only seen once the row is final."""
        if self._nothing_happened(outcome):
            await self._flush()
            await self._back_to_queue()
            return
        if outcome.status != Answer.Status.DONE:
            await self._finish_text()
        await self._flush(is_last=True)
        if self._news_of_row:
            await self._write_row(**self._take_news())
        if self.usage is not None:
            await self.attempts.book(self.usage)
        else:
            await self.attempts.book_unfinished("".join(self.written))
        is_ours = await self.loop.in_rows_thread(
            end_answer,
            self.answer,
            self.job.claim,
            outcome,
            raw="".join(self.draft.raw),
            text="".join(self.draft.text),
            finish_reason=self.finish_reason,
        )
        if not is_ours:
            await self._leave_a_taken_answer()
            return
        row = await self.loop.in_rows_thread(Answer.objects.get, pk=self.answer.pk)
        await self.writer.write(
            [
                ("usage", usage_data(row)),
                ("end", {"status": outcome.status, "code": outcome.code, "sentence": outcome.sentence}),
            ]
        )

    async def _leave_a_taken_answer(self) -> None:
        """The reaper ended it, or it was deleted: what was sent is booked all the same, what is gone stays gone."""
        if not await self.loop.in_rows_thread(Answer.objects.filter(pk=self.answer.pk).exists):
            await self.loop.in_rows_thread(delete_streams, [self.answer.pk])

    def _nothing_happened(self, outcome: Outcome) -> bool:
        return outcome is INTERRUPTED and self.job.reading_pass.attempts == 0

    async def _back_to_queue(self) -> None:
        """Interrupted before anything was sent: another worker takes it; the reaper tells it so."""
        await self._write_row(status=Answer.Status.QUEUED)
        await self.loop.in_rows_thread(
            self.answer.write_claimed, self.job.claim, claim=None, claimed_until=None, queued_at=_long_ago()
        )


def _long_ago() -> Any:
    # Old enough for the reaper's next look.
    return timezone.now() - timedelta(hours=1)
