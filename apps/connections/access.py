"""The door to what belongs to the installation as a whole, not to a workspace."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404

from apps.llm.catalogue import Endpoint, is_quote_finder, load_catalogue
from apps.workspaces.access import Actor


def require_instance_administrator(actor: Actor) -> None:
    """Raise PermissionDenied unless the actor runs this installation."""
    if not (actor.is_authenticated and actor.is_active and actor.is_staff):
        raise PermissionDenied


def endpoint_for(actor: Actor, endpoint_id: str) -> Endpoint:
    """The endpoint of the catalogue, for those who run the installation; PermissionDenied or Http404."""
    require_instance_administrator(actor)
    endpoint = load_catalogue().get(endpoint_id)
    if endpoint is None or is_quote_finder(endpoint):
        raise Http404
    return endpoint
