from __future__ import annotations

from celery import shared_task

from apps.connections import probing


# The `answers` queue waits on hosts anyway; a look must not stand behind hours of parsing.
@shared_task(name="apps.connections.tasks.probe_unhealthy", queue="answers")
def probe_unhealthy() -> None:
    """Look again at unhealthy endpoints; beat calls it every half minute, each row is looked at once a minute."""
    probing.probe_unhealthy()
