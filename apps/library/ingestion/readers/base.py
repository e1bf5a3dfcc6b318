"""What every reader gives, whatever the kind of file; one contract test runs over all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

PageState: TypeAlias = Literal["read", "no_text", "unreadable"]
PageSource: TypeAlias = Literal["text_layer", "ocr", "vision"]

# Columns of the rows that keep these values.
MAX_LABEL = 300
MAX_REASON = 200


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """level: 1-based depth. number: the page it leads to, 1-based; 0 when it leads elsewhere."""

    level: int
    title: str
    number: int


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file inside the file, never opened. size_bytes: None where the file does not say."""

    name: str
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """What a file says about itself. labels: one per page, by position. notes: sentences, what of it is not read."""

    pages: int
    labels: tuple[str, ...]
    encrypted: bool
    title: str
    author: str
    outline: tuple[OutlineEntry, ...]
    attachments: tuple[Attachment, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> DocumentInfo:
        return cls(
            **{
                **value,
                "labels": tuple(value["labels"]),
                "outline": tuple(OutlineEntry(**entry) for entry in value["outline"]),
                "attachments": tuple(Attachment(**entry) for entry in value["attachments"]),
                "notes": tuple(value["notes"]),
            }
        )


@dataclass(frozen=True, slots=True)
class PageText:
    """One page as it is stored and sent.

    number: 1-based by position. text: neutralised, stripped, without control characters. tokens: of the
    packed form from `]]` on; 0 without text, because such a page is listed, not sent. reason: a sentence, when
    the state is not "read". width, height: points, of the page as shown (cropped and turned by rotation
    degrees). flags: of "hidden_text", "annotations", "form_values", "pictures", "blank",
    "instructions".
    """

    number: int
    label: str
    text: str
    tokens: int
    source: PageSource
    state: PageState
    reason: str
    width: float
    height: float
    rotation: int
    flags: tuple[str, ...]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PageText:
        return cls(**{**value, "flags": tuple(value["flags"])})

    @classmethod
    def unreadable(cls, number: int, label: str, reason: str) -> PageText:
        return cls(
            number=number,
            label=label,
            text="",
            tokens=0,
            source="text_layer",
            state="unreadable",
            reason=reason[:MAX_REASON],
            width=0,
            height=0,
            rotation=0,
            flags=(),
        )


@dataclass(frozen=True, slots=True)
class ReadOptions:
    password: str = ""


class Reader(Protocol):
    """Runs inside a parser child only. Both raise IngestionError for what concerns the whole file."""

    def describe(self, data: memoryview, options: ReadOptions) -> DocumentInfo: ...

    def read_pages(self, data: memoryview, first: int, last: int, options: ReadOptions) -> Iterator[PageText]:
        """Pages first to last, 1-based and inclusive, in order; a page that cannot be read is among them."""
        ...
