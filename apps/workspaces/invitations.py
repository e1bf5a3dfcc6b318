"""Asking somebody in by a link: single use, expiring, bound to an address, stored as a digest.

The link is shown to whoever invites, once, and handed over by them; nothing is mailed. Who holds it can make
the account of that address, so it is as good as the inviter's word that the address is right.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User, digest_token
from apps.accounts.services import AccountError, make_account
from apps.common.http import Refused
from apps.workspaces.audit import record
from apps.workspaces.models import Invitation, Membership, Role, Workspace
from apps.workspaces.services import add_member, roles_to_give

VALID_FOR = timedelta(days=7)


def open_invitations(workspace: Workspace) -> list[Invitation]:
    """Those that can still be accepted, newest first. One query."""
    return list(
        workspace.invitations.filter(
            accepted_at=None, revoked_at=None, expires_at__gt=timezone.now()
        ).order_by("-created_at")
    )


def invite(actor: User, workspace: Workspace, email: str, role: Role) -> tuple[Invitation, str]:
    """Make an invitation; the second value is the only readable copy of its token.

    An earlier one to the same address ends. Raises Refused: 403 for a role above the actor's own, 409 for
    somebody who is in already.
    """
    if role not in roles_to_give(workspace.held_right):
        raise Refused("forbidden", "Only an owner may invite another owner.", status=403)
    if Membership.objects.filter(workspace=workspace, user__email__iexact=email).exists():
        raise Refused("already_member", "They are in this workspace already.", status=409)
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        # The lock keeps two invitations of the same moment from both being open.
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        workspace.invitations.filter(email__iexact=email, accepted_at=None, revoked_at=None).update(
            revoked_at=timezone.now()
        )
        invitation = Invitation.objects.create(
            workspace=workspace,
            email=email,
            role=role,
            digest=digest_token(token),
            invited_by=actor,
            expires_at=timezone.now() + VALID_FOR,
        )
        record(actor, "invitation.create", invitation, workspace, role=role.value)
    return invitation, token


def revoke(actor: User, invitation: Invitation) -> None:
    """End an invitation that nobody accepted yet; harmless when it ended already."""
    ended = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None).update(
        revoked_at=timezone.now()
    )
    if ended:
        record(actor, "invitation.revoke", invitation, invitation.workspace)


def find_invitation(token: str) -> Invitation | None:
    """The open invitation of a token; None when it was used, revoked, is too old or never was."""
    return (
        Invitation.objects.select_related("workspace", "invited_by")
        .filter(digest=digest_token(token), accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())
        .first()
    )


def accept(invitation: Invitation, user: User) -> None:
    """Let the invited person in, once. Raises Refused: 403 for another address, 410 when it ended meanwhile."""
    if user.email.casefold() != invitation.email.casefold():
        raise Refused("other_address", "This invitation is for somebody else's address.", status=403)
    with transaction.atomic():
        taken = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None).update(
            accepted_at=timezone.now()
        )
        if not taken:
            raise Refused("invitation_ended", "This invitation was used or withdrawn.", status=410)
        add_member(user, invitation.workspace, user, Role(invitation.role))
        record(user, "invitation.accept", invitation, invitation.workspace)


def accept_with_new_account(invitation: Invitation, *, name: str, password: str) -> User:
    """Make the invited person's account and let them in. Raises Refused as `accept` does, 409 when there is one."""
    with transaction.atomic():
        try:
            user = make_account(invitation.email, password, name=name)
        except AccountError as error:
            raise Refused(
                "no_new_account",
                "No account can be made with this link. If you have one, sign in.",
                status=409,
            ) from error
        accept(invitation, user)
    return user
