"""An installation under its supervisor: it starts, heals and leaves nothing behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import redis

from docanalyst.processes import parts
from docanalyst.supervisor import status_words, usable_cores
from tests.services import (
    ROOT,
    LiveStack,
    clean_environment,
    create_database,
    free_port,
    guarded,
    run_live_stack,
    run_redis,
    wait_for,
)

pytestmark = pytest.mark.services

# What the parts may take (the longest grace), then Redis after them, and time to notice on a busy machine.
LONGEST_LEAVING = 20 + 8 + 14


def copy_of_the_project(target: Path) -> Path:
    """The sources in a folder of their own, where nobody edits anything meanwhile."""
    for name in ("apps", "docanalyst", "static", "templates"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "manage.py", target)
    return target


def times_of_change(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


def still_running(processes: list[psutil.Process]) -> list[psutil.Process]:
    # is_running compares the start time too, so a number used again by another process does not count.
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture(scope="module")
def stack(live_stack: LiveStack) -> LiveStack:
    return live_stack


def test_it_prints_one_address_with_the_one_time_token(stack: LiveStack) -> None:
    token = (stack.data_dir / "secrets" / "first_run_token").read_text().strip()
    assert stack.first_run_url == f"{stack.url}/first-run/{token}/"
    assert stack.log().count("http://") == 1
    assert stack.is_ready()


def test_it_runs_exactly_the_listed_commands(stack: LiveStack) -> None:
    listed = parts(
        host="127.0.0.1",
        port=stack.port,
        data_dir=stack.data_dir,
        ingest_processes=usable_cores(),
        ocr_threads=0,
    )
    assert [stack.part(part.name).cmdline()[1:] for part in listed] == [part.command()[1:] for part in listed]


def test_every_part_lives_in_a_process_group_of_its_own(stack: LiveStack) -> None:
    groups = [os.getpgid(stack.part(name).pid) for name in ("web", "ingest", "answers", "beat", "redis")]
    assert len({*groups, os.getpgid(stack.processes()[0].pid)}) == 6


def test_a_second_start_on_the_same_data_folder_is_refused_and_harms_nothing(stack: LiveStack) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "docanalyst.supervisor"],
        env={**stack.environment, "PORT": str(free_port())},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert "DocAnalyst is already running from" in done.stderr
    assert stack.is_ready()


def test_what_it_keeps_is_the_operators_alone(stack: LiveStack) -> None:
    assert stack.data_dir.stat().st_mode & 0o077 == 0
    assert (stack.data_dir / "docanalyst.sqlite3").stat().st_mode & 0o077 == 0


def test_management_commands_find_the_same_installation(stack: LiveStack) -> None:
    code = "from django.conf import settings; print(settings.DATA_DIR, settings.REDIS_URL)"
    assert f"{stack.data_dir} unix://{stack.data_dir}/run/redis.sock" in stack.manage(
        "shell", "-v0", "-c", code
    )


@pytest.mark.parametrize("name", ["answers", "ingest", "beat"])
def test_a_killed_part_is_started_again(stack: LiveStack, name: str) -> None:
    stack.kill_worker(name)
    assert f"{name:<8}| ended with SIGKILL; again in" in stack.log()


def test_a_killed_web_process_serves_again(stack: LiveStack) -> None:
    stack.restart_web()
    assert stack.is_ready()


def test_redis_comes_back_after_a_kill(stack: LiveStack) -> None:
    stack.kill_worker("redis")
    wait_for(stack.is_ready, seconds=30, what="ready with the new Redis")


def test_ctrl_c_ends_every_process_and_nothing_outside_the_data_folder_has_changed(tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path / "project")
    before = times_of_change(project)
    with run_live_stack(tmp_path / "data", root=project) as stack:
        processes = stack.processes()
        assert len(processes) >= 7
        stack.stop(signal.SIGINT)
        assert stack.process is not None
        assert stack.process.returncode == 0
        assert still_running(processes) == []
    assert times_of_change(project) == before
    assert {path.name for path in tmp_path.iterdir()} == {"data", "data.log", "project"}

    # The second start on the same folder, while we are here: the token is the same, the rest is there already.
    with run_live_stack(tmp_path / "data") as again:
        assert again.first_run_url.rsplit("/", 2)[1] == stack.first_run_url.rsplit("/", 2)[1]


def test_a_killed_supervisor_leaves_no_process(tmp_path: Path) -> None:
    with run_live_stack(tmp_path / "data") as stack:
        processes = stack.processes()
        stack.stop(signal.SIGKILL)
        wait_for(lambda: not still_running(processes), seconds=10, what="all processes gone")


@pytest.mark.postgres
def test_it_runs_on_servers_of_others(postgres_server: str, tmp_path: Path) -> None:
    with run_redis(tmp_path / "elsewhere") as redis_url, redis.Redis.from_url(redis_url) as client:
        url = create_database(postgres_server, f"grown_{os.getpid()}")
        environment = {"DATABASE_URL": url, "REDIS_URL": redis_url}
        with run_live_stack(tmp_path / "data", environment=environment) as stack:
            assert stack.is_ready()
            assert stack.part_id("redis") == 0
            assert not (stack.data_dir / "docanalyst.sqlite3").exists()
        assert client.ping()


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name
)
def test_a_signal_to_make_alone_ends_every_process(number: signal.Signals, tmp_path: Path) -> None:
    makefile = tmp_path / "Makefile"
    makefile.write_text(f"run:\n\t@exec {sys.executable} -m docanalyst.supervisor --stop-with-parent\n")
    variables = clean_environment(PORT=str(free_port()), DOCANALYST_DATA_DIR=str(tmp_path / "data"))
    make = ["make", "--no-print-directory", "-f", str(makefile), "run"]
    with guarded(
        make,
        cwd=ROOT,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # A shell starts what runs in its background with SIGINT ignored, and make then goes on ignoring it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        log: list[bytes] = []
        assert any(b"DocAnalyst is ready" in (log.append(line) or line) for line in process.stdout), b"".join(
            log
        )
        processes = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        wait_for(lambda: not still_running(processes), seconds=LONGEST_LEAVING, what="all processes gone")


def test_a_taken_port_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "docanalyst.supervisor"],
            env=clean_environment(PORT=str(port), DOCANALYST_DATA_DIR=str(tmp_path)),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 cannot be used" in done.stderr
    assert "make run PORT=" in done.stderr
    assert not (tmp_path / "docanalyst.sqlite3").exists()


def test_a_part_that_cannot_start_ends_the_start_with_its_name(tmp_path: Path) -> None:
    environment = {"DOCANALYST_LOG_LEVEL": "LOUD"}
    with run_live_stack(tmp_path / "data", wait=False, environment=environment) as stack:
        assert stack.process is not None
        assert stack.process.wait(60) == 1
        assert "DOCANALYST_LOG_LEVEL is 'LOUD'" in stack.log()


@pytest.mark.parametrize(
    ("status", "words"), [(-9, "SIGKILL"), (-15, "SIGTERM"), (0, "status 0"), (3, "status 3")]
)
def test_exit_statuses_are_said_in_words(status: int, words: str) -> None:
    assert status_words(status) == words
