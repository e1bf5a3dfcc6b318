"""The Celery application and its queues.

`ingest` parses and counts: CPU work, prefork, children recycled. `answers` waits on models: threads,
one event loop per process (apps/conversations/loop.py). `ocr` recognises text: threads that wait for children
of one process, after everything else (nice). Beat only wakes the reapers.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import celeryd_after_setup, worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "docanalyst.settings")

OCR_NICENESS = 10

app = Celery("docanalyst")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def _give_signs_of_life(**_: object) -> None:
    # Imported late: it needs the settings, which may not be there when only the package is imported.
    from apps.common import heartbeat  # noqa: F401


@celeryd_after_setup.connect
def _let_others_go_first(sender: str, instance: Any, **_: object) -> None:
    """Recognising text takes minutes of a core that people who wait for a page or an answer need first."""
    if list(instance.app.amqp.queues.consume_from) == ["ocr"]:
        os.nice(OCR_NICENESS)


app.conf.task_routes = {
    # Looked after where tasks only wait: behind the documents it would come too late for them.
    "apps.library.tasks.reap_documents": {"queue": "answers"},
    "apps.library.tasks.recognise_revision": {"queue": "ocr"},
    "apps.library.tasks.*": {"queue": "ingest"},
    "apps.conversations.tasks.*": {"queue": "answers"},
    "apps.connections.tasks.*": {"queue": "answers"},
}
app.conf.beat_schedule = {
    "reap-documents": {
        "task": "apps.library.tasks.reap_documents",
        "schedule": 5.0,
        # What was not taken before the next one comes is not needed any more.
        "options": {"expires": 5.0},
    },
    "sweep-files": {"task": "apps.library.tasks.sweep_files", "schedule": 24 * 3600.0},
    "probe-connections": {"task": "apps.connections.tasks.probe_unhealthy", "schedule": 30.0},
    "reap-answers": {"task": "apps.conversations.tasks.reap_answers", "schedule": 10.0},
}
