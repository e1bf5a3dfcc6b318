"""A message as a person would print it: head, attachments by name, words. Runs inside a parser child only.

Attached messages are read behind it; other attachments are listed and not opened. Nothing is loaded from outside.
"""

from __future__ import annotations

import codecs
import email.errors
import email.header
import encodings
import pkgutil
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser

from apps.library.ingestion.clean_text import one_line
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.pymupdf_lean import pymupdf
from apps.library.ingestion.readers.base import Attachment
from apps.library.ingestion.source.decoding import decode

_HEAD = ("From", "To", "Cc", "Date", "Subject")
_LONGEST_FIELD = 2_000
_DEEPEST = 8
_MOST_PARTS = 2_000
# So wide that lines of a message in HTML are not broken where its author did not break them.
_WIDE = 100_000
_BLANK_LINES = re.compile(r"\n{3,}")

# What texts of messages are in. A child can load no further codec.
_CODECS = (
    "ascii", "big5", "cp125", "cp93", "cp94", "cp95", "euc_", "gb", "hz", "iso", "koi8", "latin", "mac_roman",
    "shift_jis", "tis", "utf_",
)  # fmt: skip
for _module in pkgutil.iter_modules(encodings.__path__):
    if _module.name.startswith(_CODECS):
        codecs.lookup(_module.name)
# Of an unknown charset, and one whose module cannot be opened.
_UNDECODABLE = (LookupError, UnicodeError, ValueError, OSError, email.errors.HeaderParseError)


@dataclass
class Mail:
    subject: str
    sender: str
    text: str
    attachments: list[Attachment] = field(default_factory=list)


def read_mail(data: bytes) -> Mail:
    """The message with all that it holds; empty fields where it says nothing. Raises IngestionError (damaged)."""
    try:
        message = BytesParser().parsebytes(data)
    except RecursionError:  # parts within parts, a thousand deep
        raise IngestionError("damaged") from None
    attachments: list[Attachment] = []
    text = "\n".join(_lines(message, attachments, depth=0))
    return Mail(_field(message, "Subject"), _field(message, "From"), text, attachments)


def _lines(message: Message, attachments: list[Attachment], depth: int) -> Iterator[str]:
    bodies: list[str] = []
    inner: list[Message] = []
    own: list[Attachment] = []
    for part in _leaves(message):
        kind, name = part.get_content_type(), _name(part)
        if kind == "message/rfc822":
            inner += [one for one in part.get_payload() if isinstance(one, Message)]
        elif kind in ("text/plain", "text/html") and not (
            name or part.get_content_disposition() == "attachment"
        ):
            bodies.append(_body(part))
        else:
            content = part.get_payload(decode=True)
            own.append(
                Attachment(
                    name or one_line(kind, _LONGEST_FIELD),
                    len(content) if isinstance(content, bytes) else None,
                )
            )
    attachments += own
    yield from (f"{name}: {value}" for name in _HEAD if (value := _field(message, name)))
    if own:
        yield f"Attachments, not read: {'; '.join(one.name for one in own)}"
    for body in bodies:
        yield ""
        yield body
    for one in inner:
        if depth < _DEEPEST:
            yield "\n----- Attached message -----\n"
            yield from _lines(one, attachments, depth + 1)


def _leaves(message: Message) -> Iterator[Message]:
    """Parts that hold something, in order; of alternatives one."""
    waiting, seen = [message], 0
    while waiting and seen < _MOST_PARTS:
        part, seen = waiting.pop(), seen + 1
        inner = part.get_payload() if part.is_multipart() else None
        if not isinstance(inner, list) or part.get_content_type() == "message/rfc822":
            yield part
        elif part.get_content_type() == "multipart/alternative":
            waiting += _best(inner)
        else:
            waiting += reversed([one for one in inner if isinstance(one, Message)])


def _best(alternatives: Iterable[object]) -> list[Message]:
    """Plain text where it says anything, since HTML is what a program made of it; else the last, the richest one."""
    parts = [one for one in alternatives if isinstance(one, Message)]
    plain = [one for one in parts if one.get_content_type() == "text/plain" and _body(one).strip()]
    return plain[:1] or parts[-1:]


def _body(part: Message) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    text = _decoded(content, part.get_content_charset())
    if part.get_content_type() == "text/html":
        text = _without_markup(text)
    return _BLANK_LINES.sub("\n\n", text.replace("\r\n", "\n").strip("\n"))


def _decoded(content: bytes, charset: str | None) -> str:
    try:
        return content.decode(charset or "utf-8")
    except _UNDECODABLE:
        return decode(content).text


def _without_markup(text: str) -> str:
    if not text.strip():
        return ""
    document = pymupdf.open(stream=text.encode("utf-8", "replace"), filetype="html")
    document.layout(width=_WIDE, height=_WIDE, fontsize=11)
    return "\n".join(page.get_text() for page in document)


def _field(message: Message, name: str) -> str:
    value = message.get(name)
    if value is None:
        return ""
    try:
        value = str(email.header.make_header(email.header.decode_header(value)))
    except _UNDECODABLE:
        value = str(value)
    return one_line(value, _LONGEST_FIELD)


def _name(part: Message) -> str:
    try:
        name = part.get_filename()
    except _UNDECODABLE:
        name = None
    if not name:
        return ""
    holder = Message()
    holder["Subject"] = name.replace("\n", " ").replace("\r", " ")
    return _field(holder, "Subject")
