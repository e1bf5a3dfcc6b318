"""Two thousand broken files: nobody dies but parser children, everything ends, no limit is passed by a tenth."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.factories import make_corpus, make_user, make_workspace
from tests.library.ingestion.mutations import MUTATORS, mutate
from tests.library.mutants import LIMITS, Usage, made_by_code, measure, run_mutants

COUNT = int(os.environ.get("SOAK_MUTATIONS", "2000"))
LARGEST_BYTES = 2_000_000


def report(states: Counter[str], usage: Usage, seconds: float) -> None:
    print(f"\n{states.total()} mutants, {usage.children} parser children, {seconds:.0f} s")
    for state, count in states.most_common():
        print(f"  {state:<30} {count}")
    print(f"  limits met: {dict(usage.limits_met)}")
    print(
        f"  the most of one child: wall {usage.wall_seconds:.1f} of {LIMITS.wall_seconds:.0f} s, processor "
        f"{usage.cpu_seconds:.1f} of {LIMITS.cpu_seconds} s, resident {usage.peak_bytes // 1024**2} of "
        f"{LIMITS.memory_bytes // 1024**2} MiB"
    )


@pytest.mark.django_db
def test_two_thousand_mutations(corpora: Path, monkeypatch: pytest.MonkeyPatch, settings) -> None:
    settings.RECOGNISE_SCANS = False
    sources = [path.read_bytes() for path in sorted(corpora.rglob("*.pdf"))]
    sources = [content for content in sources if 0 < len(content) < LARGEST_BYTES] + made_by_code()
    alice = make_user("alice@example.org")
    corpus = make_corpus(make_workspace("Broken", owner=alice))
    usage = measure(monkeypatch)
    started_at = time.monotonic()

    states = run_mutants(alice, corpus, (mutate(seed, sources) for seed in range(COUNT)), print)

    report(states, usage, time.monotonic() - started_at)
    assert states.total() == COUNT
    assert len(MUTATORS) > COUNT or states["ready"] > COUNT // 5
    assert usage.within(LIMITS), usage
