"""Messages to workers. A message is a hint: the row is the truth, and a reaper repeats lost hints."""

from __future__ import annotations

from typing import Any

from django.db import transaction


def queue_on_commit(task: Any, *ids: object) -> None:
    """Send a task its ids once the rows are visible.

    A broker that is down is logged and passed over, so that the request succeeds; the reaper sends it again.
    """

    def publish() -> None:
        # A function with a name: Django logs the name of what failed, and a partial has none.
        task.delay(*map(str, ids))

    transaction.on_commit(publish, robust=True)
