"""What was sent, what was not and why, page by page. “Sent and counted”, never “understood”."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from apps.common.amounts import amount_text
from apps.conversations.covered_repositories import CoveredRepository, covered_repositories
from apps.conversations.marker_grammar import SentPages
from apps.conversations.models import Answer, ReadingPass
from apps.conversations.plans import ranges
from apps.library.facts import flag_heading
from apps.library.figures import figures_of
from apps.library.models import Page
from apps.usage.models import LedgerEntry


@dataclass(frozen=True, slots=True)
class PageRun:
    """Consecutive pages (1-based, inclusive) of one state: cited, sent, or left_out; reason: why they were left out."""

    first: int
    last: int
    state: str
    reason: str = ""

    @property
    def pages(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class CoveredDocument:
    """runs: its selected pages, ascending."""

    ordinal: int
    document_id: str
    name: str
    runs: list[PageRun] = field(default_factory=list)
    reason: str = ""
    """Why no page of it was sent, for a document that was not ready."""

    def count(self, state: str) -> int:
        return sum(run.pages for run in self.runs if run.state == state)

    @property
    def cited(self) -> int:
        return self.count("cited")

    @property
    def left_out(self) -> int:
        return self.count("left_out")

    @property
    def sent(self) -> int:
        return self.count("sent") + self.cited


@dataclass(frozen=True)
class ImagesLeftOut:
    """Figures on pages of one document whose text was sent. images: places, tokens: of each different one once."""

    ordinal: int
    document_id: str
    name: str
    images: int
    tokens: int
    pages: list[tuple[int, int]]
    """(first, last), 1-based and inclusive, ascending."""


@dataclass(frozen=True)
class FlaggedPages:
    """Pages of one document that were sent and that a reader should look at. flag: hidden_text or instructions."""

    ordinal: int
    document_id: str
    name: str
    flag: str
    pages: list[tuple[int, int]]
    """(first, last), 1-based and inclusive, ascending."""

    @property
    def heading(self) -> str:
        return flag_heading(self.flag)


@dataclass(frozen=True)
class Coverage:
    pages_selected: int
    pages_sent: int
    not_sent: list[dict[str, Any]]
    images_left_out: list[ImagesLeftOut]
    flagged: list[FlaggedPages]
    passes: list[ReadingPass]
    asked: dict[uuid.UUID, list[dict[str, Any]]]
    """The attempts of each pass, in order: [{attempt, endpoint, code, reached_host}]; code: why it failed, or ""."""
    documents: list[CoveredDocument]
    repositories: list[CoveredRepository] = field(default_factory=list)

    @property
    def pages_cited(self) -> int:
        return sum(document.cited for document in self.documents)

    @property
    def pass_rows(self) -> list[tuple[ReadingPass, str]]:
        """Each pass with the endpoints it asked: “first, 5 attempts, then second”."""
        return [(one, _asked_words(self.asked.get(one.pk, []), one)) for one in self.passes]

    def to_json(self) -> dict[str, Any]:
        """As `GET /answers/{id}/coverage` gives it; money as strings."""
        return {
            "pages_selected": self.pages_selected,
            "pages_sent": self.pages_sent,
            "not_sent": self.not_sent,
            "images_left_out": [asdict(images) for images in self.images_left_out],
            "flagged_pages": [asdict(pages) for pages in self.flagged],
            "repositories": [repository.to_json() for repository in self.repositories],
            "passes": [
                {**pass_json(reading_pass), "asked": self.asked.get(reading_pass.pk, [])}
                for reading_pass in self.passes
            ],
        }


def pass_json(reading_pass: ReadingPass) -> dict[str, Any]:
    return {
        "number": reading_pass.number,
        "kind": reading_pass.kind,
        "endpoint": reading_pass.endpoint_id,
        "model_id": reading_pass.model_id,
        "pages": reading_pass.pages,
        "tokens_counted": reading_pass.tokens_counted,
        "tokens_reported": reading_pass.tokens_reported,
        "cached_tokens": reading_pass.cached_tokens,
        "output_tokens": reading_pass.output_tokens,
        "cost_usd": amount_text(reading_pass.cost_usd),
        "status": reading_pass.status,
        "finish_reason": reading_pass.finish_reason,
        "attempts": reading_pass.attempts,
    }


def coverage_counts(answer: Answer) -> tuple[int, int]:
    """(pages selected, pages sent). No query."""
    sent = sum(last - first + 1 for entry in answer.manifest for first, last in entry["ranges"])
    left_out = sum(item["last"] - item["first"] + 1 for item in answer.not_sent if item["first"])
    return sent + left_out, sent


def coverage(answer: Answer, *, with_documents: bool = False) -> Coverage:
    """An answer's sheet from its own manifest, whatever became of the corpus. A query each for passes, attempts, images and
    flags, two for repositories.

    with_documents: also the pages of every document, for the strip (one query more).
    """
    selected, sent = coverage_counts(answer)
    passes = list(answer.passes.all())
    return Coverage(
        pages_selected=selected,
        pages_sent=sent,
        not_sent=answer.not_sent,
        images_left_out=images_left_out(answer),
        flagged=flagged_pages(answer),
        repositories=covered_repositories(answer),
        passes=passes,
        asked=_asked(answer, passes),
        documents=_documents(answer) if with_documents else [],
    )


def _asked_words(asked: list[dict[str, Any]], reading_pass: ReadingPass) -> str:
    tried = [
        (endpoint, len(list(group))) for endpoint, group in groupby(asked, key=lambda one: one["endpoint"])
    ]
    words = [f"{endpoint}, {count} attempts" if count > 1 else endpoint for endpoint, count in tried]
    return ", then ".join(words) or reading_pass.endpoint_id


def _asked(answer: Answer, passes: list[ReadingPass]) -> dict[uuid.UUID, list[dict[str, Any]]]:
    """From the ledger those that reached a host, from the plan those that failed. One query."""
    found: dict[uuid.UUID, dict[int, dict[str, Any]]] = {}
    for one in answer.plan.get("failed_attempts", []):
        # Answers have one pass.
        found.setdefault(passes[0].pk, {})[one["attempt"]] = {**one, "reached_host": False}
    entries = LedgerEntry.objects.filter(answer_id=answer.pk, corrects=None)
    for pass_id, attempt, endpoint_id in entries.values_list("reading_pass_id", "attempt", "endpoint_id"):
        if pass_id is not None:
            code = found.get(pass_id, {}).get(attempt, {}).get("code", "")
            known = {"attempt": attempt, "endpoint": endpoint_id, "code": code, "reached_host": True}
            found.setdefault(pass_id, {})[attempt] = known
    return {key: [attempts[number] for number in sorted(attempts)] for key, attempts in found.items()}


def images_left_out(answer: Answer) -> list[ImagesLeftOut]:
    """Figures on the pages that were sent, by document; models are sent text alone. One query.

    A page without text is not among them: it was not sent, and is listed as that. Figures of deleted documents
    are gone; those that are still looked for are not counted yet.
    """
    found: dict[str, list[tuple[int, str, int]]] = {}
    for document_id, number, digest, tokens in figures_of(
        [entry["revision_id"] for entry in answer.manifest]
    ).values_list("page__revision__document_id", "page__number", "digest", "tokens"):
        found.setdefault(str(document_id), []).append((number, digest, tokens))
    left_out = []
    for entry in sorted(answer.manifest, key=lambda entry: int(entry["ordinal"])):
        sent = SentPages((entry["ordinal"], first, last) for first, last in entry["ranges"])
        on_sent = [
            image for image in found.get(entry["document_id"], ()) if (entry["ordinal"], image[0]) in sent
        ]
        if on_sent:
            left_out.append(
                ImagesLeftOut(
                    ordinal=entry["ordinal"],
                    document_id=entry["document_id"],
                    name=entry["name"],
                    images=len(on_sent),
                    tokens=sum({digest: tokens for _, digest, tokens in on_sent}.values()),
                    pages=list(ranges(sorted({number for number, _, _ in on_sent}))),
                )
            )
    return left_out


TOLD_FLAGS = ("hidden_text", "instructions")
"""What one should know of a page before relying on an answer; other flags are of use in the viewer alone."""


def flagged_pages(answer: Answer) -> list[FlaggedPages]:
    """Pages that were sent with text nobody sees, or that speak to the model; by document and flag. One query."""
    rows = Page.objects.filter(revision_id__in=[entry["revision_id"] for entry in answer.manifest])
    numbers: dict[tuple[str, str], list[int]] = {}
    flags_of = rows.exclude(flags=[]).order_by("number").values_list("revision_id", "number", "flags")
    for revision_id, number, flags in flags_of.iterator(chunk_size=2000):
        for flag in TOLD_FLAGS:
            if flag in flags:
                numbers.setdefault((str(revision_id), flag), []).append(number)
    found = []
    for entry in sorted(answer.manifest, key=lambda entry: int(entry["ordinal"])):
        sent = SentPages((entry["ordinal"], first, last) for first, last in entry["ranges"])
        for flag in TOLD_FLAGS:
            here = [
                number
                for number in numbers.get((entry["revision_id"], flag), ())
                if (entry["ordinal"], number) in sent
            ]
            if here:
                found.append(
                    FlaggedPages(
                        entry["ordinal"], entry["document_id"], entry["name"], flag, list(ranges(here))
                    )
                )
    return found


def _documents(answer: Answer) -> list[CoveredDocument]:
    cited: dict[int, list[tuple[int, int]]] = {}
    for mention in sorted(answer.mentions.all(), key=lambda one: one.first):
        pages = cited.setdefault(mention.ordinal, [])
        # One page is cited again and again; a citation inside another adds nothing.
        if not pages or mention.last > pages[-1][1]:
            pages.append((mention.first, mention.last))
    documents = {
        entry["ordinal"]: CoveredDocument(
            entry["ordinal"],
            entry["document_id"],
            entry["name"],
            list(_sent_runs(entry["ranges"], cited.get(entry["ordinal"], []))),
        )
        for entry in answer.manifest
    }
    for item in answer.not_sent:
        ordinal, reason = item["ordinal"], item["reason"]
        if item["first"] is None:
            documents[ordinal] = CoveredDocument(ordinal, "", item["name"], reason=reason)
            continue
        document = documents.setdefault(ordinal, CoveredDocument(ordinal, "", item["name"]))
        document.runs.append(PageRun(item["first"], item["last"], "left_out", reason))
    for document in documents.values():
        document.runs.sort(key=lambda run: run.first)
    return [documents[ordinal] for ordinal in sorted(documents)]


def _sent_runs(sent: Iterable[Sequence[int]], cited: Sequence[tuple[int, int]]) -> Iterator[PageRun]:
    """Ranges of sent pages, parted where they are cited. Both ascending by first page; cited ones may overlap."""
    waiting = deque(cited)
    for first, last in sent:
        at = first
        while waiting and waiting[0][1] < first:
            waiting.popleft()
        for cited_first, cited_last in waiting:
            if cited_first > last:
                break
            begin, end = max(cited_first, at), min(cited_last, last)
            if begin > end:
                continue
            if begin > at:
                yield PageRun(at, begin - 1, "sent")
            yield PageRun(begin, end, "cited")
            at = end + 1
        if at <= last:
            yield PageRun(at, last, "sent")
