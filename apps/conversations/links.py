"""Addresses of conversations for rooms below this one, which know only ids."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.urls import reverse

from apps.accounts.models import User
from apps.conversations.models import Conversation


def conversation_links(user: User, conversation_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Where this person may read which of these conversations; the others are left out. One query."""
    readable = Conversation.objects.readable_by(user).filter(
        pk__in=list(conversation_ids),
        workspace__memberships__user=user,
        corpus__deleted_at=None,
    )
    return {
        pk: reverse("conversations:detail", args=[slug, pk])
        for pk, slug in readable.values_list("pk", "workspace__slug")
    }
