"""How fast one person may ask: so many questions a minute, so many answers under way."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from apps.accounts.models import User
from apps.common.http import Refused
from apps.conversations.models import Answer
from apps.workspaces.models import Workspace

MINUTE = timedelta(seconds=60)


def check_pace(actor: User, workspace: Workspace) -> None:
    """Raise Refused (429) when the actor asks too fast. A look: others may ask between it and a question."""
    now = timezone.now()
    own = Answer.objects.filter(question__asked_by=actor)
    running = own.filter(workspace=workspace, status__in=Answer.RUNNING).count()
    if running >= settings.CONCURRENT_ANSWERS_PER_MEMBER:
        raise Refused(
            "too_many_answers",
            f"{running} of your answers are still being written. Wait for one, or stop one.",
            status=429,
        )
    recent = own.filter(created_at__gt=now - MINUTE).order_by("created_at")
    times = list(recent.values_list("created_at", flat=True)[: settings.ASKS_PER_MEMBER_PER_MINUTE])
    if len(times) >= settings.ASKS_PER_MEMBER_PER_MINUTE:
        seconds = max(1, round((times[0] + MINUTE - now).total_seconds()))
        raise Refused(
            "asking_too_fast",
            f"You asked {len(times)} questions within a minute. Ask again in {seconds} s.",
            status=429,
            details={"retry_after_seconds": seconds},
        )


def hold_pace(actor: User, workspace: Workspace) -> None:
    """The same, decided: inside the transaction that stores the question, one question of a person at a time.

    The person's row is locked before the workspace's, here and everywhere. SQLite has no row locks: its
    transactions are IMMEDIATE and run one after the other.
    """
    User.objects.select_for_update(no_key=True).get(pk=actor.pk)
    check_pace(actor, workspace)
