import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.limits import Limits
from apps.library.ingestion.sandbox import Cancelled, ChildDied, ChildFailed, Sandbox, sandbox
from apps.library.ingestion.seccomp import DENIED, build_filter

linux = pytest.mark.skipif(sys.platform != "linux", reason="seccomp and its kin exist on Linux only")


def run(box: Sandbox, job: str, fd: int, *, limits: Limits | None = None) -> list[dict]:
    return list(box.run(f"test.{job}", fd=fd, args={}, limits=limits))


def is_gone(pid: int, seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def zygote_pid(box: Sandbox) -> int:
    assert box._process is not None
    return box._process.pid


def test_child_reads_the_whole_file_and_its_arguments(box: Sandbox, input_fd: int) -> None:
    os.lseek(input_fd, 3, os.SEEK_SET)
    values = list(box.run("test.echo", fd=input_fd, args={"number": 7}))
    assert values == [{"bytes": "hello", "args": {"number": 7}}]


def test_child_reads_an_empty_file(box: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    with path.open("rb") as file:
        assert run(box, "echo", file.fileno())[0]["bytes"] == ""


def test_environment_is_empty(box: Sandbox, input_fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_KEY", "secret")
    fresh = Sandbox(job_modules=("tests.library.ingestion.jobs_for_tests",))
    try:
        environment = run(fresh, "surroundings", input_fd)[0]["environment"]
    finally:
        fresh.close()
    assert "CANARY_KEY" not in environment
    # The interpreter itself may set the character type of its locale.
    assert set(environment) <= {"LC_CTYPE"}


def test_child_holds_nothing_but_input_output_and_null(box: Sandbox, input_fd: int) -> None:
    # Standard streams, the pipe, and the mapped file's own descriptor.
    assert len(run(box, "descriptors", input_fd)[0]["open"]) == 5


@linux
def test_child_can_neither_connect_nor_open_nor_start_nor_signal(box: Sandbox, input_fd: int) -> None:
    if not box.report()["seccomp"]:
        pytest.skip("this kernel has no seccomp filters")
    outcomes = {value["attempt"]: value["outcome"] for value in run(box, "attempts", input_fd)}
    assert len(outcomes) == 14
    assert set(outcomes.values()) == {"refused"}, outcomes
    assert not Path("/tmp/created-by-a-parser").exists()


@linux
def test_every_table_of_system_calls_gives_a_program() -> None:
    for machine, column in (("x86_64", 0), ("aarch64", 1)):
        numbers = [pair[column] for pair in DENIED.values() if pair[column] is not None]
        program = build_filter(machine)
        assert program is not None
        assert len(program) == 8 * (9 + 2 * len(numbers))
        assert len(set(numbers)) == len(numbers)
    assert build_filter("riscv64") is None


def test_wall_limit_kills_the_child_in_time(box: Sandbox, input_fd: int) -> None:
    started = time.monotonic()
    values = box.run("test.sleep", fd=input_fd, args={}, limits=Limits(wall_seconds=0.5))
    pid = next(values)["pid"]
    with pytest.raises(ChildDied) as died:
        next(values)
    assert died.value.limit == "time"
    assert time.monotonic() - started < 10  # far below the 60 s it would sleep on
    assert is_gone(pid)


def test_idle_limit_counts_silence_of_the_child_alone(box: Sandbox, input_fd: int) -> None:
    values = box.run("test.sleep", fd=input_fd, args={}, limits=Limits(idle_seconds=0.3))
    pid = next(values)["pid"]
    time.sleep(0.5)  # the caller's own time
    started = time.monotonic()
    with pytest.raises(ChildDied) as died:
        next(values)
    assert died.value.limit == "idle"
    assert 0.2 < time.monotonic() - started < 10
    assert is_gone(pid)


def test_processor_limit_stops_a_child_that_spins(box: Sandbox, input_fd: int) -> None:
    with pytest.raises(ChildDied) as died:
        run(box, "spin", input_fd, limits=Limits(cpu_seconds=1, wall_seconds=30))
    assert died.value.limit == "cpu"
    assert "1 seconds of processor time" in died.value.sentence


@linux
def test_memory_limit_stops_a_hog(box: Sandbox, input_fd: int) -> None:
    with pytest.raises(ChildDied) as died:
        run(box, "hog", input_fd, limits=Limits(memory_bytes=1024**3))
    assert died.value.limit == "memory"
    assert "1024 MiB" in died.value.sentence


def test_output_limit_stops_a_flood(box: Sandbox, input_fd: int) -> None:
    with pytest.raises(ChildDied) as died:
        run(box, "flood", input_fd, limits=Limits(output_bytes=1_000_000))
    assert died.value.limit == "output"


@pytest.mark.parametrize(("job", "limit"), [("crash", "crash"), ("exit", "crash")])
def test_sudden_end_is_named(box: Sandbox, input_fd: int, job: str, limit: str) -> None:
    with pytest.raises(ChildDied) as died:
        run(box, job, input_fd)
    assert died.value.limit == limit


def test_killed_child_is_named(box: Sandbox, input_fd: int) -> None:
    values = box.run("test.sleep", fd=input_fd, args={})
    os.kill(next(values)["pid"], signal.SIGKILL)
    with pytest.raises(ChildDied) as died:
        next(values)
    assert died.value.limit == "killed"


def test_unforeseen_error_keeps_its_words_out_of_the_sentence(box: Sandbox, input_fd: int) -> None:
    with pytest.raises(ChildFailed, match="ZeroDivisionError: of all things") as failed:
        run(box, "raise", input_fd)
    assert "ZeroDivision" not in failed.value.sentence


def test_refusal_keeps_code_and_numbers(box: Sandbox, input_fd: int) -> None:
    with pytest.raises(IngestionError) as refused:
        run(box, "refuse", input_fd)
    assert refused.value.code == "too_many_pages"
    assert "30000 pages" in refused.value.sentence


def test_closing_the_iterator_kills_the_child(box: Sandbox, input_fd: int) -> None:
    values = box.run("test.spin", fd=input_fd, args={})
    pid = next(values)["pid"]
    values.close()
    assert is_gone(pid)


def test_cancelling_from_another_thread_kills_the_child(box: Sandbox, input_fd: int) -> None:
    cancelled = threading.Event()
    values = box.run("test.spin", fd=input_fd, args={}, cancelled=cancelled)
    pid = next(values)["pid"]
    threading.Timer(0.1, cancelled.set).start()
    with pytest.raises(Cancelled):
        next(values)
    assert is_gone(pid)


def test_threads_share_one_zygote_without_mixing_answers(box: Sandbox, input_fd: int) -> None:
    def ask(number: int) -> int:
        return next(box.run("test.echo", fd=input_fd, args={"number": number}))["args"]["number"]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(60))) == list(range(60))


def test_killed_zygote_takes_its_children_along_and_is_replaced(box: Sandbox, input_fd: int) -> None:
    box.report()
    first = zygote_pid(box)
    values = box.run("test.spin", fd=input_fd, args={})
    child = next(values)["pid"]
    os.kill(first, signal.SIGKILL)
    with pytest.raises(ChildDied) as died:
        next(values)
    assert died.value.limit == "lost"
    assert is_gone(child)
    assert run(box, "echo", input_fd)[0]["bytes"] == "hello"
    assert zygote_pid(box) != first


def test_nothing_outlives_the_owner(tmp_path: Path) -> None:
    """An owner killed without warning leaves neither zygote nor child."""
    script = (
        "import os, sys\n"
        "from apps.library.ingestion.sandbox import Sandbox\n"
        "box = Sandbox(job_modules=('tests.library.ingestion.jobs_for_tests',))\n"
        "fd = os.open(sys.executable, os.O_RDONLY)\n"
        "child = next(values := box.run('test.spin', fd=fd, args={}))['pid']\n"
        "print(box._process.pid, child, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    import subprocess

    root = Path(__file__).resolve().parents[3]
    owner = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True)
    assert owner.returncode == -signal.SIGKILL, owner.stderr
    zygote, child = map(int, owner.stdout.split())
    assert is_gone(zygote)
    assert is_gone(child)


def test_forked_process_gets_a_sandbox_of_its_own(input_fd: int) -> None:
    mine = sandbox()
    mine.report()
    pid = os.fork()
    if pid == 0:
        own = sandbox()
        good = own is not mine and "seccomp" in own.report()
        own.close()
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    # The parent's own zygote still answers: this is no PDF.
    with pytest.raises(IngestionError):
        list(mine.run("pdf.words", fd=input_fd, args={"numbers": [], "password": ""}))


def test_fifty_children_leave_no_descriptor_behind(box: Sandbox, input_fd: int) -> None:
    run(box, "echo", input_fd)
    zygote = psutil.Process(zygote_pid(box))
    # The last child may still hold its own for a moment.
    mine, its = psutil.Process().num_fds(), zygote.num_fds()
    for _ in range(50):
        run(box, "echo", input_fd)
    deadline = time.monotonic() + 2
    while zygote.num_fds() > its and time.monotonic() < deadline:
        time.sleep(0.02)
    assert psutil.Process().num_fds() <= mine
    assert zygote.num_fds() <= its
