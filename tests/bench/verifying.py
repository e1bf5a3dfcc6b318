"""The inner side of the benchmark of verification: an `answers` worker's modules, alone in a process.

    python -m tests.bench.verifying prepare     makes a database with 40,000 pages; prints JSON
    python -m tests.bench.verifying measure     checks the quotes of an answer, twice; prints JSON

The environment names the data folder. Preparing is a process of its own, so that what it held is not counted as idle.
"""

from __future__ import annotations

import gc
import itertools
import json
import os
import random
import sys
import threading
import time
from collections import Counter
from typing import Any

import django

from tests.bench.handover import resident

PAGES = 40_000
PAGES_OF_A_DOCUMENT = 2_000
WITH_FILE = 400
"""Pages of the one document that is cited; it has a file, so that boxes are found too."""
CITATIONS = 100
WRONG_PAGE, INVENTED = 6, 4
"""Quotes that stand on another page than their markers say, and quotes that stand nowhere."""


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "docanalyst.settings"
    django.setup()
    print(json.dumps(prepare() if sys.argv[1] == "prepare" else measure()))


class Prose:
    """Sentences of made-up words, with the signs that print has outside ASCII."""

    def __init__(self) -> None:
        self._random = random.Random(5)
        syllables = (
            "ter",
            "na",
            "ri",
            "con",
            "ti",
            "pro",
            "ment",
            "ver",
            "la",
            "so",
            "gu",
            "per",
            "mi",
            "an",
        )
        self._words = [
            "".join(self._random.choice(syllables) for _ in range(self._random.randint(1, 4)))
            for _ in range(20_000)
        ]

    def sentence(self, words: int) -> str:
        return " ".join(self._random.choices(self._words, k=words)).capitalize()

    def page(self, characters: int) -> str:
        lines = []
        while sum(map(len, lines)) < characters:
            lines.append(f"{self.sentence(12)} – “{self.sentence(5)}”, {self._random.randint(1, 999)}.")
        return "\n".join(lines)


def prepare() -> dict[str, Any]:
    from django.core.management import call_command

    from apps.library.models import Page
    from tests import factories

    call_command("migrate", verbosity=0)
    alice = factories.make_user("alice@example.org")
    corpus = factories.make_corpus(factories.make_workspace("Bench", owner=alice))
    prose = Prose()
    # As many letters as fit the page that is drawn of them, in the font that every PDF may name.
    plain = str.maketrans("–“”", '-""')
    cited = [prose.page(1_500).translate(plain) for _ in range(WITH_FILE)]
    factories.make_document(corpus, "cited.pdf", cited, with_file=True)
    characters = sum(map(len, cited))
    left = PAGES - WITH_FILE
    while left:
        count = min(left, PAGES_OF_A_DOCUMENT)
        left -= count
        document = factories.make_document(corpus, f"more-{left}.pdf", texts=())
        revision = document.current_revision
        assert revision is not None
        rows = [
            Page(
                workspace_id=corpus.workspace_id,
                revision=revision,
                number=n,
                label=str(n),
                text=prose.page(2_500),
            )
            for n in range(1, count + 1)
        ]
        characters += sum(len(row.text) for row in rows)
        Page.objects.bulk_create(rows, batch_size=500)
        revision.page_count = count
        revision.save(update_fields=["page_count"])
    factories.make_answer(
        factories.make_question(factories.make_conversation(corpus, alice)),
        manifest=factories.manifest_of(corpus),
        plan=factories.make_plan("test-scout", "scout"),
    )
    return {"pages": Page.objects.count(), "characters": characters}


def measure() -> dict[str, Any]:
    from apps.conversations import answering, evidence  # noqa: F401
    from apps.conversations.models import Answer, Evidence
    from apps.library.models import Page

    answer = Answer.objects.get()
    pages = dict(
        Page.objects.filter(revision_id=answer.manifest[0]["revision_id"]).values_list("number", "text")
    )
    lines = _lines(pages)
    _check(answer, lines[:3])
    Evidence.objects.all().delete()
    gc.collect()
    # Without mapped files: the pages of the database that SQLite maps are the system's to take back.
    idle = resident("RssAnon")
    started_at = time.perf_counter()
    evidence.ManifestPages(answer.manifest).prepare()
    prepared_seconds = time.perf_counter() - started_at
    together = _check_together(answer, lines)
    Evidence.objects.all().delete()
    first = _check(answer, lines)
    Evidence.objects.all().delete()
    second = _check(answer, lines)
    verdicts = Counter(Evidence.objects.values_list("verdict", flat=True))
    boxed = sum(bool(row.boxes) for row in Evidence.objects.all())
    return {
        "prepared_seconds": prepared_seconds,
        "together_seconds": together,
        "first": first,
        "second": second,
        "above_idle_bytes": max(first["peak_bytes"], second["peak_bytes"]) - idle,
        "idle_bytes": idle,
        "verdicts": dict(verdicts),
        "boxed": boxed,
    }


def _lines(pages: dict[int, str]) -> list[Any]:
    """Evidence lines that quote pages 4 apart, some with another page's marker, some made up."""
    from apps.conversations.marker_grammar import EvidenceLine, canonical_marker

    rng, invented = random.Random(1), Prose()
    lines = []
    for position in range(CITATIONS):
        number = 1 + position * (WITH_FILE // CITATIONS)
        words = pages[number].split()
        start = rng.randrange(20, 60)
        quote = " ".join(words[start : start + 20])
        if position % 10 == 5 and position // 10 < WRONG_PAGE:
            number += 1
        elif position % 10 == 7 and position // 10 < INVENTED:
            quote = invented.sentence(20)
        lines.append(EvidenceLine(canonical_marker(1, number), 1, number, quote))
    return lines


def _check_together(answer: Any, lines: list[Any]) -> float:
    """Seconds for all lines at once, with the words of pages that nobody opened before."""
    from apps.conversations.evidence import EvidenceChecker

    started_at = time.perf_counter()
    EvidenceChecker(answer).check_all(lines, 0)
    return time.perf_counter() - started_at


def _check(answer: Any, lines: list[Any]) -> dict[str, Any]:
    """Seconds in all, in finding words with their places, of each line; the longest another thread was kept waiting."""
    from apps.conversations import evidence

    placing, inner = 0.0, evidence.page_words

    def timed(*arguments: Any) -> Any:
        nonlocal placing
        started_at = time.perf_counter()
        try:
            return inner(*arguments)
        finally:
            placing += time.perf_counter() - started_at

    evidence.page_words = timed
    checker = evidence.EvidenceChecker(answer)
    took, began_at = [], time.thread_time()
    try:
        with LongestWait() as waiting:
            for position, line in enumerate(lines):
                started_at = time.perf_counter()
                checker.check(line, position)
                took.append(time.perf_counter() - started_at)
    finally:
        evidence.page_words = inner
    return {
        "seconds": sum(took),
        "processor_seconds": time.thread_time() - began_at,
        "placing_seconds": placing,
        "line_seconds": took,
        "wait_seconds": waiting.seconds,
        "peak_bytes": waiting.peak_bytes,
    }


class LongestWait:
    """How long a thread that only wanted to go on, as the loop of all answers does, was kept from it.

    Looks at the memory as well, now and then.
    """

    def __enter__(self) -> LongestWait:
        self.seconds, self.peak_bytes = 0.0, 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        for turn in itertools.count():
            before = time.perf_counter()
            time.sleep(0.001)
            self.seconds = max(self.seconds, time.perf_counter() - before - 0.001)
            if turn % 20 == 0:
                self.peak_bytes = max(self.peak_bytes, resident("RssAnon"))
            if self._ended.is_set():
                return


if __name__ == "__main__":
    main()
