"""All that is known of one document, as its page shows it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from django.conf import settings
from django.urls import reverse

from apps.library.facts import (
    Attachment,
    attachments,
    flag_heading,
    how_it_was_read,
    kind_words,
    remarks,
    told_flags,
)
from apps.library.figures import figure_owner, figure_rows
from apps.library.models import Document, Page, PageImage, Revision
from apps.library.readings import estimate
from apps.library.states import DocumentState
from apps.library.viewer import DRAWN_KINDS
from apps.workspaces.models import Workspace

SHOWN_PAGES = 100
"""Thumbnails at a time: a strip of thousands would be megabytes of pictures."""
SHOWN_RUNS = 40
"""Links to runs of pages with one thing in common; what is left out is counted."""

SHOWN_FIGURES, SHOWN_PLACES = 24, 500
_CHOICE_WORDS = {
    "scans": "Pages without text",
    "all": "Every page, whatever text it has",
    "never": "No page: go back to the text layers alone",
}
_SHARE = re.compile(r"\d+ % of")


class Run(NamedTuple):
    """Pages in a row. Numbers are 1-based positions, labels what is printed on them."""

    first: int
    last: int
    first_label: str
    last_label: str


@dataclass(frozen=True)
class PageGroup:
    """Pages with one thing in common. runs: the first SHOWN_RUNS; more: pages in the runs left out."""

    words: str
    pages: int
    runs: tuple[Run, ...]
    more: int


@dataclass(frozen=True)
class Reading:
    """One revision as a line of the history."""

    revision: Revision
    words: str
    role: str
    """current, next or earlier."""

    @property
    def mark(self) -> str:
        status = Revision.Status(self.revision.status)
        if status == Revision.Status.READY:
            return "in use" if self.role == "current" else ""
        # Nobody works on an earlier one any more.
        return "Stopped" if self.role == "earlier" and self.revision.is_running else str(status.label)


@dataclass(frozen=True)
class ReadAgainChoice:
    """What reading again may do. pages: those whose text is recognised; seconds: about how long that takes."""

    value: str
    words: str
    pages: int
    seconds: int
    is_possible: bool
    is_chosen: bool


@dataclass(frozen=True)
class ShownFigure:
    """A kept figure, at the first place where it stands. places: how often it stands anywhere in the document."""

    image: PageImage
    places: int


class _Special(NamedTuple):
    number: int
    label: str
    state: str
    reason: str
    source: str
    flags: list[str]


@dataclass(frozen=True)
class DocumentAbout:
    """One document for its page.

    Queries: special pages, shown pages, figures, readings, who brought it, and for those who may read it again what
    that takes. Their number does not grow with the document.
    """

    workspace: Workspace
    document: Document
    revision: Revision
    first_shown: int = 1
    """A number of the hundred pages that are shown."""
    at: int = 1
    """The page that the viewer showed before."""

    @cached_property
    def state(self) -> DocumentState:
        return DocumentState(self.revision, self.document.next_revision)

    @property
    def kind(self) -> str:
        return kind_words(self.revision)

    @property
    def title(self) -> str:
        return str(self.revision.facts.get("title") or "")

    @property
    def author(self) -> str:
        return str(self.revision.facts.get("author") or "")

    @property
    def remarks(self) -> list[str]:
        return remarks(self.revision)

    @property
    def attachments(self) -> list[Attachment]:
        return attachments(self.revision)

    @cached_property
    def readings(self) -> list[Reading]:
        """Newest first."""
        roles = {self.document.current_revision_id: "current", self.document.next_revision_id: "next"}
        return [
            Reading(revision, how_it_was_read(revision), roles.get(revision.pk, "earlier"))
            for revision in self.document.revisions.order_by("-created_at", "-id")
        ]

    @property
    def may_read_again(self) -> bool:
        """By recognition, which takes pictures of pages."""
        return self.state.is_usable and not self.state.is_running and self.document.kind in DRAWN_KINDS

    @property
    def is_recognition_off(self) -> bool:
        return not settings.RECOGNISE_SCANS

    @cached_property
    def choices(self) -> list[ReadAgainChoice]:
        """What reading again may do, with what it takes; the first that would change something is chosen."""
        found: list[ReadAgainChoice] = []
        for value, words in _CHOICE_WORDS.items():
            takes = estimate(self.document, value)
            is_possible = (
                self.revision.base_id is not None
                if value == "never"
                else takes.pages > 0 and not self.is_recognition_off
            )
            is_chosen = is_possible and not any(one.is_chosen for one in found)
            found.append(ReadAgainChoice(value, words, takes.pages, takes.seconds, is_possible, is_chosen))
        return found

    # Pages ---------------------------------------------------------------------------------------

    @cached_property
    def _special(self) -> list[_Special]:
        """Pages of which something is to be said, by number."""
        pages = Page.objects.filter(revision=self.revision).exclude(
            state=Page.State.READ, source=Page.Source.TEXT_LAYER, flags=[]
        )
        rows = pages.order_by("number").values_list("number", "label", "state", "reason", "source", "flags")
        return [_Special(*row) for row in rows.iterator(chunk_size=2000)]

    @cached_property
    def not_read(self) -> list[PageGroup]:
        """Pages that are not read, by reason."""
        by_reason: dict[str, list[_Special]] = {}
        for page in self._special:
            if page.state != Page.State.READ:
                words = page.reason or str(Page.State(page.state).label)
                # The share differs from scan to scan; the reason does not.
                by_reason.setdefault(_SHARE.sub("most of", words), []).append(page)
        return [_group(words, pages) for words, pages in by_reason.items()]

    @cached_property
    def pages_without_text(self) -> int:
        return sum(page.state == Page.State.NO_TEXT for page in self._special)

    @cached_property
    def notes(self) -> list[PageGroup]:
        """What is to be said of pages that are read, by what it is."""
        by_words: dict[str, list[_Special]] = {}
        for page in self._special:
            if page.state == Page.State.READ and page.source != Page.Source.TEXT_LAYER:
                by_words.setdefault("Text by recognition", []).append(page)
            for flag in told_flags(page.flags):
                by_words.setdefault(flag_heading(flag), []).append(page)
        return [_group(words, pages) for words, pages in by_words.items()]

    @cached_property
    def first_number(self) -> int:
        """Where the strip of thumbnails begins, 1-based."""
        number = min(max(self.first_shown, 1), max(self.revision.page_count, 1))
        return number - (number - 1) % SHOWN_PAGES

    @property
    def last_number(self) -> int:
        return min(self.first_number + SHOWN_PAGES - 1, self.revision.page_count)

    @cached_property
    def shown_pages(self) -> list[Page]:
        return list(
            Page.objects.filter(
                revision=self.revision, number__gte=self.first_number, number__lte=self.last_number
            ).only("number", "label", "state", "width", "height", "revision_id")
        )

    @property
    def previous_first(self) -> int | None:
        return self.first_number - SHOWN_PAGES if self.first_number > 1 else None

    @property
    def next_first(self) -> int | None:
        return self.last_number + 1 if self.last_number < self.revision.page_count else None

    @property
    def has_pictures(self) -> bool:
        return self.document.kind in DRAWN_KINDS and self.revision.page_count > 0

    @property
    def has_lines(self) -> bool:
        return self.document.kind not in DRAWN_KINDS and self.revision.page_count > 0

    # Figures -------------------------------------------------------------------------------------

    @cached_property
    def figures(self) -> list[ShownFigure]:
        """The first SHOWN_FIGURES that were kept, each once, by page. One query of at most SHOWN_PLACES rows."""
        first: dict[str, PageImage] = {}
        places: Counter[str] = Counter()
        for image in figure_rows(self.revision)[:SHOWN_PLACES]:
            first.setdefault(image.digest, image)
            places[image.digest] += 1
        kept = [image for image in first.values() if image.storage_name]
        return [ShownFigure(image, places[image.digest]) for image in kept[:SHOWN_FIGURES]]

    @property
    def figures_words(self) -> str:
        """How many figures were kept of how many, and what became of the others; empty when there is none."""
        owner = figure_owner(self.revision)
        if owner.status == Revision.Status.READY and owner.figures_at is None:
            return "Looking for figures …"
        counted = owner.facts.get("figures") or {}
        kept, places = counted.get("kept", 0), counted.get("places", 0)
        not_searched = len(counted.get("pages_not_searched") or ())
        if not kept and not not_searched:
            return ""
        sentences = [f"{_count(kept, 'figure')} kept, at {_count(places, 'place')}."]
        if len(self.figures) < kept:
            sentences.append(f"The first {len(self.figures)} are shown.")
        if dropped := sum((counted.get("dropped") or {}).values()):
            sentences.append(f"{_count(dropped, 'decoration')} left out.")
        if failed := counted.get("failed", 0):
            sentences.append(f"{_count(failed, 'picture')} could not be drawn.")
        if not_searched:
            sentences.append(f"{_count(not_searched, 'page')} could not be looked through.")
        return " ".join(sentences)

    # Addresses -----------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return reverse("library:document-about", args=[self.workspace.slug, self.document.pk])


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def read_number(value: str | None) -> int:
    """A page's number out of an address; nonsense is the first page."""
    is_number = value is not None and value.isascii() and value.isdigit() and len(value) <= 9
    return int(value) if is_number and value else 1


def _group(words: str, pages: Sequence[_Special]) -> PageGroup:
    runs = list(_runs(pages))
    more = sum(run.last - run.first + 1 for run in runs[SHOWN_RUNS:])
    return PageGroup(words, len(pages), tuple(runs[:SHOWN_RUNS]), more)


def _runs(pages: Iterable[_Special]) -> Iterable[Run]:
    """Pages in growing order as runs."""
    first = last = None
    for page in pages:
        if first is not None and last is not None and page.number != last.number + 1:
            yield Run(first.number, last.number, first.label, last.label)
            first = None
        first, last = first or page, page
    if first is not None and last is not None:
        yield Run(first.number, last.number, first.label, last.label)
