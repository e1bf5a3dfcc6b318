"""The door to what belongs to the installation as a whole, not to a workspace."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied

from apps.workspaces.access import Actor


def require_instance_administrator(actor: Actor) -> None:
    """Raise PermissionDenied unless the actor runs this installation."""
    if not (actor.is_authenticated and actor.is_active and actor.is_staff):
        raise PermissionDenied
