"""Workspaces and who works in them. Every change leaves an audit entry."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.common.http import Refused
from apps.workspaces.access import RIGHT_OF_ROLE, Right, right_in
from apps.workspaces.audit import record
from apps.workspaces.models import Membership, Role, Workspace
from apps.workspaces.slugs import free_slug


def create_workspace(actor: User, name: str) -> Workspace:
    """Make a workspace whose owner is the actor. Raises Refused (429) for too many in a day."""
    with transaction.atomic():
        # Under this lock a person's workspaces are made one at a time, so that the count holds.
        User.objects.select_for_update(no_key=True).get(pk=actor.pk)
        _check_made_today(actor)
        workspace = Workspace.objects.create(name=name, slug=free_slug(name))
        Membership.objects.create(workspace=workspace, user=actor, role=Role.OWNER)
        record(actor, "workspace.create", workspace, workspace)
    workspace.held_right = Right.OWN
    return workspace


def _check_made_today(actor: User) -> None:
    owned = Membership.objects.filter(
        user=actor, role=Role.OWNER, created_at__gt=timezone.now() - timedelta(days=1)
    )
    if owned.count() >= settings.WORKSPACES_PER_MEMBER_PER_DAY:
        raise Refused(
            "too_many_workspaces",
            f"You made {settings.WORKSPACES_PER_MEMBER_PER_DAY} workspaces within a day. Make more tomorrow, "
            "or use one you have.",
            status=429,
        )


def rename_workspace(actor: User, workspace: Workspace, name: str) -> None:
    """Change the name; the address stays, so that links keep working."""
    workspace.name = name
    workspace.save(update_fields=["name"])
    record(actor, "workspace.rename", workspace, workspace)


def add_member(actor: User | None, workspace: Workspace, user: User, role: Role) -> Membership:
    """Let somebody in; who is in already keeps the role they have."""
    with transaction.atomic():
        membership, is_new = Membership.objects.get_or_create(
            workspace=workspace, user=user, defaults={"role": role}
        )
        if is_new:
            record(actor, "member.add", membership, workspace, member=str(user.pk), role=role.value)
    return membership


def change_role(actor: User, membership: Membership, role: Role) -> None:
    """Give a member another role. Raises Refused 403 without the right, 409 for the last owner."""
    with transaction.atomic():
        membership = _locked(membership)
        _check_may_change(actor, membership, role)
        if membership.role == Role.OWNER and role != Role.OWNER:
            _check_other_owner(membership)
        before, membership.role = membership.role, role
        membership.save(update_fields=["role"])
        record(
            actor,
            "member.role",
            membership,
            membership.workspace,
            member=str(membership.user_id),
            before=before,
            after=role.value,
        )


def remove_member(actor: User, membership: Membership) -> None:
    """Take somebody out of the workspace, or leave it oneself. Raises Refused as `change_role` does."""
    with transaction.atomic():
        membership = _locked(membership)
        if membership.user_id != actor.pk:
            _check_may_change(actor, membership, Role(membership.role))
        if membership.role == Role.OWNER:
            _check_other_owner(membership)
        action = "member.leave" if membership.user_id == actor.pk else "member.remove"
        record(actor, action, membership, membership.workspace, member=str(membership.user_id))
        membership.delete()


def roles_to_give(right: Right) -> list[Role]:
    """The roles somebody with this right may give to others: none above their own."""
    if right < Right.ADMINISTER:
        return []
    return [role for role in Role if RIGHT_OF_ROLE[role] <= right]


def _locked(membership: Membership) -> Membership:
    # The workspace's row is the lock: two owners who leave at once must not both find another one.
    Workspace.objects.select_for_update().get(pk=membership.workspace_id)
    return Membership.objects.select_related("workspace", "user").get(pk=membership.pk)


def _check_may_change(actor: User, membership: Membership, role: Role) -> None:
    held = right_in(actor, membership.workspace_id) or 0
    if held < Right.ADMINISTER or max(RIGHT_OF_ROLE[Role(membership.role)], RIGHT_OF_ROLE[role]) > held:
        raise Refused("forbidden", "Only an owner may make, change or remove owners.", status=403)


def _check_other_owner(membership: Membership) -> None:
    others = Membership.objects.filter(
        workspace_id=membership.workspace_id, role=Role.OWNER, user__is_active=True
    ).exclude(pk=membership.pk)
    if not others.exists():
        raise Refused("last_owner", "A workspace needs an owner. Make somebody else one first.", status=409)
