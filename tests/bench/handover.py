"""The inner side of the hand-over benchmark: an `answers` worker's modules, alone in a process.

    python -m tests.bench.handover prepare            makes a database with ten million tokens of pages
    python -m tests.bench.handover measure ROUNDS     sends them; prints JSON

The environment names the data folder and the catalogue. Preparing is a process of its own, so that what it
held is not counted as idle.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import django

TOKENS = 10_000_000
PAGE = (
    'A line of plain text with a "quoted" word and a number, 12345, to make up the length of a page.\n' * 48
)
ENDPOINT = "test-scout"


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "docanalyst.settings"
    django.setup()
    if sys.argv[1] == "prepare":
        print(json.dumps(prepare()))
    else:
        print(json.dumps(measure(int(sys.argv[2]))))


def prepare() -> dict[str, Any]:
    """A corpus of one document, one of whose pages has an emoji, and two answers: one to it all, one to a page."""
    from django.core.management import call_command

    from apps.common.markers import packed_tail
    from apps.library.models import Page
    from apps.llm.tokens import count_tokens
    from tests import factories

    call_command("migrate", verbosity=0)
    alice = factories.make_user("alice@example.org")
    corpus = factories.make_corpus(factories.make_workspace("Bench", owner=alice))
    text = PAGE.strip()
    tokens = count_tokens(packed_tail(text))
    count = -(-TOKENS // (tokens + 4))
    with_emoji = f"{text} 🦙"
    for name, pages in (("small.pdf", 1), ("large.pdf", count)):
        document = factories.make_document(corpus, name, texts=())
        revision = document.current_revision
        assert revision is not None
        rows = (
            Page(
                workspace_id=corpus.workspace_id,
                revision=revision,
                number=number,
                label=str(number),
                text=with_emoji if number == pages // 2 else text,
                tokens=count_tokens(packed_tail(with_emoji)) if number == pages // 2 else tokens,
            )
            for number in range(1, pages + 1)
        )
        Page.objects.bulk_create(rows, batch_size=500)
        revision.page_count, revision.token_count = pages, pages * tokens
        revision.save(update_fields=["page_count", "token_count"])
    conversation = factories.make_conversation(corpus, alice)
    for entry in factories.manifest_of(corpus):
        answer = factories.make_answer(
            factories.make_question(conversation),
            manifest=[entry],
            plan=factories.make_plan(ENDPOINT, "scout"),
        )
        assert answer.passes.count() == 1
    return {"pages": count, "tokens": count * tokens}


def measure(rounds: int) -> dict[str, Any]:
    """Sends the small answer, then the large one `rounds` times, each beside a bare copy of the same bytes."""
    # What a worker has loaded when it begins an answer.
    from apps.conversations import answering  # noqa: F401
    from apps.conversations.loop import answer_loop
    from apps.conversations.models import Answer
    from apps.conversations.packing import chat_request
    from apps.llm.catalogue import load_catalogue
    from apps.llm.tokens import count_tokens

    count_tokens("The vocabulary, as in a worker that has counted a history.")
    catalogue = load_catalogue()
    small, large = [
        chat_request(answer, reading := answer.passes.get(), catalogue[reading.endpoint_id])
        for answer in Answer.objects.order_by("created_at")
    ]
    loop = answer_loop()
    loop.run(send(small))
    gc.collect()
    found: dict[str, Any] = {"idle_bytes": resident("VmRSS"), "rounds": []}
    for _ in range(rounds):
        reset_peak()
        idle = resident("VmRSS")
        result = loop.run(watched(large))
        result["above_idle_bytes"] = resident("VmHWM") - idle
        # The same loop without work, for as long: what the machine alone does to it.
        result["still_block_seconds"] = loop.run(longest_block(asyncio.sleep(result["seconds"])))[1]
        found["rounds"].append(result)
    return found


async def send(request: Any) -> float:
    """Sends and waits for the first text; gives when that came (time.time())."""
    from apps.llm.gateway import stream_chat
    from apps.llm.types import TextDelta

    async with aclosing(stream_chat(request)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                return time.time()
    raise AssertionError("no text came")


async def watched(request: Any) -> dict[str, Any]:
    started_at = time.time()
    first_text_at, block = await longest_block(send(request))
    return {"started_at": started_at, "seconds": first_text_at - started_at, "block_seconds": block}


async def longest_block(work: Any) -> tuple[Any, float]:
    """What work gives, and the longest the loop was kept from a task that only wanted to go on."""
    longest = 0.0

    async def look() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before - 0.001)

    looking = asyncio.create_task(look())
    try:
        return await work, longest
    finally:
        looking.cancel()


def reset_peak() -> None:
    """Let the kernel forget the highest resident size so far."""
    Path("/proc/self/clear_refs").write_text("5")


def resident(field: str) -> int:
    """VmRSS is the resident size now, VmHWM its highest since reset_peak(); bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(field)


if __name__ == "__main__":
    main()
