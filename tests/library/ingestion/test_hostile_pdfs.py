"""PDFs made to never end or to fill the memory: each reaches its end within its limits, and says why."""

from __future__ import annotations

import tempfile
import time
from contextlib import suppress

import pytest

from apps.library.ingestion import pictures
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.limits import Limits
from apps.library.ingestion.pipeline import PipelineOptions, RangeRead, read_document
from apps.library.ingestion.readers.base import PageText
from apps.library.ingestion.sandbox import ChildDied, ChildFailed
from tests.library.ingestion import odd_pdfs

LIMITS = Limits(wall_seconds=6, cpu_seconds=3)
BOMBS = odd_pdfs.picture_bombs()


def read(content: bytes) -> list[PageText]:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        found = read_document(file, PipelineOptions(limits=LIMITS))
        return [page for part in found if isinstance(part, RangeRead) for page in part.pages]


def test_forms_that_never_end_are_stopped_and_said() -> None:
    content = odd_pdfs.endless_forms()
    assert len(content) <= 2_800
    begun = time.monotonic()
    with pytest.raises(IngestionError) as refused:
        read(content)
    assert refused.value.code == "no_readable_page"
    assert "was stopped" in refused.value.sentence
    # Describing it, its page, and its page alone.
    assert time.monotonic() - begun < 3 * LIMITS.wall_seconds


def test_a_page_that_never_ends_costs_its_neighbours_nothing() -> None:
    from apps.library.ingestion.pymupdf_lean import pymupdf

    document = pymupdf.open(stream=odd_pdfs.endless_forms(), filetype="pdf")
    for number in (0, 1):
        document.new_page(number).insert_text((72, 72), f"Page {number}")
    pages = sorted(read(document.tobytes()), key=lambda page: page.number)
    assert [page.state for page in pages] == ["read", "read", "unreadable"]
    assert "was stopped" in pages[2].reason


@pytest.mark.parametrize("name", BOMBS)
def test_pictures_past_every_limit_are_not_unpacked_for_their_text(name: str) -> None:
    (page,) = read(BOMBS[name])
    assert page.state in {"read", "no_text"}
    assert page.text == ""


@pytest.mark.parametrize("name", BOMBS)
def test_pictures_past_every_limit_are_drawn_or_refused_in_time(name: str) -> None:
    begun = time.monotonic()
    with tempfile.TemporaryFile() as file:
        file.write(BOMBS[name])
        file.flush()
        with suppress(IngestionError, ChildDied, ChildFailed):
            assert pictures.render_page(file.fileno(), 1)[:4] == b"RIFF"
    assert time.monotonic() - begun < Limits().wall_seconds


def test_words_beside_such_a_picture_are_read() -> None:
    facts = b"/Width 100000/Height 100000/Filter/Fl/ColorSpace/DeviceGray/BitsPerComponent 8"
    words = b"The notice takes effect on the last day of a month, and rent remains due until that day. " * 3
    (page,) = read(odd_pdfs.with_picture(facts, b"nothing that inflates", words))
    assert page.state == "read"
    assert page.text.startswith("The notice takes effect")
