"""What a reader who comes late is shown: the fold of the events so far, or the row when they are gone."""

from __future__ import annotations

import json
from collections.abc import Iterable

from apps.common.sse import to_json
from apps.conversations.answer_display import answer_blocks, evidence_html
from apps.conversations.models import Answer
from apps.conversations.stream import EVENT_VERSION, Snapshot, StreamEvent


def fold_events(events: Iterable[StreamEvent]) -> tuple[Snapshot, StreamEvent | None]:
    """The snapshot after these events, and their `end` if it is among them. Pure."""
    text: list[str] = []
    blocks: dict[int, str] = {}
    evidence: dict[int, str] = {}
    snapshot, end = Snapshot(), None
    for event in events:
        snapshot.last_id = event.id
        if event.name == "status":
            snapshot.status = event.data
            continue
        data = json.loads(event.data)
        if event.name == "delta":
            text.append(data["text"])
        elif event.name == "block":
            blocks[data["index"]] = data["html"]
        elif event.name == "evidence":
            evidence[data["position"]] = data["html"]
        elif event.name == "end":
            end = event
    snapshot.text = "".join(text)
    snapshot.blocks = [blocks[index] for index in sorted(blocks)]
    snapshot.evidence = [evidence[position] for position in sorted(evidence)]
    return snapshot, end


def is_whole(events: Iterable[StreamEvent]) -> bool:
    """Whether a stream has all of its text and blocks: Redis may have lost its beginning, or a part of it."""
    length, blocks, has_any = 0, 0, False
    for event in events:
        has_any = True
        if event.name == "delta":
            data = json.loads(event.data)
            if data["offset"] != length:
                return False
            length += len(data["text"])
        elif event.name == "block":
            index = json.loads(event.data)["index"]
            if index > blocks:
                return False
            blocks = max(blocks, index + 1)
    return has_any


def snapshot_of_row(answer: Answer) -> Snapshot:
    """The same from the database: final for an ended answer, up to a second old for a running one."""
    return Snapshot(
        text=answer.text,
        blocks=answer_blocks(answer),
        evidence=[evidence_html(item) for item in answer.evidence.all()],
        status=to_json({"v": EVENT_VERSION, **answer.stage}) if answer.stage else "",
    )
