"""Finding one's way in a conversation's tree: questions follow answers, siblings are other wordings."""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

from django.http import Http404

from apps.conversations.models import Answer, Conversation, Question
from apps.workspaces.access import as_uuid


def question_in(conversation: Conversation, question_id: object) -> Question:
    """A question of this very conversation; Http404 otherwise."""
    question = Question.objects.filter(conversation=conversation, pk=as_uuid(question_id)).first()
    if question is None:
        raise Http404
    return question


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
    for question_id, parent_id in (
        Question.objects.filter(conversation=conversation)
        .order_by("created_at", "id")
        .values_list("pk", "parent_answer_id")
    ):
        follow_ups[parent_id].append(question_id)
    tip: Answer | None = None
    question_id: UUID | None = under.pk
    while question_id is not None and by_question[question_id]:
        tip = by_question[question_id][-1]
        following = follow_ups[tip.pk]
        question_id = following[-1] if following else None
    return tip
