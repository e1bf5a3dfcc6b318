"""People who watch an answer over connections that break, and an answer long enough to break them many times."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.live.client import ApiClient, Event, Screen

AT_ONCE = 8
BROKEN = (OSError, http.client.HTTPException)
"""What a client meets when a server goes away, or comes back and has not started yet."""


@dataclass
class Viewer:
    """Follows an answer to its end as a browser does: after every break it comes back with its last id.

    cut_after: it breaks each connection itself after so many events; 0 for never.
    """

    api: ApiClient
    answer_id: str
    cut_after: int = 0
    screen: Screen = field(default_factory=Screen)
    events: list[Event] = field(default_factory=list)
    connections: int = 0
    ended_at: float = 0.0

    def watch(self, seconds: float = 120) -> Screen:
        """What it sees in the end. Raises TimeoutError without one."""
        deadline = time.monotonic() + seconds
        while self.screen.end is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no end after {self.connections} connections: {self.screen!r}")
            self.connections += 1
            try:
                self._watch_once()
            except BROKEN:
                time.sleep(0.2)
        self.ended_at = time.monotonic()
        return self.screen

    def _watch_once(self) -> None:
        events = self.api.events(self.answer_id, self.screen.last_id, seconds=25)
        for number, event in enumerate(events, start=1):
            self.screen.show(event)
            self.events.append(event)
            if number == self.cut_after:
                return


@contextmanager
def watching(*viewers: Viewer) -> Iterator[None]:
    """Viewers who watch beside the block; afterwards all have seen the end. Raises what one of them raised."""
    with ThreadPoolExecutor(len(viewers)) as pool:
        seen = [pool.submit(viewer.watch) for viewer in viewers]
        yield
        for one in seen:
            one.result()


def resume_from_each(api: ApiClient, answer_id: str, ids: list[str]) -> dict[str, list[Event]]:
    """The events that each id gets when it is sent as Last-Event-ID, several at once."""

    def resume(last_id: str) -> list[Event]:
        return list(api.events(answer_id, last_id))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(ids, pool.map(resume, ids), strict=True))


def long_answer(paragraphs: int) -> str:
    """An answer in the answer format with every kind of block, cited to pages 1 to 36 of document 1."""
    quotes = "".join(
        f'[[1:{number}]] "Clause {number - 1}. {CLAUSES[(number - 1) % len(CLAUSES)]}"\n'
        for number in range(1, min(paragraphs, 30) + 1)
    )
    return f"<evidence>\n{quotes}</evidence>\n" + "".join(map(_paragraph, range(1, paragraphs + 1)))


CLAUSES = [
    "Either party may terminate this lease with 120 days written notice.",
    "The rent is 1,850 euros a month, due on the third working day.",
    "Repairs above 500 euros are borne by the landlord.",
]


def _paragraph(number: int) -> str:
    page = (number - 1) % 36 + 1
    shapes = [
        f"## Point {number} — “notice” 🏠\n\nThe lease ends after *120 days* [[1:{page}]].\n\n",
        f"{number}. The rent is **1,850 €** [[1:{page}]]\n   - due on the third day\n\n",
        f"| Clause | Who pays |\n|---|---|\n| {number} | landlord [[1:{page}]] |\n\n",
        f"```python\nnotice = {number}  # [[1:{page}]] is no marker here\n```\n\n",
        f"第{number}条 שכר הדירה [[1:{page}-{min(36, page + 2)}]] — see “Clause {number}”.\n\n",
    ]
    return shapes[number % len(shapes)]


def pieces_of(text: str, size: int = 5) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]
