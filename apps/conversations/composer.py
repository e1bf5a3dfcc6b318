"""What the question box is drawn from."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from django.urls import reverse

from apps.accounts.models import User
from apps.connections.services import EndpointState, usable_endpoints_for
from apps.conversations.models import Answer, Conversation, Question
from apps.conversations.plan_line import PlanLine, host_name
from apps.conversations.services import LONGEST_QUESTION
from apps.library.models import Corpus, CorpusEntry
from apps.llm.catalogue import is_quote_finder
from apps.llm.names import family_name

CONVERSATIONS_LISTED = 100
SUGGESTIONS = (
    "What are these documents about? Five sentences.",
    "List every date and deadline, with what is due.",
    "Where do these documents contradict each other?",
)


@dataclass(frozen=True)
class ModelOption:
    """value: a family or an endpoint's id."""

    value: str
    name: str


@dataclass(frozen=True)
class Composer:
    """The question box. tip: the answer a question follows. rewriting: the question being edited or asked again.

    key: names this box's question once, so that a form sent twice asks once.
    """

    corpus: Corpus
    conversation: Conversation | None
    tip: Answer | None
    rewriting: Question | None
    text: str
    model: str
    reading: str
    key: str
    models: tuple[ModelOption, ...]
    can_ask: bool
    is_demo: bool
    has_documents: bool
    running: Answer | None
    line: PlanLine | None = None
    refusal: str = ""

    @property
    def longest_text(self) -> int:
        return LONGEST_QUESTION

    @property
    def parent_id(self) -> uuid.UUID | None:
        if self.rewriting is not None:
            return self.rewriting.parent_answer_id
        return self.tip.pk if self.tip else None

    @property
    def plan_url(self) -> str:
        return reverse("conversations:plan", args=[self.corpus.workspace.slug, self.corpus.pk])

    @property
    def ask_url(self) -> str:
        slug = self.corpus.workspace.slug
        if self.conversation is None:
            return reverse("conversations:ask-first", args=[slug, self.corpus.pk])
        return reverse("conversations:ask", args=[slug, self.conversation.pk])


def composer_for(
    user: User,
    corpus: Corpus,
    *,
    conversation: Conversation | None = None,
    tip: Answer | None = None,
    rewriting: Question | None = None,
    text: str = "",
    model: str = "",
    reading: str = "",
    line: PlanLine | None = None,
    refusal: str = "",
) -> Composer:
    """The box under a conversation's tip, or for a new conversation. Two queries.

    Asking needs the member role, and a conversation of one's own.
    """
    states = usable_endpoints_for(corpus.workspace)
    followed = rewriting or (tip.question if tip else None)
    return Composer(
        corpus=corpus,
        conversation=conversation,
        tip=tip,
        rewriting=rewriting,
        text=text or (rewriting.text if rewriting else ""),
        model=model or (followed.model_choice if followed else "auto"),
        reading=reading or (followed.reading_choice if followed else "auto"),
        key=uuid.uuid4().hex,
        models=model_options(states),
        can_ask=corpus.workspace.can_contribute
        and (conversation is None or conversation.owner_id == user.pk),
        is_demo=bool(states) and all(is_quote_finder(state.endpoint) for state in states),
        has_documents=CorpusEntry.objects.filter(
            corpus=corpus, removed_at=None, document__deleted_at=None
        ).exists(),
        running=tip if tip is not None and tip.is_running and rewriting is None else None,
        line=line,
        refusal=refusal,
    )


def model_options(states: Sequence[EndpointState]) -> tuple[ModelOption, ...]:
    """Auto, each connected family, and its hosts where there are several to choose from."""
    options = [ModelOption("auto", "Auto")]
    by_family = sorted(states, key=lambda state: state.endpoint.family)
    for family, group in groupby(by_family, key=lambda state: state.endpoint.family):
        hosts = list(group)
        options.append(ModelOption(family, family_name(family)))
        if len(hosts) > 1:
            options += [
                ModelOption(state.endpoint.id, f"{family_name(family)} at {host_name(state)}")
                for state in hosts
            ]
    return tuple(options) if len(options) > 2 else ()


def conversations_of(user: User, corpus: Corpus) -> list[Conversation]:
    """The conversations about a corpus that this person may open, the latest first. One query."""
    return list(
        Conversation.objects.readable_by(user)
        .filter(corpus=corpus)
        .select_related("owner")
        .order_by("-touched_at", "id")[:CONVERSATIONS_LISTED]
    )
