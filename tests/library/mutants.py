"""Mutated files on their way through the library, with what their parser children used of their limits."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.accounts.models import User
from apps.common.http import Refused
from apps.library import figure_search, reading, services, storage
from apps.library.ingestion import sandbox as sandbox_module
from apps.library.ingestion.limits import Limits
from apps.library.models import Corpus, Page, Revision
from tests.factories import pdf_bytes

# Far below those of an installation, so that a file that never ends is seen to meet them soon.
LIMITS = Limits(wall_seconds=15, cpu_seconds=8)


@dataclass
class Usage:
    """The most that any child used, as its parent and the system saw it."""

    children: int = 0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    limits_met: Counter[str] = field(default_factory=Counter)

    def within(self, limits: Limits, share: float = 1.1) -> bool:
        return (
            self.wall_seconds <= limits.wall_seconds * share
            and self.cpu_seconds <= limits.cpu_seconds * share
            and self.peak_bytes <= limits.memory_bytes * share
        )


def measure(monkeypatch: pytest.MonkeyPatch) -> Usage:
    """Hold every child of this process to LIMITS, and note what each used when it ended."""
    usage = Usage()
    run, read_values, exit_code = (
        sandbox_module.Sandbox.run,
        sandbox_module._read_values,
        sandbox_module._exit_code,
    )

    def limited(self: Any, job: str, *, limits: Limits | None = None, **options: Any) -> Iterator[Any]:
        tight = replace(limits or Limits(), wall_seconds=LIMITS.wall_seconds, cpu_seconds=LIMITS.cpu_seconds)
        return run(self, job, limits=tight, **options)

    def noted(status: Any, timeout_seconds: float) -> dict[str, Any] | None:
        end: dict[str, Any] | None = exit_code(status, timeout_seconds)
        if end is not None:
            usage.children += 1
            usage.cpu_seconds = max(usage.cpu_seconds, end["cpu_seconds"])
            usage.peak_bytes = max(usage.peak_bytes, end["peak_kib"] * 1024)
        return end

    def watched(output_fd: int, status: Any, *rest: Any) -> Iterator[Any]:
        started_at = time.monotonic()
        before = usage.children
        try:
            yield from read_values(output_fd, status, *rest)
        except sandbox_module.ChildDied as error:
            usage.limits_met[error.limit] += 1
            raise
        finally:
            usage.wall_seconds = max(usage.wall_seconds, time.monotonic() - started_at)
            if usage.children == before:
                with suppress(OSError):
                    status.sendall(b"\0")
                noted(status, 5)

    monkeypatch.setattr(sandbox_module.Sandbox, "run", limited)
    monkeypatch.setattr(sandbox_module, "_read_values", watched)
    monkeypatch.setattr(sandbox_module, "_exit_code", noted)
    return usage


def made_by_code() -> list[bytes]:
    """Whole files of ours: plain words, many pages, object streams."""
    from apps.library.ingestion.pymupdf_lean import pymupdf

    packed = pymupdf.open(stream=pdf_bytes(["Words in packed objects."] * 3))
    return [
        pdf_bytes(["One page of words."]),
        pdf_bytes([f"Page {number} of many." for number in range(40)]),
        packed.tobytes(garbage=3, deflate=True, use_objstms=1),
    ]


def bring(actor: User, corpus: Corpus, content: bytes) -> str:
    """Upload, read, look at the first page, delete. Gives the end state; fails when there is none."""
    try:
        file = SimpleUploadedFile("mutant.pdf", content, content_type="application/pdf")
        added = services.add_upload(actor, corpus, file)
    except Refused as refused:
        return f"refused {refused.code}"
    revision_id = added.document.current_revision_id
    for _ in range(3):
        reading.read_revision(str(revision_id))
        revision = Revision.objects.get(pk=revision_id)
        if not revision.is_running:
            break
    assert revision.claim is None
    state = f"{revision.status} {revision.error_code}".strip()
    assert revision.status in {"ready", "failed", "needs_password"}, state
    if revision.status == "ready":
        if revision.figures_at is None:
            assert figure_search.keep_figures(str(revision_id))
            revision.refresh_from_db()
        assert (revision.status, revision.claim, revision.figures_at is None) == ("ready", None, False)
        numbers = list(
            Page.objects.filter(revision=revision).order_by("number").values_list("number", flat=True)
        )
        assert numbers == list(range(1, revision.page_count + 1)) != []
    services.delete_document(actor, added.document)
    storage.delete_files(corpus.workspace_id, revision.pk)
    return state


def run_mutants(
    actor: User, corpus: Corpus, mutants: Iterator[tuple[str, bytes]], tell: Callable[[str], None]
) -> Counter[str]:
    """End states and how many came to each; the zygote must be the same one before and after."""
    states: Counter[str] = Counter()
    box = sandbox_module.sandbox()
    box.report()
    assert box._process is not None
    zygote = box._process.pid
    for name, content in mutants:
        started_at = time.monotonic()
        state = bring(actor, corpus, content)
        states[state] += 1
        if (took := time.monotonic() - started_at) > LIMITS.cpu_seconds:
            tell(f"{name}: {state} after {took:.0f} s, {len(content):,} bytes")
        assert box._process is not None
        assert (box._process.pid, box._process.poll()) == (zygote, None), f"{name}: the zygote died"
    return states
