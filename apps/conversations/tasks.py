"""The worker's side of asking. Tasks take ids; the outcome is on the row; the row is the truth."""

from __future__ import annotations

from celery import shared_task

from apps.conversations import answering, reaping


@shared_task(name="apps.conversations.tasks.answer_question")
def answer_question(answer_id: str) -> None:
    """Write one answer to its end, unless it is gone, ended, or held by another worker."""
    answering.run_answer(answer_id)


@shared_task(name="apps.conversations.tasks.reap_answers")
def reap_answers() -> None:
    """Queue again what waits too long; end what a dead worker left behind."""
    reaping.reap_answers()
