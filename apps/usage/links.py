"""Where conversations may be opened, asked of the room above, which registers itself here.

The ledger knows conversations by id alone. Only their own room can say which of them somebody may open, and
rooms import downwards only; without a registration no link is shown.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection

from apps.accounts.models import User

ConversationLinks = Callable[[User, Collection[uuid.UUID]], dict[uuid.UUID, str]]

_resolvers: list[ConversationLinks] = []


def register_conversation_links(resolver: ConversationLinks) -> None:
    """Name the function that gives addresses of those conversations that a person may open."""
    _resolvers[:] = [resolver]


def conversation_links(user: User, conversation_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Addresses by conversation id; what is missing may not be opened, or is gone."""
    return _resolvers[0](user, conversation_ids) if _resolvers and conversation_ids else {}
