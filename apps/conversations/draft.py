"""An answer as far as it is written: what the model wrote, the text, and what makes one of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from apps.conversations.answer_display import AnswerChips, evidence_html
from apps.conversations.citations import AnswerParser, MarkerSeen, TextDelta
from apps.conversations.evidence import MOST_EVIDENCE, EvidenceChecker
from apps.conversations.marker_grammar import EvidenceLine, canonical_marker
from apps.conversations.models import Answer, Evidence
from apps.conversations.rendering import BlockRenderer
from apps.conversations.source_lines import source_lines

StreamItem = tuple[str, dict[str, Any]]
"""Name and data of an event, as the stream takes it."""


class Draft:
    """Parser, chips and renderer of one answer, with the raw and the text that went through them."""

    def __init__(self, answer: Answer, workspace_slug: str) -> None:
        self.answer = answer
        self.workspace_slug = workspace_slug
        self.checker = EvidenceChecker(answer)
        self.parser = AnswerParser(self.checker.pages.sent, source_lines(answer.manifest))
        self.chips = AnswerChips(answer, workspace_slug)
        self.renderer = BlockRenderer(self.chips.chip)
        self.raw: list[str] = []
        self.text: list[str] = []
        self.evidence_count = 0

    def take_lines(self, lines: Sequence[EvidenceLine]) -> list[EvidenceLine]:
        """The lines of the evidence block that become evidence, counted; a remark does not, nor one too many."""
        quotes = [line for line in lines if line.ordinal is not None or line.quote]
        taken = quotes[: MOST_EVIDENCE - self.evidence_count]
        self.evidence_count += len(taken)
        return taken

    def begin_with(self, raw: str, evidence: Sequence[Evidence]) -> list[StreamItem]:
        """Take over what an answer before this one wrote; the same at each call on a new draft. Two queries.

        evidence: its rows by position, checked already. A last line that was cut is left out: its rest is to come.
        Gives what the stream must hold, from its beginning, before anything new.
        """
        events = self.parser.feed(raw)
        mentions = [event for event in events if isinstance(event, MarkerSeen) and event.known]
        self.take_lines([event for event in events if isinstance(event, EvidenceLine)])
        rows = evidence[: self.evidence_count]
        text = "".join(event.text for event in events if isinstance(event, TextDelta))
        self.raw, self.text = [raw], [text]
        self.chips.add_evidence(*rows)
        self.chips.prepare_all(
            {(event.ordinal, page) for event in mentions for page in (event.first, event.last)}
        )
        return [
            *(("evidence", self.evidence_data(row)) for row in rows),
            *([("delta", {"offset": 0, "text": text})] if text else []),
            *(("mention", self.mention_data(event)) for event in mentions),
            *(("block", asdict(block)) for block in self.renderer.feed(text)),
        ]

    def evidence_data(self, row: Evidence) -> dict[str, Any]:
        """The data of an `evidence` event."""
        return {
            "position": row.position,
            "marker": row.marker,
            "marker_given": row.marker_given,
            "label": row.label,
            "quote": row.quote,
            "verdict": row.verdict,
            "html": evidence_html(row, self.workspace_slug),
        }

    def mention_data(self, event: MarkerSeen) -> dict[str, Any]:
        """The data of a `mention` event."""
        return {
            "marker": canonical_marker(event.ordinal, event.first, event.last),
            "offset": event.offset,
            "verdict": self.chips.verdict(event.ordinal, event.first, event.last),
        }
