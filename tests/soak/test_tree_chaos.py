"""A repository of some thousand files whose readers are killed again and again comes to what it comes to in peace."""

from __future__ import annotations

import io
import os
import sysconfig
import tarfile
import time
from pathlib import Path

import pytest

from tests.live.client import ApiClient
from tests.live.disturbance import END_STATES, Disturber, outcome, people, rows, wrong_pages
from tests.services import LiveStack, run_live_stack

pytestmark = pytest.mark.services

SEED = int(os.environ.get("SOAK_SEED", "11"))
KINDS = ("main", "pool", "zygotes", "parsers", "pool", "parsers")
LEAST_KILLS = 8
SETTLED_WITHIN_SECONDS = 120
FILES = """
    SELECT f.path, f.blob, f.first_page, f.page_count, f.tokens, f.line_count FROM library_sourcefile f
    JOIN library_revision r ON r.id = f.revision_id WHERE r.document_id = '{}' ORDER BY f.first_page, f.path
"""


def standard_library() -> bytes:
    """Python's own sources as people would bring them."""
    packed = io.BytesIO()
    sources = Path(sysconfig.get_path("stdlib"))
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        for path in sorted(sources.rglob("*.py")):
            if "site-packages" not in path.parts:
                archive.add(path, f"stdlib/{path.relative_to(sources)}")
    return packed.getvalue()


def bring(client: ApiClient, content: bytes) -> str:
    return str(client.upload(client.new_corpus("Sources"), "stdlib.tar.gz", content)["id"])


def files_of(stack: LiveStack, document: str) -> list[tuple]:
    return rows(stack, FILES.format(document.replace("-", "")))


def test_kills_change_nothing_of_a_repository(tmp_path: Path) -> None:
    content = standard_library()
    with run_live_stack(tmp_path / "data") as stack:
        # A workspace each: nothing that one has read is known in another.
        calm, *others = people(stack, "Calm", "Alice", "Bob", "Charlie", "Dora")
        started_at = time.monotonic()
        peaceful = bring(calm, content)
        [expected] = calm.wait_until_read([peaceful], seconds=300)
        calm_seconds = time.monotonic() - started_at
        files = files_of(stack, peaceful)
        print(f"\nseed {SEED}: {len(files)} files, {expected['pages']} pages; in peace {calm_seconds:.0f} s")

        disturber = Disturber(stack, SEED)
        for client in others:
            document = bring(client, content)
            disturb(disturber, client, document)
            [found] = client.wait_until_read([document], seconds=300)
            settled = time.monotonic() - disturber.last_at
            print(f"killed so far: {disturber.killed}; settled {settled:.0f} s after the last kill")
            assert outcome(found) == outcome(expected)
            assert files_of(stack, document) == files
            assert settled <= SETTLED_WITHIN_SECONDS
        assert wrong_pages(stack) == []
        assert sum(disturber.killed.values()) >= LEAST_KILLS


def disturb(disturber: Disturber, client: ApiClient, document: str) -> None:
    """Kill something every few seconds until the document is read."""
    chance = disturber.random
    for kind in chance.sample(KINDS, k=len(KINDS)):
        time.sleep(chance.uniform(1.0, 4.0))
        if client.get(f"/documents/{document}")["status"] in END_STATES:
            return
        disturber.kill_one(kind)
