"""The caller's side of the parser children: hand a file to a limited process, iterate over what it gives.

Each process that reads files has one warm zygote (zygote.py), started at first use; every request forks a
child from it in about 3 ms. Why not multiprocessing: Celery's pool children are daemonic and may not have
children, and a fork of the worker would inherit its secrets, sockets and database connections.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.limits import LimitName, Limits
from apps.library.ingestion.zygote import HEADER

START_SECONDS = 60
# How often a waiting request looks whether it was cancelled.
_CANCEL_SECONDS = 0.25
cache_folder: Path | None = None
"""Where zygotes keep what takes long to compute; given by the installation, which knows its folders."""

_ROOT = Path(__file__).resolve().parents[3]
_JOB_MODULES = (
    "apps.library.ingestion.readers.pdf",
    "apps.library.ingestion.readers.paged",
    "apps.library.ingestion.readers.text",
    "apps.library.ingestion.picture_jobs",
    "apps.library.ingestion.print_jobs",
)


class ChildDied(Exception):
    """The child ran into a limit; the sentence names it. Smaller work may still succeed."""

    def __init__(self, limit: LimitName, sentence: str) -> None:
        super().__init__(sentence)
        self.limit: LimitName = limit
        self.sentence = sentence


class ChildFailed(Exception):
    """The job raised something nobody foresaw; the text is for logs, the sentence for people."""

    code = "reader_failed"

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.sentence = IngestionError(self.code).sentence


class SandboxUnavailable(Exception):
    """The process that forks the children did not start, or was killed again and again."""


class Cancelled(Exception):
    """The caller asked for the end."""


class Sandbox:
    """One zygote and the requests made to it; safe for threads, starts again when the zygote died."""

    def __init__(self, *, job_modules: tuple[str, ...] = _JOB_MODULES) -> None:
        self._job_modules = job_modules
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._report: dict[str, bool] = {}

    def run(
        self,
        job: str,
        *,
        fd: int,
        args: dict[str, Any],
        limits: Limits | None = None,
        cancelled: threading.Event | None = None,
        writable_fd: int | None = None,
    ) -> Generator[dict[str, Any], None, None]:
        """Run a registered job on an open file and yield its values as they come.

        fd stays the caller's; the child maps it and does not depend on its position. writable_fd: a file that the
        job may write (jobs.WRITABLE). Closing the generator, or
        setting cancelled from another thread, kills the child. The wall limit includes what the caller spends
        between values. Raises ChildDied, ChildFailed, Cancelled, SandboxUnavailable, or the IngestionError that
        the job raised.
        """
        limits = limits or Limits()
        deadline = time.monotonic() + limits.wall_seconds
        output_read, output_write = os.pipe()
        status, status_remote = socket.socketpair()
        try:
            try:
                self._request(
                    {"job": job, "args": args, "limits": asdict(limits)},
                    [
                        fd,
                        output_write,
                        status_remote.fileno(),
                        *([] if writable_fd is None else [writable_fd]),
                    ],
                )
            finally:
                os.close(output_write)
                status_remote.close()
            yield from _read_values(output_read, status, limits, deadline, cancelled)
        finally:
            os.close(output_read)
            # The zygote kills the child when this closes before the child's end.
            status.close()

    def report(self) -> dict[str, bool]:
        """What holds the children on this machine: {"seccomp": …, "network_namespace": …}. May start the zygote."""
        with self._lock:
            self._ensure_started()
            return dict(self._report)

    def close(self) -> None:
        with self._lock:
            self._forget()

    def _request(self, request: dict[str, Any], descriptors: list[int]) -> None:
        body = json.dumps(request).encode()
        with self._lock:
            for attempt in (1, 2):
                try:
                    control = self._ensure_started()
                    # Descriptors travel with the first byte.
                    socket.send_fds(control, [HEADER.pack(len(body))], descriptors)
                    control.sendall(body)
                    return
                except (OSError, SandboxUnavailable) as error:
                    # It died since the last request: once more with a new one.
                    self._forget()
                    if attempt == 2:
                        raise SandboxUnavailable(str(error)) from error

    def _ensure_started(self) -> socket.socket:
        if self._process is not None and self._control is not None and self._process.poll() is None:
            return self._control
        self._forget()
        control, remote = socket.socketpair()
        with remote:
            self._process = subprocess.Popen(
                self._command(remote.fileno()),
                env={},
                cwd="/",
                stdin=subprocess.DEVNULL,
                pass_fds=[remote.fileno()],
                start_new_session=True,
            )
        self._control = control
        self._report = self._await_ready(control)
        return control

    def _command(self, control_fd: int) -> list[str]:
        path = [str(_ROOT), *(entry for entry in sys.path if entry and entry != str(_ROOT))]
        start = (
            f"import sys; sys.path[:] = {path!r}; "
            "from apps.library.ingestion.zygote import main; "
            f"main({control_fd}, {list(self._job_modules)!r}, {str(cache_folder or '')!r})"
        )
        # Isolated: neither the environment nor the current folder decides what is imported.
        cache = ["-X", f"pycache_prefix={sys.pycache_prefix}"] if sys.pycache_prefix else []
        return [sys.executable, "-I", "-B", *cache, "-c", start]

    def _await_ready(self, control: socket.socket) -> dict[str, bool]:
        control.settimeout(START_SECONDS)
        line = b""
        try:
            while not line.endswith(b"\n"):
                part = control.recv(65536)
                if not part:
                    break
                line += part
        finally:
            control.settimeout(None)
        report: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {"error": "ended at once"}
        if "error" in report:
            self._forget()
            raise SandboxUnavailable(f"The parser process did not start: {report['error']}")
        return report

    def _forget(self) -> None:
        control, process = self._control, self._process
        self._control = self._process = None
        if control is not None:
            control.close()
        if process is not None:
            # Closing the control socket ends it; a zygote in the middle of an import is not waited for.
            try:
                process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _abandon(self) -> None:
        """After a fork of the owner: drop the copies, so that the owner's end still closes the zygote."""
        self._lock = threading.Lock()
        if self._control is not None:
            self._control.close()
        self._control = self._process = None


def _read_values(
    output_fd: int,
    status: socket.socket,
    limits: Limits,
    deadline: float,
    cancelled: threading.Event | None,
) -> Generator[dict[str, Any], None, None]:
    received = 0
    pending: list[bytes] = []
    end: dict[str, Any] | None = None
    idle_deadline = time.monotonic() + limits.idle_seconds
    with selectors.DefaultSelector() as selector:
        selector.register(output_fd, selectors.EVENT_READ)
        # With its last line the child has said all; how long the system takes to clear it away is not waited for.
        while end is None:
            if cancelled is not None and cancelled.is_set():
                raise Cancelled
            left = deadline - time.monotonic()
            if left <= 0:
                raise ChildDied("time", limits.sentence("time"))
            if limits.idle_seconds:
                if time.monotonic() > idle_deadline:
                    raise ChildDied("idle", limits.sentence("idle"))
                left = min(left, limits.idle_seconds)
            if not selector.select(left if cancelled is None else min(left, _CANCEL_SECONDS)):
                continue
            part = os.read(output_fd, 1 << 20)
            if not part:
                break
            received += len(part)
            if received > limits.output_bytes:
                raise ChildDied("output", limits.sentence("output"))
            pending.append(part)
            if b"\n" not in part:
                continue
            *lines, rest = b"".join(pending).split(b"\n")
            pending = [rest]
            for line in lines:
                value = json.loads(line)
                if "_end" in value:
                    end = value
                else:
                    yield value
            idle_deadline = time.monotonic() + limits.idle_seconds
    _raise_end(end, status, limits, deadline)


def _raise_end(end: dict[str, Any] | None, status: socket.socket, limits: Limits, deadline: float) -> None:
    match end:
        case {"_end": "done"}:
            return
        case {"_end": "failed", "code": code, "sentence": sentence}:
            raise IngestionError.restored(code, sentence)
        case {"_end": "limit", "limit": limit}:
            raise ChildDied(limit, limits.sentence(limit))
        case {"_end": "error", "error": error}:
            raise ChildFailed(error)
    # Output ended without a last line: how the child ended says why.
    limit = _limit_of_exit(_exit_code(status, max(1.0, deadline - time.monotonic())), limits)
    raise ChildDied(limit, limits.sentence(limit))


def _exit_code(status: socket.socket, timeout_seconds: float) -> dict[str, Any] | None:
    status.settimeout(timeout_seconds)
    line = b""
    with contextlib.suppress(OSError):
        while not line.endswith(b"\n"):
            part = status.recv(4096)
            if not part:
                break
            line += part
    return json.loads(line) if line.endswith(b"\n") else None


def _limit_of_exit(end: dict[str, Any] | None, limits: Limits) -> LimitName:
    if end is None:
        return "lost"
    match -int(end["exit"]):
        case signal.SIGXCPU:
            return "cpu"
        case signal.SIGXFSZ:
            return "disk"
        case signal.SIGKILL:
            return "cpu" if end["cpu_seconds"] >= limits.cpu_seconds else "killed"
    return "crash"


_shared: Sandbox | None = None
_shared_lock = threading.Lock()


def sandbox() -> Sandbox:
    """This process's own sandbox; a forked process gets a new one."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Sandbox()
            atexit.register(_shared.close)
        return _shared


def sandbox_report() -> dict[str, bool]:
    """For health checks: which protections hold here, {"seccomp": …, "network_namespace": …}."""
    return sandbox().report()


def _after_fork() -> None:
    global _shared, _shared_lock
    _shared_lock = threading.Lock()
    if _shared is not None:
        _shared._abandon()
        _shared = None


os.register_at_fork(after_in_child=_after_fork)
