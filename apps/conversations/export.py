"""An answer to take along: as Markdown, Word file or PDF, and as what is copied. One tree, three writers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from django.http import HttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header

from apps.common.http import Refused
from apps.common.templatetags.words import money
from apps.conversations.cited import VERDICT_SENTENCES
from apps.conversations.continuing import calls_of
from apps.conversations.coverage import coverage_counts
from apps.conversations.export_docx import docx_of
from apps.conversations.export_html import HtmlWriter
from apps.conversations.export_markdown import markdown_of
from apps.conversations.export_sources import Sources
from apps.conversations.export_tree import (
    Block,
    Heading,
    Inline,
    LineBreak,
    ListBlock,
    Paragraph,
    Quote,
    Styled,
    Text,
    parse_blocks,
    plain,
)
from apps.conversations.models import Answer, Verdict
from apps.conversations.outcome import QUOTES_FAMILY
from apps.library.printing import PrintingFailed, pdf_of
from apps.llm.catalogue import load_catalogue
from apps.llm.names import family_name, provider_name
from apps.workspaces.access import Actor
from apps.workspaces.audit import record

LONGEST_FILE_NAME = 80
_NOT_IN_FILE_NAMES = re.compile(
    r"[\\/:*?\"<>|\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+"
)


@dataclass(frozen=True)
class Exported:
    """A file. name: with its extension, fit for every system."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Copied:
    """The same words twice: html for programs that keep looks, text (Markdown) for those that do not."""

    html: str
    text: str


def _as_pdf(title: str, blocks: list[Block]) -> bytes:
    return pdf_of(HtmlWriter(is_paper=True).blocks(blocks), title=title)


FORMATS: dict[str, tuple[str, Callable[[str, list[Block]], bytes]]] = {
    "md": ("text/markdown; charset=utf-8", lambda title, blocks: markdown_of(blocks).encode()),
    "docx": (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        lambda title, blocks: docx_of(blocks, title=title),
    ),
    "pdf": ("application/pdf", _as_pdf),
}
"""Extension to content type and writer."""


def export_response(actor: Actor, answer: Answer, extension: str) -> HttpResponse:
    """The answer as a download; leaves an audit entry. extension: one of FORMATS.

    Raises Refused (503) when no PDF could be made.
    """
    exported = export_answer(answer, extension)
    conversation = answer.question.conversation
    record(actor, "answer.export", answer, conversation.workspace_id, format=extension)
    return HttpResponse(
        exported.content,
        content_type=exported.content_type,
        headers={
            "Content-Disposition": content_disposition_header(True, exported.name),
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )


def export_answer(answer: Answer, extension: str) -> Exported:
    """The question, the answer with numbered citations, its sources, notices and how it came about."""
    title = plain(str(answer.question.conversation)).text
    content_type, write = FORMATS[extension]
    try:
        content = write(title, export_blocks(answer))
    except PrintingFailed as failed:
        sentence = f"{failed.sentence} Take Markdown or Word meanwhile."
        raise Refused("not_printed", sentence, status=503) from failed
    return Exported(f"{_file_name(title)}.{extension}", content_type, content)


def copy_answer(answer: Answer) -> Copied:
    """The answer and its sources alone, to be pasted elsewhere."""
    body, sources = _body(answer)
    blocks = [*body, *_sources(sources, level=3)]
    return Copied(HtmlWriter(is_paper=False).blocks(blocks), markdown_of(blocks))


def export_blocks(answer: Answer) -> list[Block]:
    """The whole document. Five queries at most, two more for each cut answer before it."""
    body, sources = _body(answer)
    return [
        _heading(1, str(answer.question.conversation)),
        _heading(2, "Question"),
        Quote(tuple(_as_typed(answer.question.text))),
        _heading(2, "Answer"),
        *(Paragraph((_strong("Note:"), Text(" "), plain(notice["sentence"]))) for notice in answer.notices),
        *body,
        *_sources(sources, level=2),
        _heading(2, "About this answer"),
        ListBlock(tuple((Paragraph(fact),) for fact in _facts(answer))),
    ]


def _body(answer: Answer) -> tuple[list[Block], Sources]:
    """The text with what became of it, and the sources it cites."""
    sources = Sources(answer)
    # Once to number them all; then again, so that no number the model wrote looks like one of them.
    parse_blocks(answer.text, sources.number)
    blocks = parse_blocks(answer.text, sources.number, top_level=3, sources=len(sources))
    if sentence := _end_sentence(answer):
        blocks.append(Paragraph((Styled("em", (plain(sentence),)),)))
    return blocks, sources


def _end_sentence(answer: Answer) -> str:
    if answer.is_running:
        return "This answer was still being written."
    if answer.status == Answer.Status.STOPPED:
        return "The answer was stopped here."
    return answer.error_sentence


def _sources(sources: Sources, *, level: int) -> list[Block]:
    cited, uncited = sources.blocks(), sources.uncited()
    return [
        *([_heading(level, "Sources"), *cited] if cited else []),
        *([_heading(level, "Quoted, but not cited in the text"), *uncited] if uncited else []),
    ]


def _facts(answer: Answer) -> list[tuple[Inline, ...]]:
    selected, sent = coverage_counts(answer)
    facts = [("Coverage", f"{sent:,} of {selected:,} selected pages were sent and counted.")]
    calls = calls_of(answer)
    facts.append(("Model", _model_words(calls)))
    at = (answer.ended_at or timezone.now()).strftime("%Y-%m-%d %H:%M UTC")
    facts.append(("Written", at))
    if any(one.input_tokens for one in calls) and answer.plan.get("model") != QUOTES_FAMILY:
        facts.append(("Price", _price_words(calls)))
    if verdicts := _verdicts_explained(answer):
        facts.append(("Verdicts", verdicts))
    return [(_strong(f"{name}:"), Text(" "), plain(words)) for name, words in facts]


def _price_words(calls: list[Answer]) -> str:
    """Of the whole text, whoever wrote which part of it."""
    costs = [one.cost_usd for one in calls if one.input_tokens]
    tokens_in, tokens_out = sum(one.input_tokens for one in calls), sum(one.output_tokens for one in calls)
    times = f" in {len(calls)} calls" if len(calls) > 1 else ""
    estimated = ", by our own count" if any(one.is_estimated for one in calls) else ""
    price = money(None if None in costs else sum(filter(None, costs), Decimal(0)))
    return f"{price} ({tokens_in:,} tokens in, {tokens_out:,} out{times}{estimated})"


def _model_words(calls: list[Answer]) -> str:
    plan = calls[-1].plan
    if plan.get("model") == QUOTES_FAMILY:
        return "built-in quote finder, which is not a language model"
    catalogue = load_catalogue()
    asked = dict.fromkeys(one.endpoint_id for call in calls for one in call.passes.all())
    hosts = [provider_name(catalogue[one]) if one in catalogue else one for one in asked]
    return f"{family_name(plan.get('model') or '')} ({plan.get('model_id') or ''}) at {', '.join(hosts)}"


def _verdicts_explained(answer: Answer) -> str:
    """What the verdicts that occur mean, and what none of them does."""
    occurring = {row.verdict for row in answer.evidence.all()}
    meanings = [f"“{one.label}”: {VERDICT_SENTENCES[one]}" for one in Verdict if one in occurring]
    return " ".join([*meanings, "No verdict says that a claim is true."]) if meanings else ""


def _heading(level: int, words: str) -> Heading:
    return Heading(level, (plain(words),))


def _strong(words: str) -> Styled:
    return Styled("strong", (Text(words),))


def _as_typed(text: str) -> list[Block]:
    """A person's words: line ends stay, nothing is markup."""
    blocks: list[Block] = []
    for part in re.split(r"\n\s*\n", text.strip()):
        lines: list[Inline] = [inline for line in part.splitlines() for inline in (LineBreak(), plain(line))]
        blocks.append(Paragraph(tuple(lines[1:])))
    return blocks


def _file_name(title: str) -> str:
    words = _NOT_IN_FILE_NAMES.sub(" ", title).split()
    return " ".join(words)[:LONGEST_FILE_NAME].strip(" .") or "answer"
