"""What readers of open MuPDF documents share, whatever the kind of file. Runs inside a parser child only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from apps.library.ingestion.clean_text import one_line
from apps.library.ingestion.guards import MAX_CHARACTERS, IngestionError
from apps.library.ingestion.readers.base import OutlineEntry, PageText
from apps.library.ingestion.readers.page import read_page

MAX_TITLE = 500
_MAX_OUTLINE = 5_000


def outline_of(document: Any) -> tuple[OutlineEntry, ...]:
    try:
        entries = document.get_toc(simple=True)[:_MAX_OUTLINE]
    except Exception:  # a broken outline costs nothing but the outline
        return ()
    return tuple(
        OutlineEntry(level=int(level), title=one_line(title or "", MAX_TITLE), number=max(0, int(number)))
        for level, title, number in entries
    )


def read_loaded(document: Any, number: int, label: str) -> PageText:
    """The page (1-based), or that it is damaged; raises MemoryError alone."""
    try:
        page = document.load_page(number - 1)
        return read_page(page, number, label)
    except MemoryError:
        raise
    except Exception as error:
        if "alloc" in str(error):
            raise MemoryError from error
        return PageText.unreadable(
            number, label, f"The page is damaged: {one_line(str(error), 120) or type(error).__name__}."
        )


def bounded(pages: Iterable[PageText]) -> Iterator[PageText]:
    """The pages, as long as they hold no more characters than one document may; raises too_much_text."""
    characters = 0
    for page in pages:
        characters += len(page.text)
        if characters > MAX_CHARACTERS:
            raise IngestionError("too_much_text", limit=MAX_CHARACTERS // 1_000_000)
        yield page
