"""Counting tokens beside the bare encoder on the same texts."""

from __future__ import annotations

import time
from typing import Any

from apps.common.markers import packed_tail
from apps.llm.tokens import _encoding, count_tokens
from tests.bench.figures import Figures, median
from tests.services import ROOT


def test_counting_beside_the_bare_encoder(benchmark: Any, figures: Figures) -> None:
    texts = [path.read_text(encoding="utf-8").strip() for path in sorted((ROOT / "apps").rglob("*.py"))]
    tails = [packed_tail(text) for text in texts if text]
    encode = _encoding().encode_ordinary
    bare: list[float] = []

    def count_bare() -> None:
        started = time.perf_counter()
        for tail in tails:
            len(encode(tail))
        bare.append(time.perf_counter() - started)

    # Each round counts with the bare encoder first, so both meet the same machine.
    total = benchmark.pedantic(
        lambda: sum(count_tokens(tail) for tail in tails), setup=count_bare, rounds=7, warmup_rounds=1
    )
    counted = benchmark.stats.stats.median
    figures.at_least(
        "tokens counted, Python source",
        total / counted / 1e6,
        0.7,
        "M tokens/s",
        f"{median(bare) / counted:.2f} × the bare encoder",
    )
