"""An answer as people see it: blocks with chips, evidence, verdict sums, foot. One rendering for live, finished,
reloaded and exported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import cast

from django.template.loader import render_to_string
from django.urls import reverse

from apps.conversations.evidence import evidence_of
from apps.conversations.models import Answer, Evidence, ReadingPass, Verdict
from apps.conversations.outcome import QUOTES_FAMILY, mentions_of, page_verdicts, range_verdict
from apps.conversations.rendering import Chip, render_blocks
from apps.conversations.verification import Verdict as VerdictWord
from apps.library.models import Page

LONGEST_SHORT_NAME = 18


class AnswerChips:
    """Citations of one answer, built from its manifest, its evidence and the pages' printed labels."""

    def __init__(self, answer: Answer, workspace_slug: str) -> None:
        self._answer = answer
        self._slug = workspace_slug
        self._names = {entry["ordinal"]: short_name(entry["name"]) for entry in answer.manifest}
        self._revisions = {entry["ordinal"]: entry["revision_id"] for entry in answer.manifest}
        self._labels: dict[tuple[int, int], str] = {}
        self._evidence: list[Evidence] = []
        self._verdicts: dict[tuple[int, int], str] = {}

    def add_evidence(self, *rows: Evidence) -> None:
        self._evidence.extend(rows)
        self._verdicts = page_verdicts(self._evidence)

    def prepare(self, ordinal: int, number: int) -> None:
        """Fetch a page's label, so that `chip` needs no query."""
        if (ordinal, number) not in self._labels:
            found = Page.objects.filter(revision_id=self._revisions[ordinal], number=number)
            self._labels[ordinal, number] = found.values_list("label", flat=True).first() or str(number)

    def prepare_all(self, places: Iterable[tuple[int, int]]) -> None:
        """`prepare` for many pages in one query."""
        wanted = {(self._revisions[ordinal], number): (ordinal, number) for ordinal, number in places}
        rows = Page.objects.filter(
            revision_id__in={revision for revision, _ in wanted}, number__in={number for _, number in wanted}
        ).values_list("revision_id", "number", "label")
        for revision_id, number, label in rows:
            if place := wanted.get((str(revision_id), number)):
                self._labels[place] = label

    def verdict(self, ordinal: int, first: int, last: int) -> str:
        return range_verdict(self._verdicts, ordinal, first, last)

    def chip(self, ordinal: int, first: int, last: int, offset: int) -> Chip | None:
        """The chip of a marker, None for one that names no document that was sent. Makes no query."""
        name = self._names.get(ordinal)
        if name is None:
            return None
        label = self._labels.get((ordinal, first), str(first))
        pages = (
            f"p.\u00a0{label}"
            if first == last
            else f"p.\u00a0{label}–{self._labels.get((ordinal, last), last)}"
        )
        quotes = [row.quote for row in evidence_of(self._evidence, ordinal, first, last)]
        verdict = Verdict(self.verdict(ordinal, first, last))
        return Chip(
            href=reverse("conversations:cite", args=[self._slug, self._answer.pk, ordinal, first]),
            # Where only one document was sent, its name on every chip says nothing.
            label=f"{name} {pages}" if len(self._names) > 1 else pages,
            verdict=cast(VerdictWord, verdict.value),
            title=": ".join(
                [verdict.label, *([" · ".join(f"“{quote}”" for quote in quotes[:3])] if quotes else [])]
            ),
        )


def short_name(name: str) -> str:
    """A document's name as a chip has room for it: without extension, cut at a word where there is one."""
    stem = PurePath(name).stem or name
    if len(stem) <= LONGEST_SHORT_NAME:
        return stem
    cut = stem[:LONGEST_SHORT_NAME]
    word = cut.rpartition(" ")[0]
    return f"{word if len(word) > LONGEST_SHORT_NAME // 2 else cut.rstrip()}…"


def answer_chips(answer: Answer) -> AnswerChips:
    """Chips of a stored answer with all its evidence and labels. Three queries without prefetching."""
    chips = AnswerChips(answer, answer.question.conversation.workspace.slug)
    chips.add_evidence(*answer.evidence.all())
    # A running answer has no rows of mentions yet.
    mentions = mentions_of(answer, answer.text) if answer.is_running else answer.mentions.all()
    places = {(row.ordinal, number) for row in mentions for number in (row.first, row.last)}
    if places:
        chips.prepare_all(places)
    return chips


def answer_blocks(answer: Answer) -> list[str]:
    """The stored text as HTML blocks; the same bytes that were streamed."""
    if not answer.text:
        return []
    return [block.html for block in render_blocks(answer.text, answer_chips(answer).chip)]


def evidence_html(row: Evidence, workspace_slug: str = "") -> str:
    """One line of the evidence fold."""
    slug = workspace_slug or row.answer.question.conversation.workspace.slug
    return render_to_string(
        "conversations/_evidence.html", {"evidence": row, "workspace_slug": slug, "answer_id": row.answer_id}
    )


@dataclass(frozen=True)
class AnswerView:
    """An answer ready for a template."""

    answer: Answer
    blocks: list[str]
    evidence: list[Evidence]
    evidence_items: list[str]
    verdict_sums: list[tuple[str, str, int]] = field(default_factory=list)
    """(verdict, its word, how many), worst last; only those that occur."""
    passes: list[ReadingPass] = field(default_factory=list)

    @property
    def quotes(self) -> int:
        return len(self.evidence)

    @property
    def seconds(self) -> float | None:
        if self.answer.ended_at is None:
            return None
        return (self.answer.ended_at - self.answer.queued_at).total_seconds()

    @property
    def is_demo(self) -> bool:
        """Answered by the built-in quote finder, which is not a language model."""
        return bool(self.answer.plan.get("model") == QUOTES_FAMILY)


def answer_view(answer: Answer) -> AnswerView:
    """Three queries for an answer whose evidence, mentions and passes are prefetched, plus one for labels."""
    rows = list(answer.evidence.all())
    counts = Counter(row.verdict for row in rows)
    return AnswerView(
        answer=answer,
        blocks=answer_blocks(answer),
        evidence=rows,
        evidence_items=[evidence_html(row, answer.question.conversation.workspace.slug) for row in rows],
        verdict_sums=[
            (verdict.value, verdict.label, counts[verdict]) for verdict in Verdict if counts[verdict]
        ],
        passes=list(answer.passes.all()),
    )
