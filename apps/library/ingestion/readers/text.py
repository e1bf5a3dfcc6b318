"""Texts: plain, Markdown, tables, transcripts, messages. Runs inside a parser child only.

Pages hold the lines of the file as they are, behind labels that say where they stand; what becomes a page is
decided in parts.py, transcripts.py and mail.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from apps.common.markers import neutralise
from apps.library.ingestion.clean_text import clean_text, one_line
from apps.library.ingestion.guards import MAX_CHARACTERS, MAX_PAGES, IngestionError
from apps.library.ingestion.instructions import speaks_to_model
from apps.library.ingestion.jobs import job
from apps.library.ingestion.kinds import TEXT_KINDS, Kind
from apps.library.ingestion.readers.base import (
    MAX_LABEL,
    Attachment,
    DocumentInfo,
    OutlineEntry,
    PageText,
    ReadOptions,
)
from apps.library.ingestion.readers.document import MAX_TITLE
from apps.library.ingestion.readers.mail import read_mail
from apps.library.ingestion.readers.parts import (
    Heading,
    Part,
    by_lines,
    json_rows,
    markdown_headings,
    outline_of,
    table_rows,
)
from apps.library.ingestion.readers.transcripts import transcript_parts
from apps.library.ingestion.source.cutting import shorten_lines
from apps.library.ingestion.source.decoding import decode, load_codecs
from apps.library.ingestion.source.labels import page_tokens

load_codecs()

_UTF8 = frozenset({"utf-8", "ascii"})


@dataclass(frozen=True, slots=True)
class _Text:
    """A whole text as pages to be, and what it says of itself."""

    parts: list[Part]
    title: str = ""
    author: str = ""
    outline: tuple[OutlineEntry, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    notes: tuple[str, ...] = ()


class TextReader:
    """Reader for one kind of text."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    def describe(self, data: memoryview, options: ReadOptions) -> DocumentInfo:
        text = self._text(data)
        pages = len(text.parts)
        if pages == 0:
            raise IngestionError("no_pages")
        if pages > MAX_PAGES:
            raise IngestionError("too_many_pages", pages=pages, limit=MAX_PAGES)
        return DocumentInfo(
            pages=pages,
            labels=tuple(_label(part) for part in text.parts),
            encrypted=False,
            title=one_line(text.title, MAX_TITLE),
            author=one_line(text.author, MAX_TITLE),
            outline=text.outline,
            attachments=text.attachments,
            notes=text.notes,
        )

    def read_pages(self, data: memoryview, first: int, last: int, options: ReadOptions) -> Iterator[PageText]:
        for number, part in enumerate(self._text(data).parts[first - 1 : last], first):
            yield _page(number, part)

    def _text(self, data: memoryview) -> _Text:
        if not len(data):
            raise IngestionError("empty_file")
        return _mail(data) if self.kind.name == "eml" else self._decoded(data)

    def _decoded(self, data: memoryview) -> _Text:
        decoded = decode(bytes(data))
        if decoded.is_binary:
            raise IngestionError("other_content", kind=self.kind.words)
        notes = []
        if decoded.encoding not in _UTF8:
            notes.append(f"The text was read as {decoded.encoding}.")
        if decoded.replacements:
            notes.append(
                f"{decoded.replacements:,} bytes that are no text are shown as “�” or as small pictures."
            )
        text = _storable(decoded.text)
        if len(text) < len(decoded.text):
            notes.append(
                "A line is longer than a million characters; the rest of it is not read, which the line says."
            )
        headings = markdown_headings(text) if self.kind.name == "markdown" else []
        parts = _PARTERS[self.kind.name](text, headings)
        if self.kind.name in ("vtt", "srt") and not parts:
            raise IngestionError("other_content", kind=self.kind.words)
        title = headings[0].title if headings and headings[0].level == 1 else ""
        return _Text(parts, title, outline=outline_of(headings, parts), notes=tuple(notes))


_PARTERS: dict[str, Callable[[str, list[Heading]], list[Part]]] = {
    "text": by_lines,
    "markdown": by_lines,
    "csv": lambda text, _: table_rows(text),
    "jsonl": lambda text, _: json_rows(text),
    "vtt": lambda text, _: transcript_parts(text),
    "srt": lambda text, _: transcript_parts(text),
}


def _mail(data: memoryview) -> _Text:
    mail = read_mail(bytes(data))
    # Its parts were decoded one by one; controls and line ends are still those of the sender.
    decoded = decode(mail.text.encode("utf-8", "replace"))
    text = _storable(clean_text(mail.text) if decoded.is_binary else decoded.text)
    subject = [Heading(1, neutralise(mail.subject[:200]), 1)] if mail.subject else []
    return _Text(by_lines(text, subject), mail.subject, mail.sender, attachments=tuple(mail.attachments))


def _storable(text: str) -> str:
    """Raises too_much_text."""
    if len(text) > MAX_CHARACTERS:
        raise IngestionError("too_much_text", limit=MAX_CHARACTERS // 1_000_000)
    return neutralise(shorten_lines(text))


def _label(part: Part) -> str:
    return one_line(part.label, MAX_LABEL)


def _page(number: int, part: Part) -> PageText:
    label, is_blank = _label(part), part.text.isspace()
    return PageText(
        number=number,
        label=label,
        text=part.text,
        tokens=page_tokens(label, part.text),
        source="text_layer",
        state="read",
        reason="",
        width=0,
        height=0,
        rotation=0,
        flags=("blank",) if is_blank else ("instructions",) if speaks_to_model(part.text) else (),
    )


def _register(kind: Kind) -> None:
    reader = TextReader(kind)

    def describe(data: memoryview, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield asdict(reader.describe(data, ReadOptions(**args["options"])))

    def read(data: memoryview, args: dict[str, Any]) -> Iterator[dict[str, Any]]:
        options = ReadOptions(**args["options"])
        for page in reader.read_pages(data, args["first"], args["last"], options):
            yield asdict(page)

    job(f"{kind.name}.describe")(describe)
    job(f"{kind.name}.read", counts_tokens=True)(read)


for _kind in TEXT_KINDS:
    _register(_kind)
