from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from apps.common.rows import Row

if TYPE_CHECKING:
    from apps.accounts.models import User
    from apps.workspaces.access import Right


class Role(models.TextChoices):
    VIEWER = "viewer", "Viewer"
    MEMBER = "member", "Member"
    ADMIN = "admin", "Admin"
    OWNER = "owner", "Owner"


class WorkspaceQuerySet(models.QuerySet["Workspace"]):
    def of(self, user: User) -> WorkspaceQuerySet:
        return self.filter(memberships__user=user, memberships__user__is_active=True)


class Workspace(Row):
    """Where people work together. Every document, conversation and cost hangs under exactly one."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    prefers = models.CharField(
        "model for long prompts",
        max_length=8,
        choices=[("scout", "Scout: cheapest"), ("best", "Maverick while it holds")],
        default="scout",
    )
    reading = models.CharField(
        "default reading",
        max_length=10,
        choices=[("auto", "One pass while it fits"), ("thorough", "Thorough")],
        default="auto",
    )
    allowed_endpoints = models.JSONField(null=True, blank=True)
    """Endpoint ids that text of this workspace may go to; null allows all that are connected."""

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    held_right: Right
    """Set by the door (access.workspace_for): what the actor may do here."""

    def can(self, right: str) -> bool:
        """Whether the actor this workspace was fetched for holds a right, by its name in lower case."""
        from apps.workspaces.access import Right

        return self.held_right >= Right[right.upper()]

    @property
    def can_contribute(self) -> bool:
        return self.can("contribute")

    @property
    def can_administer(self) -> bool:
        return self.can("administer")

    def get_absolute_url(self) -> str:
        return f"/w/{self.slug}/"


class Membership(Row):
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role, default=Role.MEMBER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user_id} is {self.role} of {self.workspace_id}"


class Invitation(Row):
    """Somebody asked to join, by address; single use, stored as a digest."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=8, choices=Role, default=Role.MEMBER)
    digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                "workspace",
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="invitation_open_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.workspace_id}"


class AuditEntry(models.Model):
    """Who did what, when. Ids only: no names, no titles, no content. Never changed."""

    at = models.DateTimeField(auto_now_add=True)
    workspace_id = models.UUIDField(null=True)
    actor_id = models.UUIDField(null=True)
    action = models.CharField(max_length=60)
    target_type = models.CharField(max_length=40, blank=True)
    target_id = models.UUIDField(null=True)
    details = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["workspace_id", "-at"], name="audit_by_workspace")]

    def __str__(self) -> str:
        return f"{self.action} {self.target_id}"
