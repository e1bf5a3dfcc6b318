"""Repositories from upload to ready: beside repomix, once more with one file in a hundred changed, and very large."""

from __future__ import annotations

import subprocess
import tarfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.bench.figures import Figures, median
from tests.bench.house import BenchHouse, run_bench_house
from tests.bench.memory import MIB, Peak
from tests.bench.rows import last_ready_at, unread_documents
from tests.bench.trees import DJANGO, changed, download_sources, install_repomix, large_tree

ROUNDS = 5
# Once so much has gone into rounds, no further one begins; the first is always whole.
PATIENCE_SECONDS = 150.0
LONGEST_SECONDS = 300.0
FILES, LINES_A_FILE = 50_000, 40


def read_tree(house: BenchHouse, corpus: str, content: bytes, *, name: str = "tree.tar.gz") -> float:
    """Seconds from the upload until the repository is ready, by the rows' own clocks."""
    started_at = time.time()
    document = house.api.upload(corpus, name, content)["id"]
    ends = time.monotonic() + LONGEST_SECONDS
    while unread_documents(house.stack.data_dir):
        if time.monotonic() > ends:
            raise TimeoutError("the repository was not read in time")
        time.sleep(0.05)
    assert house.api.get(f"/documents/{document}")["status"] == "ready"
    return last_ready_at(house.stack.data_dir) - started_at


def seconds_of(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def test_an_archive_beside_repomix(tmp_path: Path, figures: Figures) -> None:
    try:
        archive = download_sources(DJANGO, tmp_path)
        repomix = install_repomix(tmp_path / "repomix")
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"pip or npm could not fetch what is compared: {error}")
    content = archive.read_bytes()
    sources = tmp_path / "sources"
    with tarfile.open(archive) as opened:
        opened.extractall(sources, filter="data")
    command = [str(repomix), "--quiet", "--output", str(tmp_path / "packed.xml"), str(sources)]
    others: list[float] = []
    first: list[float] = []
    again: list[float] = []
    began = time.perf_counter()
    with run_bench_house(tmp_path / "house") as house:
        # Starts the workers' zygotes, loads the vocabulary and compiles the rules for secrets.
        read_tree(house, house.api.new_corpus("Warm"), large_tree(20, 40))
        while len(first) < ROUNDS and time.perf_counter() - began < PATIENCE_SECONDS:
            number = len(first)
            others.append(seconds_of(lambda: subprocess.run(command, check=True, capture_output=True)))
            # A workspace of its own knows no file of it.
            workspace = house.api.post("/workspaces", {"name": f"Round {number}"})["id"]
            corpus = house.api.post(f"/workspaces/{workspace}/corpora", {"name": "Sources"})["id"]
            first.append(read_tree(house, corpus, content))
            again.append(read_tree(house, corpus, changed(content, every=100, sign=f"round {number}")))
    figures.at_most(
        f"{DJANGO}, archive to ready",
        median([ours / other for ours, other in zip(first, others, strict=True)]),
        0.6,
        "× repomix with its token count",
        f"{median(first):.1f} s against {median(others):.1f} s, {len(first)} rounds",
    )
    figures.at_most(
        "  with 1 % of its files changed",
        median([more / ours for more, ours in zip(again, first, strict=True)]),
        0.1,
        "× the first time",
        f"{median(again):.2f} s",
    )


def test_two_million_lines(tmp_path: Path, figures: Figures) -> None:
    content = large_tree(FILES, LINES_A_FILE)
    with run_bench_house(tmp_path / "house") as house:
        read_tree(house, house.api.new_corpus("Warm"), large_tree(20, 40))
        corpus = house.api.new_corpus("Large")
        with Peak(house.stack.processes) as peak:
            seconds = read_tree(house, corpus, content)
        figures.tell(
            f"{FILES:,} files, {FILES * LINES_A_FILE:,} lines",
            f"{seconds:.1f} s, {len(content) // MIB} MiB packed, {peak.bytes // MIB} MiB of all processes",
        )
        document = house.api.get(f"/corpora/{corpus}")["documents"][0]["id"]
        for what, path in (
            ("tree of it, the root", f"/documents/{document}/tree"),
            ("  a folder", f"/documents/{document}/tree?path=area_3/"),
            ("  a page", f"/documents/{document}/pages/25000"),
            ("  the document", f"/documents/{document}"),
            ("  the corpus", f"/corpora/{corpus}"),
        ):
            house.api.get(path)
            figures.at_most(
                what,
                1000 * median([seconds_of(partial(house.api.get, path)) for _ in range(5)]),
                300,
                "ms",
            )
        figures.tell(
            "deleting it", f"{seconds_of(lambda: house.api.call('DELETE', f'/documents/{document}')):.1f} s"
        )
