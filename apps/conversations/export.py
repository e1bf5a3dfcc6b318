"""An answer to take along: Markdown whose citations are numbers, with the sources listed below."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from apps.conversations.evidence import evidence_of
from apps.conversations.models import Answer, Evidence, Mention, Verdict


@dataclass
class Source:
    """A cited page or range. number: as it stands in the text, from 1."""

    number: int
    ordinal: int
    first: int
    last: int
    label: str
    quotes: list[Evidence] = field(default_factory=list)


def answer_markdown(answer: Answer) -> str:
    """The question, the answer with `[1]` for its citations, and the numbered sources with quotes and verdicts.

    Three queries. Markers that name no sent page stand as they were written.
    """
    mentions = list(answer.mentions.all())
    sources = _sources(mentions, list(answer.evidence.all()))
    names = {entry["ordinal"]: entry["name"] for entry in answer.manifest}
    parts = [
        f"# {_plain(' '.join(answer.question.text.split()))}",
        _numbered(answer.text, mentions, sources).strip(),
    ]
    if answer.error_sentence:
        parts.append(f"*{answer.error_sentence}*")
    if sources:
        parts.append("## Sources")
        parts.append("\n".join(_source_lines(source, names) for source in sources.values()))
    parts.append(_footer(answer))
    return "\n\n".join(part for part in parts if part) + "\n"


def _sources(mentions: Iterable[Mention], evidence: list[Evidence]) -> dict[tuple[int, int, int], Source]:
    """By place, in the order of first mention."""
    sources: dict[tuple[int, int, int], Source] = {}
    for mention in mentions:
        place = (mention.ordinal, mention.first, mention.last)
        if place in sources:
            continue
        quotes = evidence_of(evidence, *place)
        label = quotes[0].label if quotes and mention.first == mention.last else ""
        sources[place] = Source(len(sources) + 1, *place, label=label, quotes=quotes)
    return sources


def _numbered(text: str, mentions: Iterable[Mention], sources: dict[tuple[int, int, int], Source]) -> str:
    """The text with every known marker as its source's number. Offsets count code points, as Python does."""
    pieces: list[str] = []
    position = 0
    for mention in mentions:
        if not text.startswith(mention.marker, mention.offset) or mention.offset < position:
            continue
        source = sources[mention.ordinal, mention.first, mention.last]
        pieces += [_harmless(text[position : mention.offset]), f"[{source.number}]"]
        position = mention.offset + len(mention.marker)
    return "".join([*pieces, _harmless(text[position:])])


_PICTURE = re.compile(r"!\[")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")


def _harmless(text: str) -> str:
    """Markdown that loads nothing when it is opened elsewhere: no pictures, no HTML.

    Also inside of code, where a program may disagree with us about what is code.
    """
    return _TAG.sub("&lt;", _PICTURE.sub("!\\\\[", text))


def _source_lines(source: Source, names: dict[int, str]) -> str:
    pages = source.label or (
        str(source.first) if source.first == source.last else f"{source.first}–{source.last}"
    )
    name = names.get(source.ordinal, "source removed")
    lines = [f"{source.number}. {_plain(name)}, p. {_plain(pages)}"]
    for row in source.quotes:
        verdict = Verdict(row.verdict).label
        lines.append(f"   - “{_plain(' '.join(row.quote.split()))}” ({verdict})")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>#|" else sign for sign in text)


def _footer(answer: Answer) -> str:
    model_id = answer.plan.get("model_id") or answer.plan.get("endpoint") or ""
    day = (answer.ended_at or answer.created_at).date().isoformat()
    verdicts = "“word for word” means that these words stand on that page, not that the claim is true"
    return f"---\n\n{_plain(model_id)}, {day}. Verdicts: {verdicts}."
