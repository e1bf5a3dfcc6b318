"""Ten million tokens with one emoji among them: from rows to the last byte a local server accepted."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.bench.figures import Figures, median
from tests.bench.memory import MIB
from tests.provider_server import ProviderServer
from tests.services import ROOT, clean_environment

ROUNDS = 3


def test_ten_million_tokens(tmp_path: Path, figures: Figures) -> None:
    if not Path("/proc/self/clear_refs").exists():
        figures.not_run("hand-over of 10 M tokens", "needs Linux's /proc to measure memory")
        return
    with ProviderServer(sink=True) as provider:
        catalogue = tmp_path / "catalogue.toml"
        catalogue.write_text(provider.catalogue_entry("test-scout", context_tokens=11_000_000))
        environment = clean_environment(
            DOCANALYST_DATA_DIR=str(tmp_path / "data"), DOCANALYST_CATALOGUE=str(catalogue)
        )
        prepared = run_inner(environment, "prepare")
        measured = run_inner(environment, "measure", str(ROUNDS))
        requests = provider.requests()[1:]
        assert len(requests) == ROUNDS
        assert "🦙".encode() in provider.body()
        seconds = [
            request["received_at"] - one["started_at"]
            for request, one in zip(requests, measured["rounds"], strict=True)
        ]
        bare = [bare_seconds(provider) for _ in range(ROUNDS)]
    megabytes = requests[-1]["bytes"] / 1e6
    what = f"hand-over of {prepared['tokens'] / 1e6:.1f} M tokens, {megabytes:.0f} MB, one emoji"
    figures.at_most(
        f"{what}: rows to last byte", median(seconds), 1.5, "s", f"the bare bytes alone {median(bare):.2f} s"
    )
    above = median([one["above_idle_bytes"] for one in measured["rounds"]]) / MIB
    figures.at_most("  memory above idle", above, 64, "MiB", f"idle {measured['idle_bytes'] / MIB:.0f} MiB")
    still = median([one["still_block_seconds"] for one in measured["rounds"]])
    block = median([one["block_seconds"] for one in measured["rounds"]])
    figures.at_most("  loop blocked, longest", 1000 * block, 50, "ms", f"without work {1000 * still:.0f} ms")


def run_inner(environment: Mapping[str, str], *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.handover", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def bare_seconds(provider: ProviderServer) -> float:
    """Seconds until the server has accepted the last body's bytes from memory over a plain socket."""
    body = provider.body()
    host, port = urlsplit(provider.address).hostname, urlsplit(provider.address).port
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((str(host), int(port or 0))) as connection:
        started_at = time.time()
        connection.sendall(head.encode())
        connection.sendall(body)
        while connection.recv(65_536):
            pass
    return float(provider.requests()[-1]["received_at"]) - started_at
