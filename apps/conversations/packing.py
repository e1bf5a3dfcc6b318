"""An answer's stored manifest as a request to its endpoint; pages come from the database as they are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.db import connection

from apps.conversations.history import conversation_history
from apps.conversations.models import Answer, ReadingPass
from apps.conversations.planning import answer_allowance
from apps.conversations.plans import carried_characters
from apps.conversations.prompt import PackedDocument, PageText, build_messages, go_on_messages
from apps.library.models import Document, Page
from apps.llm.catalogue import Endpoint
from apps.llm.types import ChatRequest


class SourceRemoved(Exception):
    """A document was deleted between asking and sending; its name. Nothing may be answered without its pages."""


def chat_request(answer: Answer, reading_pass: ReadingPass, endpoint: Endpoint) -> ChatRequest:
    """The call of a one-pass answer at an endpoint that its plan named: exactly what the plan counted."""
    question = answer.question
    history = conversation_history(question.parent_answer, answer.manifest)
    messages = build_messages(
        [_document(entry) for entry in answer.manifest],
        history=history.text,
        question=question.text,
        corpus_role=endpoint.corpus_role,
    )
    written = answer.raw[: carried_characters(answer.plan)]
    return ChatRequest(
        endpoint=endpoint,
        messages=(*messages, *go_on_messages(written)) if written else messages,
        input_tokens=reading_pass.tokens_counted,
        max_output_tokens=min(answer_allowance(endpoint), answer.plan["answer_allowance"]),
    )


def _document(entry: dict[str, Any]) -> PackedDocument:
    return PackedDocument(ordinal=entry["ordinal"], name=entry["name"], pages=_pages(entry))


def _pages(entry: dict[str, Any]) -> Callable[[], Iterable[PageText]]:
    """The pages of a manifest entry, read anew at each call, in the thread that asks. Raises SourceRemoved."""
    ranges = entry["ranges"]
    expected = sum(last - first + 1 for first, last in ranges)
    with_label = entry["kind"] in {Document.Kind.REPOSITORY, Document.Kind.TEXT}

    def pages() -> Iterator[PageText]:
        # One span and a walk instead of a condition per range: a scan with blank backs has a thousand ranges.
        rows = (
            Page.objects.filter(
                revision_id=entry["revision_id"], number__gte=ranges[0][0], number__lte=ranges[-1][1]
            )
            .order_by("number")
            .values_list("number", "text", "label")
        )
        sent = 0
        try:
            for number, text, label in _inside(rows.iterator(chunk_size=500), ranges):
                sent += 1
                yield PageText(number, text, label if with_label else "")
        finally:
            # The gateway's threads come and go; none may keep a connection.
            connection.close()
        if sent != expected:
            raise SourceRemoved(entry["name"])

    return pages


def _inside(
    rows: Iterable[tuple[int, str, str]], ranges: Sequence[Sequence[int]]
) -> Iterator[tuple[int, str, str]]:
    """The rows whose number lies in a range; both grow."""
    position = 0
    for row in rows:
        while position < len(ranges) and ranges[position][1] < row[0]:
            position += 1
        if position < len(ranges) and ranges[position][0] <= row[0]:
            yield row
