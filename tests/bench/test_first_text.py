"""From POST to the first `delta`, less what the endpoint itself takes: alone, beside others, all at once.

The endpoint's own time is measured by sending it the very same bytes from this process, in the same rounds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.figures import Figures, median, percentile
from tests.bench.house import WORDS, BenchHouse, prose_pages, run_bench_house
from tests.bench.memory import MIB, Peak, total_bytes
from tests.bench.rows import running_answers
from tests.bench.wire import Refused, ask, ask_endpoint
from tests.factories import pdf_bytes

PROMPT_TOKENS = 32_000
AT_ONCE = 50
SINGLES = 15
BURSTS = 3
PATIENCE_SECONDS = 30
DELAY_SECONDS = 0.3
QUESTION = "When does the notice end?"
SHORT = {"sink": True, "delay_seconds": DELAY_SECONDS, "text": WORDS, "tokens_per_second": 20}
# Longer than the rest of the run takes on a busy machine; what still runs ends with the installation.
LONG = {**SHORT, "text": WORDS * 160}


@pytest.mark.asyncio
async def test_first_text(tmp_path: Path, figures: Figures) -> None:
    with run_bench_house(tmp_path / "house") as house:
        corpus = await asyncio.to_thread(make_corpus, house)
        conversation = house.api.post(f"/corpora/{corpus}/conversations")["id"]
        answers = [house.stack.part("answers")]

        async def one() -> float:
            return (await ask(house.stack.url, house.token, conversation, QUESTION))[0]

        house.provider.settings(**SHORT)
        await one()
        body = house.provider.body()
        await settle(house)
        idle_bytes = total_bytes(answers)

        own, alone = [], []
        for _ in rounds(SINGLES):
            own.append(await ask_endpoint(house.provider.address, body))
            alone.append(await one())
        figures.at_most(
            "POST to first delta, 32K tokens, alone (p50)",
            1000 * (median(alone) - median(own)),
            50,
            "ms",
            f"p95 {1000 * (percentile(alone, 0.95) - median(own)):.0f}",
        )

        await settle(house)
        own_burst: list[float] = []
        burst: list[float] = []
        parts = {name: house.stack.part(name) for name in ("web", "answers")}
        with Peak(lambda: answers) as peak:
            spent = {name: sum(part.cpu_times()[:2]) for name, part in parts.items()}
            for _ in rounds(BURSTS):
                own_burst += await together(AT_ONCE, lambda: ask_endpoint(house.provider.address, body))
                burst += await together(AT_ONCE, one)
                await settle(house)
        figures.at_most(
            f"POST to first delta, {AT_ONCE} in one instant (p95)",
            1000 * (percentile(burst, 0.95) - median(own_burst)),
            250,
            "ms",
            f"p50 {1000 * (median(burst) - median(own_burst)):.0f}",
        )
        a_question = {
            name: 1000 * (sum(part.cpu_times()[:2]) - spent[name]) / len(burst)
            for name, part in parts.items()
        }
        # What a quiet machine needs at least for all at once: one core works for one process.
        figures.tell(
            "  processor time a question",
            f"web {a_question['web']:.0f} ms, answers worker {a_question['answers']:.0f} ms",
        )
        figures.tell(
            f"  memory of the answers worker, {AT_ONCE} at once",
            f"{peak.bytes / MIB:.0f} MiB, idle {idle_bytes / MIB:.0f}",
        )
        await beside_others(house, figures, conversation, body)


async def beside_others(house: BenchHouse, figures: Figures, conversation: str, body: bytes) -> None:
    """One more question while others are being answered: one fewer than the worker's threads."""
    house.provider.settings(**LONG)
    others = AT_ONCE - 1
    await together(others, lambda: ask(house.stack.url, house.token, conversation, QUESTION))
    # The endpoint answers the next ones shortly, so that they make room for each other.
    house.provider.settings(**SHORT)
    own, beside = [], []
    for _ in rounds(SINGLES):
        own.append(await ask_endpoint(house.provider.address, body))
        # With as many running as the worker has threads, the next one would wait for its turn.
        seconds, answer = await ask(house.stack.url, house.token, conversation, QUESTION)
        beside.append(seconds)
        await asyncio.to_thread(house.api.post, f"/answers/{answer}/stop")
        await asyncio.to_thread(house.api.wait_for_answer, answer)
    running = await asyncio.to_thread(running_answers, house.stack.data_dir)
    figures.at_most(
        f"POST to first delta, beside {running} running (p50)",
        1000 * (median(beside) - median(own)),
        50,
        "ms",
        f"p95 {1000 * (percentile(beside, 0.95) - median(own)):.0f}",
    )


async def together(count: int, make) -> list:
    """So many at one instant; what each gave, in order of starting. Raises Refused when one failed."""
    found = await asyncio.gather(*(make() for _ in range(count)), return_exceptions=True)
    failed = [one for one in found if isinstance(one, BaseException)]
    if failed:
        raise Refused(f"{len(failed)} of {count} failed: {failed[0]!r}")
    return found


def rounds(count: int) -> Iterator[int]:
    """So many, or as many as begin within half a minute, but one at least: a busy machine has its figures too."""
    ends = time.monotonic() + PATIENCE_SECONDS
    for number in range(count):
        if number and time.monotonic() > ends:
            return
        yield number


async def settle(house: BenchHouse) -> None:
    """Wait until nothing is being answered."""
    ends = time.monotonic() + 60
    while await asyncio.to_thread(running_answers, house.stack.data_dir):
        if time.monotonic() > ends:
            raise TimeoutError("answers went on for too long")
        await asyncio.sleep(0.3)


def make_corpus(house: BenchHouse) -> str:
    """A corpus whose prompt has about 32,000 tokens."""
    corpus = house.api.new_corpus("Notices")
    document = house.api.upload(corpus, "notices.pdf", pdf_bytes(prose_pages(62, words=430)))
    [read] = house.api.wait_until_read([document["id"]])
    assert read["status"] == "ready", read
    tokens = house.api.post(f"/corpora/{corpus}/plan", {"text": QUESTION})["input_tokens"]
    assert 0.9 * PROMPT_TOKENS < tokens < 1.1 * PROMPT_TOKENS, tokens
    return corpus
