"""HTML that we wrote as a PDF, laid out in a parser child: MuPDF runs nowhere else."""

from __future__ import annotations

import base64
import logging
import tempfile
import threading

from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.limits import Limits
from apps.library.ingestion.sandbox import ChildDied, ChildFailed, SandboxUnavailable, sandbox

log = logging.getLogger(__name__)

LIMITS = Limits(wall_seconds=30, cpu_seconds=20)
MOST_CHILDREN = 2
WAIT_SECONDS = 20
_children = threading.BoundedSemaphore(MOST_CHILDREN)


class PrintingFailed(Exception):
    """No PDF came out; the sentence says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def pdf_of(html: str, *, title: str) -> bytes:
    """Lay out HTML on A4 with page numbers, fonts embedded. Blocking: one child, at most 30 s.

    html: without scripts, styles or anything to load; `#id` links and http, https, mailto ones become links.
    title: for the file's properties. Raises PrintingFailed.
    """
    if not _children.acquire(timeout=WAIT_SECONDS):
        raise PrintingFailed("Too many files are being written at this moment.")
    try:
        with tempfile.TemporaryFile() as file:
            file.write(html.encode())
            file.flush()
            for value in sandbox().run("print.html", fd=file.fileno(), args={"title": title}, limits=LIMITS):
                return base64.b64decode(value["pdf"])
        raise AssertionError("The print job ended without a PDF and without an error.")
    except (IngestionError, ChildDied, ChildFailed, SandboxUnavailable) as error:
        log.warning("no PDF: %s", error)
        raise PrintingFailed("The PDF could not be written.") from error
    finally:
        _children.release()
