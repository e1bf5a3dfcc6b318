"""A conversation as people read it: one path through its tree of questions, with the ways that branch off."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db.models import prefetch_related_objects

from apps.conversations.answer_display import AnswerView, answer_views
from apps.conversations.models import Answer, Conversation, Question


@dataclass(frozen=True)
class Turn:
    """A question, the answer that is shown, and where one could go instead."""

    question: Question
    answer: Answer
    view: AnswerView
    siblings: list[uuid.UUID]
    """Ids of the questions asked at this place, oldest first; `question` is among them."""
    answers: list[uuid.UUID]
    """Ids of this question's answers, oldest first; more than one after a retry."""

    @property
    def sibling_index(self) -> int:
        """1-based place of this question among its siblings."""
        return self.siblings.index(self.question.pk) + 1

    @property
    def sibling_before(self) -> uuid.UUID | None:
        index = self.siblings.index(self.question.pk)
        return self.siblings[index - 1] if index else None

    @property
    def sibling_after(self) -> uuid.UUID | None:
        index = self.siblings.index(self.question.pk)
        return self.siblings[index + 1] if index + 1 < len(self.siblings) else None

    @property
    def answer_index(self) -> int:
        return self.answers.index(self.answer.pk) + 1


def thread(conversation: Conversation, tip: Answer | None = None) -> list[Turn]:
    """The turns from the first question to `tip`, by default to the newest answer. Six queries, however many turns
    and citations.

    A tip of another conversation is taken for none.
    """
    questions = list(Question.objects.filter(conversation=conversation))
    answers = list(Answer.objects.filter(question__conversation=conversation).defer("raw"))
    question_by_id = {question.pk: question for question in questions}
    answer_by_id = {answer.pk: answer for answer in answers}
    for question in questions:
        question.conversation = conversation
    for answer in answers:
        answer.question = question_by_id[answer.question_id]
    chosen = answer_by_id.get(tip.pk) if tip is not None else None
    chosen = chosen or (max(answers, key=lambda answer: (answer.created_at, answer.pk)) if answers else None)
    path: list[Answer] = []
    while chosen is not None:
        path.insert(0, chosen)
        parent_id = chosen.question.parent_answer_id
        chosen = answer_by_id.get(parent_id) if parent_id else None
    prefetch_related_objects(path, "evidence", "mentions", "passes")
    return [
        Turn(
            question=answer.question,
            answer=answer,
            view=view,
            siblings=[
                other.pk for other in questions if other.parent_answer_id == answer.question.parent_answer_id
            ],
            answers=[other.pk for other in answers if other.question_id == answer.question_id],
        )
        for answer, view in zip(path, answer_views(path), strict=True)
    ]


def turn_of(answer: Answer) -> Turn:
    """One answer as its turn, for the fragment that replaces it."""
    return thread(answer.question.conversation, answer)[-1]
