from __future__ import annotations

import pytest
from django.db import transaction

from apps.common.queues import queue_on_commit


class Task:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.sent: list[tuple[str, ...]] = []

    def delay(self, *ids: str) -> None:
        self.sent.append(ids)
        if self.error is not None:
            raise self.error


@pytest.mark.django_db(transaction=True)
def test_a_task_is_sent_once_its_rows_are_there() -> None:
    task = Task()
    with transaction.atomic():
        queue_on_commit(task, 1, "two")
        assert task.sent == []
    assert task.sent == [("1", "two")]


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_down_is_logged_and_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    task = Task(ConnectionError("no broker"))
    with transaction.atomic():
        queue_on_commit(task, 1)
    assert task.sent == [("1",)]
    assert "no broker" in caplog.text
