"""The record of who did what: ids and codes, never names or content."""

from __future__ import annotations

import logging
import uuid
from typing import Any

from django.db.models import Model

from apps.workspaces.access import Actor
from apps.workspaces.models import AuditEntry, Workspace

security_log = logging.getLogger("security")


def record(
    actor: Actor | None,
    action: str,
    target: Model | None = None,
    workspace: Workspace | uuid.UUID | None = None,
    **details: str | int | bool | None,
) -> AuditEntry:
    """Append one entry and one line of the security log.

    action: dotted, such as `document.delete`. details: ids, codes and counts only.
    """
    entry = AuditEntry.objects.create(
        actor_id=actor.pk if actor is not None else None,
        action=action,
        target_type=target._meta.model_name or "" if target is not None else "",
        target_id=target.pk if target is not None and isinstance(target.pk, uuid.UUID) else None,
        workspace_id=workspace.pk if isinstance(workspace, Workspace) else workspace,
        details=details,
    )
    facts: dict[str, Any] = {
        "actor": entry.actor_id,
        "target": entry.target_id,
        "workspace": entry.workspace_id,
        **details,
    }
    security_log.info("%s %s", action, " ".join(f"{key}={value}" for key, value in facts.items() if value))
    return entry
