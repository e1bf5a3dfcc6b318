"""How fast one person may ask: so many questions a minute, so many answers under way."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from apps.accounts.models import User
from apps.common.database import lock_row
from apps.common.http import Refused
from apps.conversations.models import Answer
from apps.workspaces.models import Workspace

MINUTE = timedelta(seconds=60)


def check_pace(actor: User, workspace: Workspace) -> None:
    """Raise Refused (429) when the actor asks too fast. One query.

    A look: others may ask between it and a question.
    """
    now = timezone.now()
    is_running = Q(workspace=workspace, status__in=Answer.RUNNING)
    own = Answer.objects.filter(is_running | Q(created_at__gt=now - MINUTE), question__asked_by=actor)
    # Rows that the limits keep few; to have them counted by the database takes an interpreter three times as long.
    rows = list(own.order_by().values_list("workspace_id", "status", "created_at"))
    running = sum(owner == workspace.pk and status in Answer.RUNNING for owner, status, _ in rows)
    recent = [created_at for _, _, created_at in rows if created_at > now - MINUTE]
    if running >= settings.CONCURRENT_ANSWERS_PER_MEMBER:
        raise Refused(
            "too_many_answers",
            f"{running} of your answers are still being written. Wait for one, or stop one.",
            status=429,
        )
    if len(recent) >= settings.ASKS_PER_MEMBER_PER_MINUTE:
        seconds = max(1, round((min(recent) + MINUTE - now).total_seconds()))
        raise Refused(
            "asking_too_fast",
            f"You asked {len(recent)} questions within a minute. Ask again in {seconds} s.",
            status=429,
            details={"retry_after_seconds": seconds},
        )


def hold_pace(actor: User, workspace: Workspace) -> None:
    """The same, decided: inside the transaction that stores the question, one question of a person at a time.

    The person's row is locked before the workspace's, here and everywhere.
    """
    lock_row(User, actor.pk)
    check_pace(actor, workspace)
