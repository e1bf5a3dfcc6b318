"""A worker of an older commit beside a running installation of this one, as there is during an upgrade."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services import ROOT, LiveStack, guarded, missing

SOURCES = ("apps", "docanalyst", "static", "templates", "manage.py")


def older_sources(commit: str, folder: Path) -> Path:
    """The sources of an ancestor of HEAD, unpacked: of the last commit up to it that changed what runs."""
    found = _git("rev-list", "--max-count=1", commit, "--", "apps", "docanalyst")
    if found.returncode or not found.stdout.strip():
        missing(f"the commit {commit}", "no repository, or a shallow clone: git fetch --unshallow")
    packed = _git("archive", "--format=tar", found.stdout.decode().strip(), *SOURCES)
    assert packed.returncode == 0, packed.stderr
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, timeout=60)


@contextmanager
def another_worker(stack: LiveStack, sources: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """One more `answers` worker of an installation, from the sources given, for the time of the block."""
    worker = ("worker", "--queues", "answers", "--hostname", f"{name}@%h", "--pool", "threads")
    command = [sys.executable, "-m", "celery", "--app", "docanalyst", "--quiet", "--skip-checks", *worker]
    with guarded(
        [*command, "--concurrency", "50", "--loglevel", "error"],
        cwd=sources,
        env=stack.environment,
        stderr=subprocess.DEVNULL,
    ) as process:
        yield process


@contextmanager
def taking_nothing(stack: LiveStack) -> Iterator[None]:
    """For the time of the block the installation's own worker goes on with what it has, and takes nothing new."""
    control(stack, "cancel_consumer")
    try:
        yield
    finally:
        control(stack, "add_consumer")


def control(stack: LiveStack, wanted: str) -> None:
    """Tell the installation's own worker to take messages for answers, or none."""
    command = [
        "--app",
        "docanalyst",
        "--quiet",
        "--skip-checks",
        "control",
        wanted,
        "answers",
        "--timeout",
        "10",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "celery", *command, "--destination", f"answers@{socket.gethostname()}"],
        cwd=ROOT,
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
