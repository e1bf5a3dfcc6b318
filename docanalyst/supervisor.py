"""`make run`: one process that starts every part, watches over them, and leaves nothing behind.

Run as `python -m docanalyst.supervisor`. Each part lives in a process group of its own; one that dies is
started again after a pause. SIGINT and SIGTERM end all of them within their grace; when this process itself
is killed, the guardian does it (guardian.py).
"""

import asyncio
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from docanalyst import guardian, redis_server
from docanalyst.installation import Installation, InstallationError, installation_from_environment
from docanalyst.processes import parts
from docanalyst.redis_server import RedisUnavailable
from docanalyst.secrets import PROJECT_ROOT, SecretError, ensure_secrets

READY_WITHIN_SECONDS = 90.0
# Parts that are killed again and again must be back soon enough for documents and answers to be settled in time.
LONGEST_PAUSE_SECONDS = 8.0
# A part that lived this long had started properly: its next death counts as the first.
SETTLED_AFTER_SECONDS = 10.0
# Before the first readiness this many deaths in a row mean that it will not get better by itself.
DEATHS_AT_START = 4
# Each open stream is a descriptor of the web part: a usual shell gives 1,024 at first and allows more.
OPEN_FILES = 8_192

T = TypeVar("T")


class StopRequested(Exception):
    """Somebody asked to stop while something was being waited for."""


@dataclass(frozen=True)
class Service:
    """A process to keep running: what to start, and how long it may take to leave after SIGTERM."""

    name: str
    command: list[str]
    grace_seconds: float


class Supervisor:
    """Keeps the parts of one installation running until told to stop."""

    def __init__(self, installation: Installation, lock: int, *, stop_with_parent: bool) -> None:
        self.installation = installation
        self.environment = installation.environment()
        self.stop_with_parent = stop_with_parent
        self.guardian = start_guardian(lock)
        self.stopping = asyncio.Event()
        self.redis_stopping = asyncio.Event()
        self.killing = asyncio.Event()
        self.is_ready = False
        self.failure = ""

    async def run(self) -> int:
        """Start everything, wait until told to stop, stop everything. Gives the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.stop)
        keepers: list[asyncio.Task[None]] = []
        redis_keeper: asyncio.Task[None] | None = None
        parent_watcher = asyncio.create_task(self.watch_parent())
        try:
            if not self.installation.redis_url:
                redis_keeper = asyncio.create_task(self.keep(self.redis_service(), self.redis_stopping))
                await self.unless_stopped(self.redis_answers())
            has_users = await self.unless_stopped(self.prepare())
            keepers = [asyncio.create_task(self.keep(service, self.stopping)) for service in self.services()]
            await self.unless_stopped(self.announce(has_users=has_users))
            await self.stopping.wait()
        except StopRequested:
            pass
        except (RedisUnavailable, InstallationError) as error:
            self.failure = str(error)
        finally:
            parent_watcher.cancel()
            self.stopping.set()
            await asyncio.gather(*keepers)
            # Redis leaves last: workers hand unfinished messages back on their way out.
            self.redis_stopping.set()
            if redis_keeper:
                await redis_keeper
                redis_server.remove_socket(self.installation.data_dir)
            end_guardian(self.guardian)
        if self.failure:
            print(self.failure, file=sys.stderr, flush=True)
        return 1 if self.failure else 0

    def stop(self) -> None:
        """Begin to stop; asked a second time, kill what has not left yet."""
        if self.stopping.is_set():
            self.killing.set()
        else:
            say("stop", "stopping; once more to kill")
            self.stopping.set()

    def fail(self, sentence: str) -> None:
        """Begin to stop for a reason of our own."""
        self.failure = self.failure or sentence
        self.stopping.set()

    async def unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """Await work; raise StopRequested, and cancel it, when asked to stop first."""
        task = asyncio.create_task(work)
        stop = asyncio.create_task(self.stopping.wait())
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if task.done():
            return task.result()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        raise StopRequested

    # What is started ------------------------------------------------------------------------------

    def redis_service(self) -> Service:
        data_dir = self.installation.data_dir
        binary = redis_server.find_server()
        redis_server.prepare_folders(data_dir)
        return Service("redis", redis_server.server_command(binary, data_dir), grace_seconds=8)

    def services(self) -> list[Service]:
        found = parts(
            host=self.installation.host,
            port=self.installation.port,
            data_dir=self.installation.data_dir,
            ingest_processes=usable_cores(),
            # A page takes seconds of a core: half of them stay for people who wait.
            ocr_threads=max(1, usable_cores() // 2) if self.installation.recognises_text else 0,
        )
        return [Service(part.name, part.command(), part.grace_seconds) for part in found]

    async def redis_answers(self) -> None:
        socket_path = redis_server.default_socket(self.installation.data_dir)
        deadline = time.monotonic() + 60
        while not redis_server.answers_ping(socket_path):
            if time.monotonic() > deadline:
                raise RedisUnavailable(f"Redis did not answer on {socket_path} within a minute.")
            await asyncio.sleep(0.02)

    async def prepare(self) -> bool:
        """Migrate and collect static files; say whether anybody can sign in yet."""
        process = await self.start([sys.executable, "-m", "docanalyst.prepare"], stdout=subprocess.PIPE)
        try:
            output, _ = await process.communicate()
        finally:
            self.forget(process.pid)
        if process.returncode != 0:
            raise InstallationError("The database could not be prepared; the lines above say why.")
        return bool(json.loads(output)["has_users"])

    # Keeping a part alive -------------------------------------------------------------------------

    async def keep(self, service: Service, stopping: asyncio.Event) -> None:
        """Run a service, again after each death, until stopping is set; then end it."""
        deaths = 0
        while not stopping.is_set():
            reading, writing = os.pipe()
            process = await self.start(service.command, stdout=writing, stderr=subprocess.STDOUT)
            os.close(writing)
            started_at = time.monotonic()
            output = asyncio.create_task(relay(service.name, reading))
            died = asyncio.create_task(process.wait())
            stop = asyncio.create_task(stopping.wait())
            await asyncio.wait({died, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not died.done():
                await self.end(process, service.grace_seconds)
            stop.cancel()
            await died
            # What the process left in its group would otherwise hold ports, claims and this pipe.
            guardian.tell({process.pid}, signal.SIGKILL)
            self.forget(process.pid)
            await asyncio.wait({output}, timeout=2)
            output.cancel()
            if stopping.is_set():
                return
            deaths = 1 if time.monotonic() - started_at > SETTLED_AFTER_SECONDS else deaths + 1
            if not self.is_ready and deaths >= DEATHS_AT_START:
                self.fail(f"The {service.name} part does not start; the lines above say why.")
                return
            pause = min(LONGEST_PAUSE_SECONDS, 0.5 * 2 ** (deaths - 1))
            say(service.name, f"ended with {status_words(process.returncode)}; again in {pause:g} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), timeout=pause)

    async def start(self, command: list[str], **streams: int) -> asyncio.subprocess.Process:
        """Start a process in a group of its own that the guardian knows of."""
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=PROJECT_ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            **streams,  # type: ignore[arg-type]
        )
        self.tell_guardian(f"+{process.pid}")
        return process

    async def end(self, process: asyncio.subprocess.Process, grace_seconds: float) -> None:
        """SIGTERM to the process; SIGKILL to its group once the grace is over or we are asked again."""
        with suppress(ProcessLookupError):
            process.terminate()
        left = asyncio.create_task(process.wait())
        killing = asyncio.create_task(self.killing.wait())
        await asyncio.wait({left, killing}, timeout=grace_seconds, return_when=asyncio.FIRST_COMPLETED)
        killing.cancel()
        if not left.done():
            guardian.tell({process.pid}, signal.SIGKILL)
        await left

    def forget(self, group: int) -> None:
        self.tell_guardian(f"-{group}")

    def tell_guardian(self, line: str) -> None:
        assert self.guardian.stdin is not None
        with suppress(BrokenPipeError):
            self.guardian.stdin.write(line.encode("ascii") + b"\n")
            self.guardian.stdin.flush()

    async def watch_parent(self) -> None:
        """Stop when make, which started us, is gone or was interrupted alone."""
        if not self.stop_with_parent:
            return
        parent = os.getppid()
        at_first = blocks_interrupt(parent)
        while os.getppid() == parent and blocks_interrupt(parent) == at_first:  # noqa: ASYNC110 (nothing tells of it)
            await asyncio.sleep(0.25)
        self.stop()

    # Readiness ------------------------------------------------------------------------------------

    async def announce(self, *, has_users: bool) -> None:
        """Wait until every part is ready, then print the address, and only that."""
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        status, body = 0, ""
        while status != 200:
            if time.monotonic() > deadline:
                say("web", f"not ready after {READY_WITHIN_SECONDS:.0f} s: {body or 'no answer'}")
                deadline = float("inf")
            await asyncio.sleep(0.1)
            status, body = await fetch(self.installation, "/readyz")
        self.is_ready = True
        secrets = ensure_secrets(self.installation.data_dir)
        path = "/" if has_users else f"/first-run/{secrets['first_run_token']}/"
        print(f"\nDocAnalyst is ready: {self.installation.url}{path}\n", flush=True)


async def fetch(installation: Installation, path: str) -> tuple[int, str]:
    """GET a path from the web part; gives (status, start of the body), or (0, "") without an answer."""
    host, port = installation.local_address
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                public_host = urlsplit(installation.url).netloc
                writer.write(
                    f"GET {path} HTTP/1.1\r\nHost: {public_host}\r\nConnection: close\r\n\r\n".encode()
                )
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            finally:
                writer.close()
        return int(head.split(b" ", 2)[1]), body.decode(errors="replace")[:500]
    except (OSError, TimeoutError, IndexError, ValueError):
        return 0, ""


async def relay(name: str, descriptor: int) -> None:
    """Print what a part writes, line by line, until it ends."""
    reader = asyncio.StreamReader(limit=1024 * 1024)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb")
    )
    try:
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                continue  # a line longer than the limit: asyncio has dropped it
            if not line:
                return
            if line.strip():
                say(name, line.decode(errors="replace").rstrip())
    finally:
        transport.close()


def blocks_interrupt(process_id: int) -> bool:
    """Whether a process holds back SIGINT; false where /proc does not say.

    An interrupted make waits for its child inside its handler, where SIGINT is blocked, and passes nothing on:
    a terminal reaches both, but whoever signals make alone would wait for ever.
    """
    try:
        lines = Path(f"/proc/{process_id}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return False
    masks = [int(line.split()[1], 16) for line in lines if line.startswith("SigBlk:")]
    return bool(masks and masks[0] >> (signal.SIGINT - 1) & 1)


def say(name: str, text: str) -> None:
    """Print one line behind the name of the part it comes from."""
    print(f"{name:<8}| {text}", flush=True)


def status_words(status: int | None) -> str:
    """An exit status in words a log reader knows: `status 1`, `SIGKILL`."""
    if status is not None and status < 0:
        return signal.Signals(-status).name
    return f"status {status}"


def allow_open_files() -> None:
    """Raise this process's limit of open files, which the parts inherit, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def usable_cores() -> int:
    """How many cores this process may use; a container's share is often smaller than the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def start_guardian(*inherited: int) -> "subprocess.Popen[bytes]":
    """Start the guardian. It inherits the lock, so that nobody starts while it still cleans up."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", str(Path(guardian.__file__))],
        stdin=subprocess.PIPE,
        start_new_session=True,
        pass_fds=inherited,
    )


def end_guardian(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait()


def main() -> int:
    """Check what can be checked before anything starts, then run until told to stop."""
    # Everything the parts write is the operator's alone.
    os.umask(0o077)
    allow_open_files()
    try:
        installation = installation_from_environment()
        installation.prepare_folders()
        lock = installation.take_lock()
        installation.check_port()
        ensure_secrets(installation.data_dir)
    except (InstallationError, SecretError) as error:
        print(error, file=sys.stderr)
        return 1
    # Left by a run that was killed; nobody else uses it while we hold the lock.
    shutil.rmtree(installation.data_dir / "tmp", ignore_errors=True)
    installation.prepare_folders()
    if os.geteuid() == 0:
        say("start", "running as root; an account of its own is safer")
    stop_with_parent = "--stop-with-parent" in sys.argv[1:]
    return asyncio.run(_run(installation, lock, stop_with_parent=stop_with_parent))


async def _run(installation: Installation, lock: int, *, stop_with_parent: bool) -> int:
    return await Supervisor(installation, lock, stop_with_parent=stop_with_parent).run()


if __name__ == "__main__":
    raise SystemExit(main())
