"""How fast one person may ask: so many questions a minute, so many answers under way."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Min, Q
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
    is_recent = Q(created_at__gt=now - MINUTE)
    own = Answer.objects.filter(is_running | is_recent, question__asked_by=actor)
    found = own.aggregate(
        running=Count("pk", filter=is_running),
        recent=Count("pk", filter=is_recent),
        first_at=Min("created_at", filter=is_recent),
    )
    if found["running"] >= settings.CONCURRENT_ANSWERS_PER_MEMBER:
        raise Refused(
            "too_many_answers",
            f"{found['running']} of your answers are still being written. Wait for one, or stop one.",
            status=429,
        )
    if found["recent"] >= settings.ASKS_PER_MEMBER_PER_MINUTE:
        seconds = max(1, round((found["first_at"] + MINUTE - now).total_seconds()))
        raise Refused(
            "asking_too_fast",
            f"You asked {found['recent']} questions within a minute. Ask again in {seconds} s.",
            status=429,
            details={"retry_after_seconds": seconds},
        )


def hold_pace(actor: User, workspace: Workspace) -> None:
    """The same, decided: inside the transaction that stores the question, one question of a person at a time.

    The person's row is locked before the workspace's, here and everywhere.
    """
    lock_row(User, actor.pk)
    check_pace(actor, workspace)
