"""A thousand viewers of fifty running answers on one web process."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from docanalyst.redis_server import default_redis_url
from tests.bench.figures import Figures
from tests.bench.house import WORDS, BenchHouse, run_bench_house
from tests.bench.memory import proportional_bytes
from tests.bench.test_first_text import make_corpus, together
from tests.bench.wire import ask
from tests.services import ROOT

VIEWERS = 1_000
ANSWERS = 50
SECONDS = 15
# Each joins into a delta and a block: about five events a second and answer, as when a person reads along.
TOKENS_PER_SECOND = 2.5
QUESTION = "When does the notice end?"


@pytest.mark.asyncio
async def test_a_thousand_viewers(tmp_path: Path, figures: Figures) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < VIEWERS + 500:
        figures.not_run(f"{VIEWERS} viewers", f"at most {hard} open files are allowed")
        return
    with run_bench_house(tmp_path / "house") as house:
        await watch(house, figures)


async def watch(house: BenchHouse, figures: Figures) -> None:
    corpus = await asyncio.to_thread(make_corpus, house)
    conversation = house.api.post(f"/corpora/{corpus}/conversations")["id"]
    house.provider.settings(sink=True, text=WORDS * 30, tokens_per_second=TOKENS_PER_SECOND)
    asked = await together(ANSWERS, lambda: ask(house.stack.url, house.token, conversation, QUESTION))
    # The worker has threads for exactly so many; all have their first text now.
    web = house.stack.part("web")
    await asyncio.sleep(2)
    before_bytes, before = proportional_bytes(web), look(web, house.stack.data_dir)
    settings = {
        "url": house.stack.url,
        "token": house.token,
        "redis_url": default_redis_url(house.stack.data_dir),
        "answers": [answer for _, answer in asked],
        "viewers": VIEWERS,
        "seconds": SECONDS,
    }
    seen = await asyncio.to_thread(run_viewers, settings, web, house.stack.data_dir)
    if seen is None:
        figures.not_run(f"{VIEWERS:,} viewers", "they could not all connect in time on this busy machine")
        return
    found, during_bytes, during, spent = seen
    assert found["lost"] == 0, found
    assert found["events"] > VIEWERS, found
    rate = found["events"] / SECONDS
    figures.at_most(
        f"{VIEWERS:,} viewers of {ANSWERS} running answers: memory each",
        (during_bytes - before_bytes) / VIEWERS / 1024,
        32,
        "KiB",
    )
    figures.at_most(
        "  from event to client (p95)",
        1000 * found["event_p95"],
        10,
        "ms",
        f"p50 {1000 * found['event_p50']:.1f}; a direct reader of Redis p95 {1000 * found['direct_p95']:.1f};"
        f" {rate:,.0f} events/s",
    )
    figures.at_most(
        "  from event to client (longest), which bounds a blocked loop",
        1000 * found["event_longest"],
        100,
        "ms",
        f"direct reader {1000 * found['direct_longest']:.0f}",
    )
    figures.tell(
        "  database files open in the web process",
        f"{during['database_files']} beside {before['database_files']} before",
    )
    figures.tell("  threads of the web process", f"{during['threads']} beside {before['threads']} before")
    figures.at_most(
        "  another page meanwhile (p95)",
        1000 * found["page_p95"],
        300,
        "ms",
        f"p50 {1000 * found['page_p50']:.0f}",
    )
    figures.tell("  processor time of the web process", f"{100 * spent / SECONDS:.0f} % of a core")
    figures.tell("  connecting all", f"{found['connected_seconds']:.1f} s")


def run_viewers(
    settings: dict[str, Any], web: psutil.Process, data_dir: Path
) -> tuple[dict[str, Any], int, dict[str, int], float] | None:
    """What the viewers saw; memory, state and processor seconds of the web process while they were there.

    None when they could not all connect in time.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.viewers"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(settings) + "\n")
        process.stdin.flush()
        said = process.stdout.readline()
        if said == "late\n":
            return None
        assert said == "ready\n"
        time.sleep(2)
        spent = sum(web.cpu_times()[:2])
        process.stdin.write("go\n")
        process.stdin.flush()
        time.sleep(SECONDS * 0.7)
        found_bytes, found = proportional_bytes(web), look(web, data_dir)
        result = dict(json.loads(process.stdout.readline()))
        return result, found_bytes, found, sum(web.cpu_times()[:2]) - spent
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def look(web: psutil.Process, data_dir: Path) -> dict[str, int]:
    database = str(data_dir / "docanalyst.sqlite3")
    return {
        "threads": web.num_threads(),
        "database_files": sum(file.path == database for file in web.open_files()),
    }
