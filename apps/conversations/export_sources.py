"""The numbered sources of an export: what is cited, under which name and page, and what each quote is worth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from apps.conversations.evidence import evidence_of
from apps.conversations.export_tree import Block, ListBlock, Paragraph, plain
from apps.conversations.models import Answer, Evidence, Verdict
from apps.conversations.naming import page_words
from apps.conversations.rendering import Marker
from apps.conversations.selection import sent_pages
from apps.conversations.source_lines import joined_label, path_of
from apps.library.models import Document, Page


class Place(NamedTuple):
    """Pages of one document of the manifest, both ends included."""

    ordinal: int
    first: int
    last: int


class Sources:
    """Cited places by number, from 1 in the order of reading; a place has one number however often it is cited."""

    def __init__(self, answer: Answer) -> None:
        self._entries: dict[int, dict[str, Any]] = {entry["ordinal"]: entry for entry in answer.manifest}
        self._sent = sent_pages(answer.manifest)
        self._evidence = list(answer.evidence.all())
        self._numbers: dict[Place, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, marker: Marker) -> int | None:
        """The number of a marker's place, a new one at first sight; None when those pages were not sent."""
        place = Place(marker.ordinal, marker.first, marker.last)
        if (place.ordinal, place.first) not in self._sent or (place.ordinal, place.last) not in self._sent:
            return None
        return self._numbers.setdefault(place, len(self._numbers) + 1)

    def blocks(self) -> list[Block]:
        """Each source with its quotes. At most two queries: which documents are still there, and labels."""
        names, labels = self._names(), self._labels()
        blocks: list[Block] = []
        for place, number in self._numbers.items():
            quotes = evidence_of(self._evidence, *place)
            where = f"{names[place.ordinal]}, {_pages(place.first, place.last, labels[place.ordinal])}"
            blocks.append(
                Paragraph((plain(where if quotes else f"{where}: page only, without a quote"),), number)
            )
            if quotes:
                blocks.append(_quotes(_quote_words(row, place) for row in quotes))
        return blocks

    def uncited(self) -> list[Block]:
        """The quotes that belong to no source: the text cites another page, or none."""
        cited = {row.pk for place in self._numbers for row in evidence_of(self._evidence, *place)}
        rows = [row for row in self._evidence if row.pk not in cited]
        if not rows:
            return []
        names = self._names()
        return [_quotes(f"{_quote_words(row)}, {_where(row, names)}" for row in rows)]

    def _names(self) -> dict[int, str]:
        ids = [entry["document_id"] for entry in self._entries.values()]
        kept = Document.objects.filter(pk__in=ids, deleted_at=None).values_list("pk", flat=True)
        there = {str(pk) for pk in kept}
        return {
            ordinal: _name(entry) if entry["document_id"] in there else f"{_name(entry)} (removed since)"
            for ordinal, entry in self._entries.items()
        }

    def _labels(self) -> dict[int, dict[int, str]]:
        """Printed labels of the cited pages, by ordinal and number; of removed ones, those that quotes kept."""
        ordinals = {entry["revision_id"]: ordinal for ordinal, entry in self._entries.items()}
        labels: dict[int, dict[int, str]] = {ordinal: {} for ordinal in self._entries}
        for row in self._evidence:
            if row.ordinal in labels and row.page_number is not None:
                labels[row.ordinal][row.page_number] = row.label
        numbers = {number for place in self._numbers for number in (place.first, place.last)}
        pages = Page.objects.filter(revision_id__in=list(ordinals), number__in=numbers)
        for revision_id, number, label in pages.values_list("revision_id", "number", "label"):
            labels[ordinals[str(revision_id)]][number] = label
        return labels


def _name(entry: dict[str, Any]) -> str:
    """Of a repository with the commit that was read."""
    commit = entry.get("commit", "")
    return f"{entry['name']} at {commit[:12]}" if commit else str(entry["name"])


def _pages(first: int, last: int, labels: dict[int, str]) -> str:
    """“p. 12”, “p. 12–14”; where something else is printed on the page, “p. xii (page 14 of the file)”."""
    start, end = labels.get(first) or str(first), labels.get(last) or str(last)
    words = page_words(start, end).replace("\u00a0", " ")
    if (start, end) == (str(first), str(last)):
        return words
    if path_of(start):
        return joined_label(start, end) or words
    return f"{words} ({f'page {first}' if first == last else f'pages {first}–{last}'} of the file)"


def citation_words(row: Evidence, name: str) -> str:
    """One citation to paste: “quote” (lease.pdf, p. 12)."""
    return f"“{_one_line(row.quote)}” ({_where(row, {row.ordinal or 0: name})})"


def _where(row: Evidence, names: dict[int, str]) -> str:
    if row.ordinal is None or row.page_number is None:
        return row.marker_given
    return f"{names.get(row.ordinal, '')}, {_own_pages(row)}"


def _own_pages(row: Evidence) -> str:
    """The page a quote stands on; both, where its words run over the page's end."""
    labels = {row.page_number or 0: row.label}
    if row.continued:
        labels[row.continued["page"]] = row.continued["label"]
    return _pages(min(labels), max(labels), labels)


def _quotes(items: Iterable[str]) -> ListBlock:
    return ListBlock(tuple((Paragraph((plain(item),)),) for item in items))


def _quote_words(row: Evidence, place: Place | None = None) -> str:
    """The quote, then in brackets its verdict, what differs, and where in the source it stands."""
    words = [_verdict_words(row)]
    if row.is_hidden:
        words.append("with words not visible on the page")
    if row.continued or (place is not None and place.first != place.last):
        words.append(_own_pages(row))
    if row.lines:
        first, last = row.lines[0], ((row.continued or {}).get("lines") or row.lines)[1]
        words.append(f"line {first}" if first == last else f"lines {first}–{last}")
    return f"“{_one_line(row.quote)}” ({', '.join(words)})"


def _verdict_words(row: Evidence) -> str:
    label = str(Verdict(row.verdict).label)
    if row.verdict == Verdict.ELSEWHERE:
        return f"{label}: the answer named {row.marker_given}"
    differences = [_difference_words(one) for one in row.differences if one.get("matters", True)]
    return f"{label}: {'; '.join(differences)}" if differences else label


def _difference_words(difference: dict[str, Any]) -> str:
    quoted, printed = difference.get("quoted", ""), difference.get("printed", "")
    if not quoted:
        return f"“{printed}” of the page is left out"
    return f"“{quoted}” where the page says “{printed}”" if printed else f"“{quoted}” is not on the page"


def _one_line(text: str) -> str:
    return " ".join(text.split())
