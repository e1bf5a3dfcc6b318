"""The warm process that forks one limited child per request; runs with an empty environment.

Its parent talks to it over one Unix socket. A request is a length, a JSON object and three descriptors: the
input file, the pipe for results, and a socket on which this process reports the child's end and hears that
the child must be killed (by a byte, or by the other side closing); a fourth, where there is one, is a file that
the job may write. When the control socket closes, all
children are killed and this process ends, so nothing outlives the worker that started it.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import json
import mmap
import os
import resource
import selectors
import signal
import socket
import struct
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.library.ingestion import jobs, seccomp
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.jobs import JOBS
from apps.library.ingestion.limits import Limits

HEADER = struct.Struct("!I")


@dataclass(slots=True)
class _Running:
    pid: int
    status: socket.socket


def main(control_fd: int, job_modules: list[str], cache_folder: str = "") -> None:
    """Import the jobs, report readiness, then fork a child per request until the control socket closes."""
    control = socket.socket(fileno=control_fd)
    jobs.cache_folder = Path(cache_folder) if cache_folder else None
    try:
        report = _prepare(job_modules)
    except BaseException:
        control.sendall(json.dumps({"error": traceback.format_exc()}).encode() + b"\n")
        raise
    control.sendall(json.dumps(report).encode() + b"\n")
    _Zygote(control).serve()


def _prepare(job_modules: list[str]) -> dict[str, bool]:
    network_namespace = seccomp.leave_network()
    for module in job_modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    return {"seccomp": _seccomp_works(), "network_namespace": network_namespace}


def _seccomp_works() -> bool:
    """Try the filter in a child, which must then be refused a socket."""
    pid = os.fork()
    if pid == 0:
        refused = False
        if seccomp.deny_system_calls():
            try:
                socket.socket(socket.AF_UNIX)
            except PermissionError:
                refused = True
        os._exit(0 if refused else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


class _Zygote:
    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.running: dict[int, _Running] = {}
        self.vocabulary_loaded = False
        self.selector = selectors.DefaultSelector()
        self.wake_read, self.wake_write = socket.socketpair()
        self.wake_read.setblocking(False)
        self.wake_write.setblocking(False)

    def serve(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.wake_write.fileno(), warn_on_full_buffer=False)
        self.selector.register(self.control, selectors.EVENT_READ, "control")
        self.selector.register(self.wake_read, selectors.EVENT_READ, "reap")
        while True:
            for key, _ in self.selector.select():
                if key.data == "control":
                    if not self._accept():
                        self._kill_all()
                        return
                elif key.data == "reap":
                    with contextlib.suppress(BlockingIOError):
                        self.wake_read.recv(4096)
                    self._reap()
                else:
                    # Any byte, or the end of the stream: nobody waits for this child any more.
                    self._stop_listening(key.fileobj)  # type: ignore[arg-type]
                    if key.data in self.running:
                        os.kill(key.data, signal.SIGKILL)

    def _accept(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self.control, HEADER.size, 4)
        if not message:
            return False
        message += self._receive(HEADER.size - len(message))
        request = json.loads(self._receive(HEADER.unpack(message)[0]))
        input_fd, output_fd, status_fd, *writable = descriptors
        job = JOBS.get(request["job"])
        if job and job.counts_tokens and not self.vocabulary_loaded:
            from apps.llm.tokens import count_tokens

            count_tokens("warm")
            for registered in JOBS.values():
                if registered.rehearse:
                    registered.rehearse()
            gc.collect()
            gc.freeze()
            self.vocabulary_loaded = True
        pid = os.fork()
        if pid == 0:
            self._child(request, input_fd, output_fd, *writable)
        for descriptor in (input_fd, output_fd, *writable):
            os.close(descriptor)
        status = socket.socket(fileno=status_fd)
        self.running[pid] = _Running(pid, status)
        self.selector.register(status, selectors.EVENT_READ, pid)
        return True

    def _receive(self, count: int) -> bytes:
        received = b""
        while len(received) < count:
            part = self.control.recv(count - len(received))
            if not part:
                raise EOFError
            received += part
        return received

    def _reap(self) -> None:
        for pid in list(self.running):
            done, status, usage = os.wait4(pid, os.WNOHANG)
            if not done:
                continue
            running = self.running.pop(pid)
            self._stop_listening(running.status)
            end = {
                "exit": os.waitstatus_to_exitcode(status),
                "cpu_seconds": usage.ru_utime + usage.ru_stime,
                "peak_kib": usage.ru_maxrss,
            }
            with contextlib.suppress(OSError):
                running.status.sendall(json.dumps(end).encode() + b"\n")
            running.status.close()

    def _stop_listening(self, status: socket.socket) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(status)

    def _kill_all(self) -> None:
        for pid in self.running:
            os.kill(pid, signal.SIGKILL)
        for pid in self.running:
            os.waitpid(pid, 0)

    def _child(self, request: dict[str, Any], input_fd: int, output_fd: int, *writable: int) -> None:
        """Never returns."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            seccomp.die_with_parent(signal.SIGKILL)
            output = os.fdopen(_keep_only(input_fd, output_fd, *writable), "wb", buffering=64 * 1024)
            memory = _map_input(4)
            os.close(4)
            _lower_limits(Limits(**request["limits"]))
            seccomp.deny_system_calls()
            try:
                for value in JOBS[request["job"]].run(memory, request["args"]):
                    line = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
                    output.write(line.encode("utf-8", "surrogatepass") + b"\n")
                    # At once: what was handed over stays read, whatever comes next.
                    output.flush()
                end: dict[str, Any] = {"_end": "done"}
            except IngestionError as error:
                end = {"_end": "failed", "code": error.code, "sentence": error.sentence}
            except MemoryError:
                end = {"_end": "limit", "limit": "memory"}
            except Exception as error:
                # MuPDF reports a failed allocation as an error of its own, and Python ignores the signal of a file
                # that is too large.
                words = f"{type(error).__name__}: {error}"
                if isinstance(error, OSError) and error.errno == errno.EFBIG:
                    end = {"_end": "limit", "limit": "disk"}
                elif "alloc" in words or "out of memory" in words:
                    end = {"_end": "limit", "limit": "memory"}
                else:
                    end = {"_end": "error", "error": words[:500]}
            output.write(json.dumps(end).encode() + b"\n")
            output.flush()
            code = 0
        finally:
            os._exit(code)


def _keep_only(input_fd: int, output_fd: int, *writable: int) -> int:
    """Output becomes descriptor 3, input 4, what may be written 5, standard streams nothing; the rest is closed."""
    given = [_above(descriptor) for descriptor in (output_fd, input_fd, *writable)]
    for number, descriptor in enumerate(given, 3):
        os.dup2(descriptor, number)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.closerange(3 + len(given), max(nothing, *given, 256) + 1)
    return 3


def _above(descriptor: int) -> int:
    """A copy that the fixed numbers above cannot overwrite."""
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_DUPFD, 16)


def _map_input(descriptor: int) -> memoryview:
    size = os.fstat(descriptor).st_size
    if size == 0:
        return memoryview(b"")
    return memoryview(mmap.mmap(descriptor, size, prot=mmap.PROT_READ))


def _lower_limits(limits: Limits) -> None:
    for kind, soft, hard in (
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1),
        (resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, limits.disk_bytes, limits.disk_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files, limits.open_files),
    ):
        # macOS refuses some of these; the parent's own clock holds everywhere.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (soft, hard))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
