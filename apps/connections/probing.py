"""Looking whether a host answers and what it serves; a good answer makes an endpoint healthy again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from apps.connections.models import Connection
from apps.connections.services import (
    api_key_for,
    installation_row,
    is_opted_in,
    siblings,
)
from apps.llm.catalogue import Endpoint, load_catalogue
from apps.llm.errors import UNHEALTHY_CODES
from apps.llm.probing import ProbeResult, probe_endpoint
from apps.llm.providers.openai_compatible import close_clients
from apps.workspaces.models import Workspace

LEAST_SECONDS_BETWEEN = 60  # of the looks that nobody asked for
# A busy or throttling host is neither proven well nor ill: it stays what it was.
_FAULTS_THAT_STAY = UNHEALTHY_CODES | {"connection", "not_an_api", "redirected"}
MOST_IDS_KEPT = 200  # hosts list hundreds; the page shows a few, the row stays small


@dataclass(frozen=True, slots=True)
class Probe:
    """What a look at one endpoint of a host showed."""

    endpoint: Endpoint
    result: ProbeResult


def probe_host(endpoint_id: str, *, workspace: Workspace | None = None) -> list[Probe]:
    """Look at an endpoint and all others of its host now, and keep what was seen. At most 10 s.

    workspace: whose key is used; None for the installation's. Sends no text of anybody, only the key.
    """
    endpoints = siblings(endpoint_id)
    if not is_opted_in(endpoints[0]):
        return []
    workspace_id = None if workspace is None else workspace.pk
    keys = [api_key_for(endpoint.id, workspace_id) for endpoint in endpoints]
    results = asyncio.run(_look(list(zip(endpoints, keys, strict=True))))
    probes = [Probe(endpoint, result) for endpoint, result in zip(endpoints, results, strict=True)]
    for probe in probes:
        _keep(probe, workspace)
    return probes


def probe(connection: Connection) -> ProbeResult:
    """Look at one connection's endpoint now, and keep what was seen. At most 10 s."""
    endpoint = load_catalogue()[connection.endpoint_id]
    key = api_key_for(endpoint.id, connection.workspace_id)
    (result,) = asyncio.run(_look([(endpoint, key)]))
    keep_result(connection, result)
    return result


def probe_unhealthy() -> int:
    """Look again at what is unhealthy, each at most once a minute, whoever calls. Gives how many were looked at."""
    looked_at = 0
    for connection in Connection.objects.filter(is_healthy=False, endpoint_id__in=load_catalogue()):
        if _claim(connection):
            probe(connection)
            looked_at += 1
    return looked_at


def keep_result(connection: Connection, result: ProbeResult) -> None:
    """Write on the row what a look showed. Facts of the host are kept, its own words are not."""
    connection.probed_at = timezone.now()
    if not result.code:
        connection.is_healthy, connection.unhealthy_since = True, None
    elif connection.is_healthy is not False and result.code in _FAULTS_THAT_STAY:
        connection.is_healthy, connection.unhealthy_since = False, connection.probed_at
    connection.probe_sentence = result.sentence[:300]
    connection.probe_facts = {
        "ids": list(result.model_ids[:MOST_IDS_KEPT]),
        "ids_count": len(result.model_ids),
        "serves_model": result.serves_model,
        "latency_ms": round(result.latency_seconds * 1000),
        "reachable": result.reachable,
    }
    connection.save(
        update_fields=["probed_at", "is_healthy", "unhealthy_since", "probe_sentence", "probe_facts"]
    )


def _keep(seen: Probe, workspace: Workspace | None) -> None:
    own = Connection.objects.filter(workspace=workspace, endpoint_id=seen.endpoint.id).first()
    keep_result(own or installation_row(seen.endpoint), seen.result)


def _claim(connection: Connection) -> bool:
    """Take the right to look: of several processes one gets it, and none before a minute has passed."""
    now = timezone.now()
    due = Q(probed_at=None) | Q(probed_at__lte=now - timedelta(seconds=LEAST_SECONDS_BETWEEN))
    return bool(Connection.objects.filter(due, pk=connection.pk, is_healthy=False).update(probed_at=now))


async def _look(asked: list[tuple[Endpoint, str | None]]) -> list[ProbeResult]:
    try:
        return await asyncio.gather(*(probe_endpoint(endpoint, key) for endpoint, key in asked))
    finally:
        await close_clients()  # they belong to this loop, which ends now
