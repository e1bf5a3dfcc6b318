"""An answer as people see it: blocks with chips, evidence, verdict sums, foot. One rendering for live, finished,
reloaded and exported."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from django.db.models import Q
from django.template.loader import get_template
from django.urls import reverse

from apps.conversations.coverage_sheet import CitedLink
from apps.conversations.models import Answer, Evidence, ReadingPass, Verdict
from apps.conversations.naming import page_words, short_name, short_page_words
from apps.conversations.outcome import QUOTES_FAMILY, mentions_of, page_verdicts, range_verdict
from apps.conversations.rendering import Chip, render_blocks
from apps.conversations.selection import sent_pages
from apps.conversations.source_lines import cited_label, joined_label
from apps.conversations.verification import Verdict as VerdictWord
from apps.library.models import Page

REVISIONS_AT_ONCE = 300
"""SQLite nests no expression deeper than 1,000 levels, and each revision is one."""
_GIVEN = re.compile(r"\[\[(\d+):(\d+)")


class AnswerChips:
    """Citations of one answer, built from its manifest, its evidence and the pages' printed labels."""

    def __init__(self, answer: Answer, workspace_slug: str) -> None:
        self.sent = sent_pages(answer.manifest)
        self._names = {entry["ordinal"]: str(entry["name"]) for entry in answer.manifest}
        self._revisions = {entry["ordinal"]: entry["revision_id"] for entry in answer.manifest}
        # Resolved once: an answer may hold hundreds of chips.
        self._cite = reverse("conversations:cite", args=[workspace_slug, answer.pk, 0, 0]).removesuffix(
            "0/0/"
        )
        self.wanted: set[tuple[int, int]] = set()
        """Pages whose labels `fetch_labels` is to find."""
        self._labels: dict[tuple[int, int], str] = {}
        self._evidence: list[Evidence] = []
        self._verdicts: dict[tuple[int, int], str] = {}

    def add_evidence(self, *rows: Evidence) -> None:
        self._evidence.extend(rows)
        self._verdicts = page_verdicts(self._evidence)

    def prepare(self, ordinal: int, number: int) -> None:
        """Fetch a page's label, so that `chip` needs no query."""
        self.prepare_all({(ordinal, number)})

    def prepare_all(self, pages: Iterable[tuple[int, int]]) -> None:
        """`prepare` for many pages in one query."""
        self.wanted = set(pages) - self._labels.keys()
        fetch_labels([self])

    def place(self, ordinal: int, number: int) -> tuple[str, int]:
        """Revision and number of a page."""
        return self._revisions[ordinal], number

    def take_labels(self, labels: Mapping[tuple[str, int], str]) -> None:
        """labels: by (revision, number). A page that has none is called by its number."""
        for page in self.wanted:
            self._labels[page] = labels.get(self.place(*page)) or str(page[1])
        self.wanted.clear()

    def verdict(self, ordinal: int, first: int, last: int) -> str:
        if first == last:
            return self._verdicts.get((ordinal, first), Verdict.PAGE_ONLY)
        return range_verdict(self._verdicts, ordinal, first, last)

    def chip(self, ordinal: int, first: int, last: int, offset: int) -> Chip | None:
        """The chip of a marker, None for one that names no page that was sent. Makes no query."""
        if (ordinal, first) not in self.sent or (ordinal, last) not in self.sent:
            return None
        name, short = self._names[ordinal], short_name(self._names[ordinal])
        labels = self._cited_labels(ordinal, first, last)
        verdict = Verdict(self.verdict(ordinal, first, last))
        # Where only one document was sent, its name on every chip says nothing.
        is_named = len(self._names) > 1
        label = f"{short} {short_page_words(*labels)}" if is_named else short_page_words(*labels)
        spoken = (
            [label, verdict.label] if is_named and not short.endswith("…") else [label, name, verdict.label]
        )
        return Chip(
            href=self.href(ordinal, first),
            label=label,
            verdict=cast(VerdictWord, verdict.value),
            title=f"{name}, {page_words(*labels)}: {verdict.label}",
            name=", ".join(spoken),
        )

    def href(self, ordinal: int, number: int) -> str:
        """The address of a cited page."""
        return f"{self._cite}{ordinal}/{number}/"

    def link(self, ordinal: int, number: int) -> CitedLink:
        return CitedLink(page_words(self._label(ordinal, number)), self.href(ordinal, number))

    def line(self, row: Evidence) -> EvidenceLine:
        """A line of the evidence fold. Makes no query."""
        if row.ordinal is None or row.page_number is None:
            return EvidenceLine(row, source=row.marker_given)
        name = self._names.get(row.ordinal, "")
        return EvidenceLine(
            row,
            source=f"{name}, {page_words(*_own_labels(row))}",
            href=self.href(row.ordinal, row.page_number),
            given=self._given(row) if row.verdict == Verdict.ELSEWHERE else "",
        )

    def _cited_labels(self, ordinal: int, first: int, last: int) -> tuple[str, str]:
        """Of the first and last page; of files, the lines of the first quote from there, else of all slices."""
        labels = self._label(ordinal, first), self._label(ordinal, last)
        for row in self._evidence:
            is_here = (row.ordinal, row.page_number) == (ordinal, first) and row.lines
            if is_here and (first == last or row.continued):
                return _own_labels(row)
        return (joined, "") if first < last and (joined := joined_label(*labels)) else labels

    def _label(self, ordinal: int, number: int) -> str:
        return self._labels.get((ordinal, number)) or str(number)

    def _given(self, row: Evidence) -> str:
        """The place that the answer named where the words stand elsewhere."""
        match = _GIVEN.match(row.marker_given)
        if match is None or int(match[1]) not in self._names:
            return row.marker_given
        ordinal, page = int(match[1]), page_words(self._label(int(match[1]), int(match[2])))
        return page if ordinal == row.ordinal else f"{self._names[ordinal]}, {page}"


def _own_labels(row: Evidence) -> tuple[str, str]:
    """Of the pages on which a quote begins and ends, narrowed down to its lines in a file; one alone where it can."""
    label = row.label or str(row.page_number)
    continued = row.continued or {}
    if (
        row.lines
        and (cited := cited_label(label, row.lines, last=(continued.get("lines") or [0])[-1])) != label
    ):
        return cited, ""
    return label, continued.get("label", "")


@dataclass(frozen=True)
class EvidenceLine:
    """A quote of the evidence fold. source: document and page in words. given: what the answer named instead."""

    row: Evidence
    source: str
    href: str = ""
    given: str = ""


def answer_chips(*answers: Answer) -> list[AnswerChips]:
    """Chips of stored answers with all their evidence and labels.

    Two queries an answer without prefetching, and one for all labels.
    """
    made = []
    for answer in answers:
        chips = AnswerChips(answer, answer.question.conversation.workspace.slug)
        chips.add_evidence(*answer.evidence.all())
        # A running answer has no rows of mentions yet.
        mentions = mentions_of(answer, answer.text) if answer.is_running else answer.mentions.all()
        chips.wanted = {(row.ordinal, number) for row in mentions for number in (row.first, row.last)}
        made.append(chips)
    fetch_labels(made)
    return made


def fetch_labels(made: Sequence[AnswerChips]) -> None:
    """Printed labels of all wanted pages, in one query for `REVISIONS_AT_ONCE` revisions."""
    numbers: dict[str, set[int]] = {}
    for chips in made:
        for revision_id, number in (chips.place(*page) for page in chips.wanted):
            numbers.setdefault(revision_id, set()).add(number)
    revisions = list(numbers)
    labels: dict[tuple[str, int], str] = {}
    for start in range(0, len(revisions), REVISIONS_AT_ONCE):
        some = revisions[start : start + REVISIONS_AT_ONCE]
        pages = Q(*(Q(revision_id=one, number__in=numbers[one]) for one in some), _connector=Q.OR)
        rows = Page.objects.filter(pages).values_list("revision_id", "number", "label")
        labels |= {(str(revision_id), number): label for revision_id, number, label in rows}
    for chips in made:
        chips.take_labels(labels)


def answer_blocks(answer: Answer, chips: AnswerChips | None = None) -> list[str]:
    """The stored text as HTML blocks; the same bytes that were streamed. chips: of the answer, where they are made."""
    if not answer.text:
        return []
    return [block.html for block in render_blocks(answer.text, (chips or answer_chips(answer)[0]).chip)]


def cited_links(answer: Answer) -> dict[int, list[CitedLink]]:
    """The cited pages of an ended answer by document, each once, ascending. Three queries."""
    [chips] = answer_chips(answer)
    pages = sorted({(mention.ordinal, mention.first) for mention in answer.mentions.all()})
    links: dict[int, list[CitedLink]] = {}
    for ordinal, number in pages:
        links.setdefault(ordinal, []).append(chips.link(ordinal, number))
    return links


def evidence_html(row: Evidence, workspace_slug: str = "") -> str:
    """One line of the evidence fold."""
    slug = workspace_slug or row.answer.question.conversation.workspace.slug
    return evidence_items(AnswerChips(row.answer, slug), [row])[0]


def evidence_items(chips: AnswerChips, rows: Iterable[Evidence]) -> list[str]:
    """The lines of the evidence fold, each rendered by the same template."""
    template = get_template("conversations/_evidence.html")
    return [template.render({"line": line, "evidence": line.row}) for line in map(chips.line, rows)]


@dataclass(frozen=True)
class VerdictSum:
    """How many quotes have a verdict. first: the first of them, to look at."""

    verdict: str
    word: str
    count: int
    first: Evidence


@dataclass(frozen=True)
class AnswerView:
    """An answer ready for a template."""

    answer: Answer
    blocks: list[str]
    evidence: list[Evidence]
    evidence_items: list[str]
    verdict_sums: list[VerdictSum] = field(default_factory=list)
    """Only those that occur."""
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


def answer_views(answers: Sequence[Answer]) -> list[AnswerView]:
    """One query for all answers whose evidence, mentions and passes are prefetched."""
    return [_view(answer, chips) for answer, chips in zip(answers, answer_chips(*answers), strict=True)]


def _view(answer: Answer, chips: AnswerChips) -> AnswerView:
    rows = list(answer.evidence.all())
    by_verdict: dict[str, list[Evidence]] = {}
    for row in rows:
        by_verdict.setdefault(row.verdict, []).append(row)
    return AnswerView(
        answer=answer,
        blocks=answer_blocks(answer, chips),
        evidence=rows,
        evidence_items=evidence_items(chips, rows),
        verdict_sums=[
            VerdictSum(verdict.value, verdict.label, len(found), found[0])
            for verdict in Verdict
            if (found := by_verdict.get(verdict))
        ],
        passes=list(answer.passes.all()),
    )
