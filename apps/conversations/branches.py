"""Finding one's way in a conversation's tree: questions follow answers, siblings are other wordings."""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

from django.http import Http404

from apps.accounts.models import User
from apps.conversations.models import Answer, Conversation, Question
from apps.library.models import Corpus
from apps.workspaces.access import as_uuid


def question_in(conversation: Conversation, question_id: object) -> Question:
    """A question of this very conversation; Http404 otherwise."""
    identity = as_uuid(question_id)
    question = identity and Question.objects.filter(conversation=conversation, pk=identity).first()
    if not question:
        raise Http404
    return question


def begun_with(user: User, corpus: Corpus, key: str | None) -> Conversation | None:
    """The conversation that a first question sent twice has begun already, by the key of its form."""
    if not key:
        return None
    return (
        Conversation.objects.select_related("corpus")
        .filter(owner=user, corpus=corpus, questions__idempotency_key=key, questions__parent_answer=None)
        .first()
    )


def newest_tip(conversation: Conversation, under: Question | None = None) -> Answer | None:
    """The answer at the end of the branch that was written to last, below one question or in the whole tree.

    Two queries, however deep the tree is.
    """
    answers = list(
        Answer.objects.filter(question__conversation=conversation)
        .select_related("question")
        .defer("raw", "manifest", "not_sent")
        .order_by("created_at", "id")
    )
    if under is None:
        return answers[-1] if answers else None
    by_question: dict[UUID, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_question[answer.question_id].append(answer)
    follow_ups: dict[UUID | None, list[UUID]] = defaultdict(list)
    for question in Question.objects.filter(conversation=conversation).order_by("created_at", "id"):
        follow_ups[question.parent_answer_id].append(question.pk)
    tip: Answer | None = None
    at: UUID | None = under.pk
    while at is not None and by_question[at]:
        tip = by_question[at][-1]
        following = follow_ups[tip.pk]
        at = following[-1] if following else None
    return tip
