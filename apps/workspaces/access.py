"""The door to all workspace data: who may do what, asked of the database each time.

Every room's own door (library/access.py, conversations/access.py) ends here. An outsider, an unknown id and a
malformed id get the same 404; a member without the right gets 403.
"""

from __future__ import annotations

import uuid
from enum import IntEnum

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.core.validators import slug_re
from django.db.models import Q
from django.http import Http404

from apps.accounts.models import User
from apps.workspaces.models import Membership, Role, Workspace

Actor = User | AnonymousUser


class Right(IntEnum):
    """What may be done in a workspace; each includes those before it.

    VIEW: open shared conversations, documents, citations. CONTRIBUTE: upload, ask, share and delete one's own.
    ADMINISTER: its name, people, budget, usage, any document. OWN: name owners.
    """

    VIEW = 1
    CONTRIBUTE = 2
    ADMINISTER = 3
    OWN = 4


RIGHT_OF_ROLE = {
    Role.VIEWER: Right.VIEW,
    Role.MEMBER: Right.CONTRIBUTE,
    Role.ADMIN: Right.ADMINISTER,
    Role.OWNER: Right.OWN,
}


def as_uuid(value: object) -> uuid.UUID | None:
    """An id from anywhere outside as a UUID, or None when it is none."""
    if isinstance(value, uuid.UUID):
        return value
    try:
        return uuid.UUID(str(value))
    except ValueError:
        return None


NO_ROW = uuid.UUID(int=0)


def lookup_id(value: object) -> uuid.UUID:
    """`as_uuid` for a query: what is no id becomes one that no row has."""
    return as_uuid(value) or NO_ROW


def right_in(actor: Actor, workspace_id: uuid.UUID) -> Right | None:
    """The actor's right in a workspace, or None for an outsider. One query."""
    if not actor.is_authenticated or not actor.is_active:
        return None
    role = (
        Membership.objects.filter(workspace_id=workspace_id, user_id=actor.pk, user__is_active=True)
        .values_list("role", flat=True)
        .first()
    )
    return RIGHT_OF_ROLE[Role(role)] if role else None


def check_right(actor: Actor, workspace_id: uuid.UUID, right: Right, known: Workspace | None = None) -> Right:
    """The actor's right in the workspace; Http404 for an outsider, PermissionDenied below `right`.

    known: this very workspace as it came through the door for the same request: it is not asked for again.
    """
    held = known.held_right if known is not None else right_in(actor, workspace_id)
    if held is None:
        raise Http404
    if held < right:
        raise PermissionDenied
    return held


def workspace_for(actor: Actor, slug_or_id: object, right: Right = Right.VIEW) -> Workspace:
    """The workspace with `held_right` set; Http404 or PermissionDenied."""
    identity = as_uuid(slug_or_id)
    if identity is None and not slug_re.match(str(slug_or_id)):
        # Not asked of the database at all: PostgreSQL refuses text with NUL characters.
        raise Http404
    matches = Q(pk=identity) if identity else Q(slug=str(slug_or_id)[:60])
    workspace = Workspace.objects.filter(matches).first()
    if workspace is None:
        raise Http404
    workspace.held_right = check_right(actor, workspace.pk, right)
    return workspace


def workspaces_of(actor: Actor, right: Right = Right.VIEW) -> list[Workspace]:
    """The workspaces in which the actor holds at least `right`, by name. One query."""
    if not actor.is_authenticated or not actor.is_active:
        return []
    roles = [role for role, held in RIGHT_OF_ROLE.items() if held >= right]
    return list(Workspace.objects.filter(memberships__user=actor, memberships__role__in=roles))
