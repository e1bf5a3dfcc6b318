"""Whether the installation is alive, and whether every part of it is there."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import get_random_string
from django.views.decorators.http import require_safe

from apps.common.redis import look_redis

logger = logging.getLogger("docanalyst.health")

HEARTBEAT_SECONDS = 30
"""How long a worker's sign of life counts; a worker renews it every 10 s."""

# The page is open to everybody, and looking costs a file and a few queries.
KEEP_SECONDS = 3.0
KEEP_MISSING_SECONDS = 0.3
_last_look: tuple[float, dict[str, str]] = (float("-inf"), {})
_looking = threading.Lock()


_more_parts: dict[str, Callable[[], str]] = {}


def register_part(name: str, check: Callable[[], str]) -> None:
    """Add a part of a room above this one. check: gives `ok`, perhaps with a remark behind it, or what is wrong."""
    _more_parts[name] = check


def queues() -> tuple[str, ...]:
    """The queues that this installation has workers for."""
    return ("ingest", "answers", "ocr") if settings.RECOGNISE_SCANS else ("ingest", "answers")


def heartbeat_key(queue: str) -> str:
    """The Redis key that a worker of this queue keeps alive."""
    return f"worker:{queue}"


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Each part by name with `ok` or what is wrong with it; 503 while one is missing."""
    global _last_look
    with _looking:
        looked_at, found = _last_look
        # What is missing may be there the next moment; what is there may be kept.
        if time.monotonic() - looked_at > (KEEP_SECONDS if _is_ready(found) else KEEP_MISSING_SECONDS):
            found = look()
            _last_look = (time.monotonic(), found)
    is_ready = _is_ready(found)
    report = {"status": "ready" if is_ready else "not ready", "parts": found}
    response = JsonResponse(report, status=200 if is_ready else 503)
    # Django logs every 5xx; here it is the answer that was asked for.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _is_ready(found: dict[str, str]) -> bool:
    return bool(found) and all(state == "ok" or state.startswith("ok, ") for state in found.values())


def look() -> dict[str, str]:
    """Look at every part now: its name, and `ok` or a few words. Queries, one small file, one call to Redis."""
    parts: dict[str, Callable[[], str]] = {
        "database": _database,
        "migrations": _migrations,
        "redis": _redis,
        "storage": _storage,
    }
    found = {name: _told(name, check) for name, check in (parts | _more_parts).items()}
    for queue in queues():
        name = f"worker {queue}"
        found[name] = _told(name, lambda queue=queue: _worker(queue))  # type: ignore[misc]
    return found


def _told(name: str, check: Callable[[], str]) -> str:
    try:
        return check()
    except Exception as error:
        # Whatever is wrong, the page names the part and the log says why.
        logger.warning("%s is not ready: %s", name, error)
        return "unreachable"


def _database() -> str:
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    return "missing" if executor.migration_plan(executor.loader.graph.leaf_nodes()) else "ok"


def _redis() -> str:
    look_redis().ping()
    return "ok"


def _storage() -> str:
    name = default_storage.save(f"health/{get_random_string(16)}", ContentFile(b"ok"))
    default_storage.delete(name)
    return "ok"


def _worker(queue: str) -> str:
    return "ok" if look_redis().exists(heartbeat_key(queue)) else "no sign of life"
