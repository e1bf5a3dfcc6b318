"""What the answers of a worker ask of the database while they are written, in one go for all of them.

Twice a second: has somebody pressed Stop? Once a second: text and claim onto each row. A query costs an interpreter
more than a database, and fifty answers would each bring their own.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from django.db import DatabaseError

from apps.common.database import is_transient
from apps.conversations.models import Answer

if TYPE_CHECKING:
    from apps.conversations.loop import AnswerLoop

log = logging.getLogger(__name__)

STOP_SECONDS = 0.5
ROW_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class RowWrite:
    """Fields for an answer's row, for as long as its claim holds."""

    answer: Answer
    claim: uuid.UUID
    fields: dict[str, Any]


class Kept(Protocol):
    """An answer that is being written."""

    answer: Answer

    def row_write(self) -> RowWrite:
        """What belongs on its row by now; asked for once a second."""

    def was_kept(self, *, is_stopped: bool, is_ours: bool) -> None:
        """Told twice a second. is_ours: its claim still holds."""


class Keeper:
    """Used in one loop."""

    def __init__(self, loop: AnswerLoop) -> None:
        self._loop = loop
        self._kept_at: dict[Kept, float] = {}
        self._going: asyncio.Task[None] | None = None
        self._round: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def keeping(self, run: Kept) -> AsyncIterator[None]:
        """Look after an answer for as long as the block lasts; nothing is on its way to its row afterwards."""
        self._kept_at[run] = 0.0
        if self._going is None:
            self._going = asyncio.create_task(self._go(), name="keeper")
        try:
            yield
        finally:
            del self._kept_at[run]
            if self._round is not None:
                await asyncio.wait([self._round])
            if not self._kept_at and self._going is not None:
                self._going.cancel()
                self._going = None

    async def _go(self) -> None:
        while True:
            await asyncio.sleep(STOP_SECONDS)
            self._round = asyncio.create_task(self._keep())
            await asyncio.wait([self._round])

    async def _keep(self) -> None:
        now = self._loop.loop.time()
        runs = list(self._kept_at)
        due = [run for run in runs if now - self._kept_at[run] >= ROW_SECONDS]
        self._kept_at.update(dict.fromkeys(due, now))
        try:
            stopped, lost = await self._loop.in_rows_thread(
                look_and_write, [run.answer.pk for run in runs], [run.row_write() for run in due]
            )
        except Exception:
            log.exception("the rows of %d answers could not be kept", len(runs))
            return
        for run in runs:
            run.was_kept(is_stopped=run.answer.pk in stopped, is_ours=run.answer.pk not in lost)


def look_and_write(
    answer_ids: Sequence[uuid.UUID], writes: Sequence[RowWrite]
) -> tuple[Collection[uuid.UUID], Collection[uuid.UUID]]:
    """Write rows; give the ids of the answers that are to stop, and of those whose claim is lost.

    Not one transaction: it would hold the locks of fifty rows. Raises what `is_transient` tells of; a row that
    refuses for another reason is left to its answer's end.
    """
    lost = set()
    for write in writes:
        try:
            if not write.answer.write_claimed(write.claim, **write.fields):
                lost.add(write.answer.pk)
        except DatabaseError as error:
            if is_transient(error):
                raise
            log.exception("the row of answer %s could not be kept", write.answer.pk)
    stopped = Answer.objects.filter(pk__in=answer_ids, stop_requested_at__isnull=False).order_by()
    return set(stopped.values_list("pk", flat=True)), lost
