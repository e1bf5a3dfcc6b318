"""A hundred quotes checked against forty thousand stored pages, as an answers worker does it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench.figures import Figures, median
from tests.bench.memory import MIB
from tests.bench.verifying import CITATIONS, INVENTED, WRONG_PAGE
from tests.services import ROOT, clean_environment


def test_verifying(tmp_path: Path, figures: Figures, redis_server_url: str) -> None:
    if not Path("/proc/self/status").exists():
        figures.not_run("verifying over 40,000 pages", "needs Linux's /proc to measure memory")
        return
    environment = clean_environment(DOCANALYST_DATA_DIR=str(tmp_path), REDIS_URL=redis_server_url)
    for folder in ("files", "uploads"):
        (tmp_path / folder).mkdir()
    prepared = run_inner(environment, "prepare")
    measured = run_inner(environment, "measure")
    what = (
        f"{CITATIONS} quotes verified over {prepared['pages']:,} pages, {prepared['characters'] / 1e6:.0f} MB"
    )
    figures.tell(
        f"{prepared['pages']:,} pages folded for searching, while the host reads them",
        f"{measured['prepared_seconds']:.2f} s; the first quote from a wrong page waits for it where it comes sooner",
    )
    figures.at_most(
        f"{what}, come together, words of unopened pages included", measured["together_seconds"], 1.0, "s"
    )
    for name in ("first", "second"):
        one = measured[name]
        searched = sorted(one["line_seconds"])[-WRONG_PAGE - INVENTED :]
        figures.at_most(
            f"{what}, one by one, {name} time",
            one["seconds"] - one["placing_seconds"],
            1.0,
            "s",
            f"a right one {1000 * median(one['line_seconds']):.1f} ms; {len(searched)} wrong ones: longest "
            f"{max(searched):.2f} s, median {median(searched):.3f} s",
        )
        figures.tell(
            "  words and their places, in children beside",
            f"{one['placing_seconds']:.2f} s for {measured['boxed']} boxed quotes",
        )
        figures.tell(
            "  another thread was kept waiting, longest",
            f"{1000 * one['wait_seconds']:.0f} ms; processor {one['processor_seconds']:.2f} s",
        )
    figures.at_most(
        "  memory above idle",
        measured["above_idle_bytes"] / MIB,
        200,
        "MiB",
        f"idle {measured['idle_bytes'] / MIB:.0f} MiB; without mapped files",
    )


def run_inner(environment: dict[str, str], *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.verifying", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))
