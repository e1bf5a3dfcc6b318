"""The Celery application and its queues.

`ingest` parses and counts: CPU work, prefork, children recycled. `answers` waits on models: threads,
one event loop per process (apps/conversations/loop.py). Beat only wakes the reapers.
"""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "docanalyst.settings")

app = Celery("docanalyst")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def _give_signs_of_life(**_: object) -> None:
    # Imported late: it needs the settings, which may not be there when only the package is imported.
    from apps.common import heartbeat  # noqa: F401


app.conf.task_routes = {
    "apps.library.tasks.*": {"queue": "ingest"},
    "apps.conversations.tasks.*": {"queue": "answers"},
    "apps.connections.tasks.*": {"queue": "answers"},
}
app.conf.beat_schedule = {
    "reap-documents": {"task": "apps.library.tasks.reap_documents", "schedule": 15.0},
    "sweep-files": {"task": "apps.library.tasks.sweep_files", "schedule": 24 * 3600.0},
    "probe-connections": {"task": "apps.connections.tasks.probe_unhealthy", "schedule": 30.0},
    "reap-answers": {"task": "apps.conversations.tasks.reap_answers", "schedule": 10.0},
}
