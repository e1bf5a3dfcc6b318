"""Which endpoints may be called, with whose key, and whether they are known to work."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.common.http import Refused
from apps.connections.keys import LONGEST_KEY, decrypt_key, encrypt_key
from apps.connections.models import Connection
from apps.llm.catalogue import QUOTE_FINDER_ID, Endpoint, is_quote_finder, load_catalogue
from apps.llm.errors import UNHEALTHY_CODES
from apps.llm.names import family_name
from apps.workspaces.access import Actor
from apps.workspaces.audit import record
from apps.workspaces.models import Workspace

KeySource = Literal["workspace", "installation", "environment", "none_needed", "none"]


@dataclass(frozen=True, slots=True)
class EndpointState:
    """An endpoint of the catalogue as it stands for a workspace, or for the installation.

    healthy: not known to fail; unhealthy_since and sentence say since when and why. is_connected: enabled,
    opted in and its key at hand or not needed, whether healthy or not.
    """

    endpoint: Endpoint
    api_key_source: KeySource
    is_enabled: bool
    is_connected: bool
    healthy: bool = True
    unhealthy_since: datetime | None = None
    sentence: str = ""
    is_key_stale: bool = False
    """A key is kept, but was given for another address; it is not used."""
    key_saved_for: str = ""
    probed_at: datetime | None = None
    facts: dict[str, Any] = field(default_factory=dict, hash=False)
    country: str = ""
    retention: str = ""

    @property
    def title(self) -> str:
        """What people call its model."""
        return family_name(self.endpoint.family)

    @property
    def is_retired(self) -> bool:
        return is_retired(self.endpoint)

    @property
    def is_opted_in(self) -> bool:
        return is_opted_in(self.endpoint)


def usable_endpoints_for(workspace: Workspace) -> list[EndpointState]:
    """What may answer questions of a workspace, in the catalogue's order; unhealthy ones included. One query.

    The built-in quote finder is in it only while no model is connected at all, or where a workspace allows
    nothing else: it is never a fallback for a model.
    """
    states = [state for state in endpoint_states(workspace) if state.endpoint.family != "guard"]
    models = [state for state in states if state.is_connected and not is_quote_finder(state.endpoint)]
    allowed = workspace.allowed_endpoints
    chosen = [state for state in models if allowed is None or state.endpoint.id in allowed]
    is_demo = not models or (not chosen and allowed is not None and QUOTE_FINDER_ID in allowed)
    return [state for state in states if is_quote_finder(state.endpoint)] if is_demo else chosen


def endpoint_states(workspace: Workspace | None = None) -> list[EndpointState]:
    """Every endpoint of the catalogue, in its order. workspace: None asks for the installation. One query."""
    owner = Q(workspace=None) | Q(workspace=workspace) if workspace is not None else Q(workspace=None)
    rows = {(row.workspace_id, row.endpoint_id): row for row in Connection.objects.filter(owner)}
    workspace_id = None if workspace is None else workspace.pk
    return [
        _state(
            endpoint,
            own=rows.get((workspace_id, endpoint.id)) if workspace_id else None,
            shared=rows.get((None, endpoint.id)),
        )
        for endpoint in load_catalogue().values()
    ]


def api_key_for(endpoint_id: str, workspace_id: uuid.UUID | None) -> str | None:
    """The key to call an endpoint with: the workspace's, else the installation's, else the environment's.

    None when there is none, which is right for endpoints that need none. Never log, store or show it. One query.
    """
    endpoint = load_catalogue()[endpoint_id]
    own, shared = _rows_of(endpoint_id, workspace_id)
    for row in (own, shared):
        key = _usable_key(row, endpoint)
        if key is not None:
            return key
    return _key_in_environment(endpoint)


def mark_unhealthy(
    endpoint_id: str, code: str, sentence: str, *, workspace_id: uuid.UUID | None = None
) -> bool:
    """Note that every call to an endpoint will fail; False when `code` does not mean that. Idempotent.

    code, sentence: of the LLMError. The mark is set where the key came from, so that one workspace's empty
    account leaves the others alone. A probe takes it back (probing.py).
    """
    if code not in UNHEALTHY_CODES:
        return False
    endpoint = load_catalogue()[endpoint_id]
    own, _ = _rows_of(endpoint_id, workspace_id)
    row = own if own is not None and _usable_key(own, endpoint) is not None else installation_row(endpoint)
    # The moment it began is kept: a second failure is not news.
    Connection.objects.filter(pk=row.pk).exclude(is_healthy=False).update(
        is_healthy=False, unhealthy_since=timezone.now(), probed_at=timezone.now()
    )
    Connection.objects.filter(pk=row.pk).update(probe_sentence=sentence[:300])
    return True


def save_key(actor: Actor, endpoint_id: str, key: str, *, workspace: Workspace | None = None) -> None:
    """Keep a key, encrypted, for an endpoint and all others of its host; enables them, retired ones too.

    workspace: None for the installation. Raises Refused (422, `bad_key`).
    """
    key = key.strip()
    if not key or len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise Refused(
            "bad_key", "A key is one word of letters, digits and signs; paste it alone.", status=422
        )
    with transaction.atomic():
        for endpoint in siblings(endpoint_id):
            Connection.objects.update_or_create(
                workspace=workspace,
                endpoint_id=endpoint.id,
                defaults={
                    "base_url": endpoint.base_url,
                    "encrypted_key": encrypt_key(key, endpoint),
                    "is_enabled": True,
                    **_UNKNOWN_HEALTH,
                },
            )
        record(actor, "connection.save_key", workspace=workspace, endpoint=endpoint_id)


def remove_key(actor: Actor, endpoint_id: str, *, workspace: Workspace | None = None) -> None:
    """Forget the kept key of an endpoint and all others of its host; one in the environment stays."""
    with transaction.atomic():
        rows = Connection.objects.filter(
            workspace=workspace, endpoint_id__in=[endpoint.id for endpoint in siblings(endpoint_id)]
        )
        if rows.exclude(encrypted_key=None).update(encrypted_key=None, base_url="", **_UNKNOWN_HEALTH):
            record(actor, "connection.remove_key", workspace=workspace, endpoint=endpoint_id)


def set_enabled(
    actor: Actor, endpoint_id: str, is_enabled: bool, *, workspace: Workspace | None = None
) -> None:
    """Allow or forbid calls to one endpoint, for the installation or for one workspace."""
    endpoint = load_catalogue()[endpoint_id]
    with transaction.atomic():
        Connection.objects.update_or_create(
            workspace=workspace, endpoint_id=endpoint.id, defaults={"is_enabled": is_enabled}
        )
        action = "connection.enable" if is_enabled else "connection.disable"
        record(actor, action, workspace=workspace, endpoint=endpoint_id)


def siblings(endpoint_id: str) -> list[Endpoint]:
    """The endpoints of one host that share its address and key, in the catalogue's order."""
    catalogue = load_catalogue()
    asked = catalogue[endpoint_id]
    return [endpoint for endpoint in catalogue.values() if host_of(endpoint) == host_of(asked)]


def host_of(endpoint: Endpoint) -> tuple[str, str, str]:
    return endpoint.provider, endpoint.base_url, endpoint.api_key_env


def is_retired(endpoint: Endpoint) -> bool:
    return endpoint.retired_on is not None and endpoint.retired_on <= date.today()


def is_opted_in(endpoint: Endpoint) -> bool:
    """Whether its address may be called: those on one's own machine only when the environment names them."""
    return not endpoint.base_url_env or bool(os.environ.get(endpoint.base_url_env))


_UNKNOWN_HEALTH: dict[str, Any] = {
    "is_healthy": None,
    "unhealthy_since": None,
    "probed_at": None,
    "probe_sentence": "",
    "probe_facts": {},
}


def _state(endpoint: Endpoint, *, own: Connection | None, shared: Connection | None) -> EndpointState:
    source, keyed = _key_source(endpoint, own, shared)
    # A workspace can switch an endpoint off for itself, but not on against the operator, unless it brings a key.
    if source == "workspace":
        is_enabled = own is not None and own.is_enabled
    else:
        is_enabled = shared.is_enabled if shared is not None else not is_retired(endpoint)
        is_enabled = is_enabled and (own is None or own.is_enabled)
    kept = own if own is not None and own.encrypted_key else shared
    return EndpointState(
        endpoint=endpoint,
        api_key_source=source,
        is_enabled=is_enabled,
        is_connected=is_enabled and is_opted_in(endpoint) and source != "none",
        healthy=keyed is None or keyed.is_healthy is not False,
        unhealthy_since=keyed.unhealthy_since if keyed is not None else None,
        sentence=keyed.probe_sentence if keyed is not None else "",
        is_key_stale=source == "none" and kept is not None and bool(kept.encrypted_key),
        key_saved_for=kept.base_url if kept is not None else "",
        probed_at=keyed.probed_at if keyed is not None else None,
        facts=keyed.probe_facts if keyed is not None else {},
        country=(keyed.country if keyed is not None else "") or endpoint.country,
        retention=(keyed.retention if keyed is not None else "") or endpoint.retention,
    )


def _key_source(
    endpoint: Endpoint, own: Connection | None, shared: Connection | None
) -> tuple[KeySource, Connection | None]:
    """Where the key comes from, and the row whose health counts then."""
    if _usable_key(own, endpoint) is not None:
        return "workspace", own
    if _usable_key(shared, endpoint) is not None:
        return "installation", shared
    if _key_in_environment(endpoint) is not None:
        return "environment", shared
    if endpoint.api_key_optional or not endpoint.api_key_env:
        return "none_needed", shared
    return "none", shared


def _usable_key(row: Connection | None, endpoint: Endpoint) -> str | None:
    return decrypt_key(bytes(row.encrypted_key), endpoint) if row is not None and row.encrypted_key else None


def _key_in_environment(endpoint: Endpoint) -> str | None:
    return os.environ.get(endpoint.api_key_env, "").strip() or None if endpoint.api_key_env else None


def _rows_of(endpoint_id: str, workspace_id: uuid.UUID | None) -> tuple[Connection | None, Connection | None]:
    """The workspace's own row and the installation's."""
    rows: Iterable[Connection] = Connection.objects.filter(
        Q(workspace=None) | Q(workspace_id=workspace_id), endpoint_id=endpoint_id
    )
    by_owner = {row.workspace_id: row for row in rows}
    return by_owner.get(workspace_id) if workspace_id else None, by_owner.get(None)


def installation_row(endpoint: Endpoint) -> Connection:
    """The installation's row of an endpoint, made when there is none; a retired one is made switched off."""
    row, _ = Connection.objects.get_or_create(
        workspace=None, endpoint_id=endpoint.id, defaults={"is_enabled": not is_retired(endpoint)}
    )
    return row
