"""An answer's stored manifest as a request to its endpoint; pages come from the database as they are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.db import connection
from django.db.models import Q

from apps.conversations.models import Answer, ReadingPass
from apps.conversations.prompt import PackedDocument, PageText, build_messages
from apps.conversations.services import conversation_history
from apps.library.models import Document, Page
from apps.llm.catalogue import load_catalogue
from apps.llm.types import ChatRequest


class EndpointGone(Exception):
    """The catalogue no longer has the endpoint that the plan named."""


def chat_request(answer: Answer, reading_pass: ReadingPass) -> ChatRequest:
    """The call of a one-pass answer: exactly what its plan counted."""
    endpoint = load_catalogue().get(reading_pass.endpoint_id)
    if endpoint is None:
        raise EndpointGone(reading_pass.endpoint_id)
    question = answer.question
    history = conversation_history(question.parent_answer, answer.manifest)
    return ChatRequest(
        endpoint=endpoint,
        messages=build_messages(
            [_document(entry) for entry in answer.manifest],
            history=history.text,
            question=question.text,
            corpus_role=endpoint.corpus_role,
        ),
        input_tokens=reading_pass.tokens_counted,
        max_output_tokens=answer.plan["answer_allowance"],
    )


def _document(entry: dict[str, Any]) -> PackedDocument:
    return PackedDocument(ordinal=entry["ordinal"], name=entry["name"], pages=_pages(entry))


def _pages(entry: dict[str, Any]) -> Callable[[], Iterable[PageText]]:
    """The pages of a manifest entry, read anew at each call, in the thread that asks."""
    inside = Q()
    for first, last in entry["ranges"]:
        inside |= Q(number__gte=first, number__lte=last)
    with_label = entry["kind"] == Document.Kind.REPOSITORY

    def pages() -> Iterator[PageText]:
        rows = (
            Page.objects.filter(inside, revision_id=entry["revision_id"], state=Page.State.READ, tokens__gt=0)
            .order_by("number")
            .values_list("number", "text", "label")
        )
        try:
            for number, text, label in rows.iterator(chunk_size=500):
                yield PageText(number, text, label if with_label else "")
        finally:
            # The gateway's threads come and go; none may keep a connection.
            connection.close()

    return pages
