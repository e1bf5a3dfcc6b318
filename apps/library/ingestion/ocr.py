"""Text recognition for callers: pages of an open file, a few per child, each handed over as soon as it is read.

The models live in a zygote of their own, about 250 MB, started at first use and ended when nobody needed it for a
minute. A child that dies costs the page it was at, which is tried once more alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from apps.library.ingestion.idle_box import IdleBox
from apps.library.ingestion.limits import Limits
from apps.library.ingestion.quotes import PageWords
from apps.library.ingestion.sandbox import Cancelled, ChildDied, ChildFailed, Sandbox

DPI = 150
RANGE_PAGES = 4
"""Pages of one child: opening the file and forking cost little beside them, and a death costs little work."""
CPU_SECONDS = 60
"""Of one page. A dense one takes about 8."""
WALL_SECONDS = 180
"""Of one page: recognition runs at low priority and may wait long for its share of a core."""
MEMORY_BYTES = 3 * 1024**3
"""Address space. A dense page needs 0.7 GiB, one of 50 megapixels 2."""
UNCERTAIN = 0.85
"""Below it every tenth character or so is wrong; clean print comes at 0.97 and more."""
SECONDS_A_PAGE = 10
"""What a page is expected to take before any was measured."""
# A child that was killed, or went with its zygote, is no fault of the page; a page that always ends so is.
_PERHAPS_CHANCE = frozenset({"lost", "killed"})
_MOST_CHANCES = 3


@dataclass(frozen=True, slots=True)
class PageToRecognise:
    """number: 1-based. keeps_layer: whether a short text layer, such as a stamp, belongs to the page's text."""

    number: int
    keeps_layer: bool = True


@dataclass(frozen=True, slots=True)
class PageRecognised:
    """found: whether the picture holds any text. text: as stored, with what the layer, notes and fields add.

    reason: a sentence when nothing was found or the page could not be done; then words is None.
    width, height: points, of the page as shown. certainty: 0–1, of the recognised characters.
    """

    number: int
    found: bool
    text: str = ""
    tokens: int = 0
    width: float = 0
    height: float = 0
    words: PageWords | None = None
    reason: str = ""
    certainty: float = 1.0

    @property
    def is_uncertain(self) -> bool:
        """Faint or blurred print, handwriting, or a script that the models know in part."""
        return self.found and self.certainty < UNCERTAIN


_box = IdleBox("apps.library.ingestion.ocr_jobs")


def ocr_sandbox() -> Sandbox:
    """The sandbox whose zygote holds the models; it may be closed at any time and starts again by itself."""
    return _box.sandbox


class _StopOrLate(threading.Event):
    """Set when the caller's event is, or when a page takes too long."""

    def __init__(self, stop: threading.Event | None) -> None:
        super().__init__()
        self._stop = stop
        self.next_page()

    def next_page(self) -> None:
        self._deadline = time.monotonic() + WALL_SECONDS

    def is_set(self) -> bool:
        return time.monotonic() > self._deadline or (self._stop is not None and self._stop.is_set())


def recognise_pages(
    fd: int,
    pages: Sequence[PageToRecognise],
    *,
    reader: str = "pdf",
    password: str = "",
    stop: threading.Event | None = None,
) -> Generator[PageRecognised, None, None]:
    """Read pages from their pictures, in the order given, every one of them among what is yielded.

    fd: of the file, for as long as the generator runs. reader: Revision.reader. stop: set from another thread to
    end; the running child is killed. Closing the generator does the same. Raises Cancelled then, and IngestionError
    when the file as a whole cannot be opened.
    """
    with _box.in_use() as sandbox:
        for start in range(0, len(pages), RANGE_PAGES):
            yield from _recognise_range(
                sandbox, fd, list(pages[start : start + RANGE_PAGES]), reader, password, stop
            )


def _recognise_range(
    sandbox: Sandbox,
    fd: int,
    pages: list[PageToRecognise],
    reader: str,
    password: str,
    stop: threading.Event | None,
) -> Iterator[PageRecognised]:
    waiting = [pages]
    chances = _MOST_CHANCES
    while waiting:
        piece = waiting.pop()
        limits = _limits(len(piece))
        args = {
            "reader": reader,
            "password": password,
            "dpi": DPI,
            "pages": [asdict(page) for page in piece],
        }
        done = 0
        watch = _StopOrLate(stop)
        try:
            for value in sandbox.run("ocr.read", fd=fd, args=args, limits=limits, cancelled=watch):
                done += 1
                yield _from_json(value)
                watch.next_page()
        except (ChildDied, ChildFailed, Cancelled) as error:
            if isinstance(error, Cancelled) and (stop is None or stop.is_set()):
                raise
            rest = piece[done:]
            if not rest:
                continue  # it died after its last page
            if isinstance(error, ChildDied) and error.limit in _PERHAPS_CHANCE and chances:
                chances -= 1
                waiting.append(rest)
            elif len(piece) == 1:
                sentence = _limits(1).sentence("time") if isinstance(error, Cancelled) else error.sentence
                yield PageRecognised(rest[0].number, found=False, reason=_about_recognition(sentence))
            else:
                if rest[1:]:
                    waiting.append(rest[1:])
                waiting.append(rest[:1])


def _limits(pages: int) -> Limits:
    return Limits(
        wall_seconds=WALL_SECONDS * pages, cpu_seconds=CPU_SECONDS * pages, memory_bytes=MEMORY_BYTES
    )


def _about_recognition(sentence: str) -> str:
    return sentence.replace("Reading", "Recognising its text", 1)


def _from_json(value: dict[str, Any]) -> PageRecognised:
    if "failed" in value:
        return PageRecognised(value["number"], found=False, reason=value["failed"])
    return PageRecognised(
        number=value["number"],
        found=value["found"],
        text=value["text"],
        tokens=value["tokens"],
        width=round(value["width"], 2),
        height=round(value["height"], 2),
        words=PageWords.from_json(value) if value["found"] else None,
        reason="" if value["found"] else value["reason"] or "Text recognition found no text on the page.",
        certainty=value["certainty"],
    )
