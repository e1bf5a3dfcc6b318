"""From a bare Python to an environment that matches the lock."""

import subprocess
import sys
from pathlib import Path

import pytest

from docanalyst import bootstrap
from tests.services import ROOT


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A project of its own whose environment and installer only take notes."""
    done: list[str] = []
    environment = tmp_path / ".venv"
    for kind in ("run", "dev"):
        (tmp_path / f"{kind}.lock").write_text(f"{kind} 1\n")
    monkeypatch.setattr(bootstrap, "LOCKS", {kind: tmp_path / f"{kind}.lock" for kind in ("run", "dev")})
    monkeypatch.setattr(bootstrap, "BIN", environment / "bin")
    monkeypatch.setattr(bootstrap, "STAMP", environment / "lock-stamp.json")

    def make_environment() -> None:
        (environment / "bin").mkdir(parents=True, exist_ok=True)
        (environment / "bin" / "python").write_text("")
        done.append("made")

    monkeypatch.setattr(bootstrap, "make_environment", make_environment)
    monkeypatch.setattr(bootstrap, "install", lambda lock: done.append(lock.name))
    return done


def test_a_second_start_installs_nothing(sandbox: list[str]) -> None:
    bootstrap.ensure_environment("run")
    bootstrap.ensure_environment("run")
    assert sandbox == ["made", "run.lock"]


def test_a_changed_lock_is_installed_into_the_same_environment(sandbox: list[str]) -> None:
    bootstrap.ensure_environment("run")
    bootstrap.LOCKS["run"].write_text("run 2\n")
    bootstrap.ensure_environment("run")
    assert sandbox == ["made", "run.lock", "run.lock"]


def test_running_from_a_development_environment_keeps_its_tools(sandbox: list[str]) -> None:
    bootstrap.ensure_environment("dev")
    bootstrap.LOCKS["run"].write_text("run 2\n")
    bootstrap.ensure_environment("run")
    bootstrap.LOCKS["dev"].write_text("dev 2\n")
    bootstrap.ensure_environment("run")
    assert sandbox == ["made", "dev.lock", "dev.lock"]


def test_testing_adds_the_tools_to_a_running_environment(sandbox: list[str]) -> None:
    bootstrap.ensure_environment("run")
    bootstrap.ensure_environment("dev")
    assert sandbox == ["made", "run.lock", "dev.lock"]


def test_another_python_gets_a_new_environment(sandbox: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap.ensure_environment("run")
    monkeypatch.setattr(bootstrap.sys, "version", "3.12.1 (main)")
    bootstrap.ensure_environment("run")
    assert sandbox == ["made", "run.lock", "made", "run.lock"]


def test_an_installation_that_broke_off_is_done_again(
    sandbox: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(lock: Path) -> None:
        raise bootstrap.BootstrapError("no network")

    bootstrap.ensure_environment("run")
    bootstrap.LOCKS["run"].write_text("run 2\n")
    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "install", broken)
        with pytest.raises(bootstrap.BootstrapError):
            bootstrap.ensure_environment("run")
    bootstrap.LOCKS["run"].write_text("run 1\n")
    bootstrap.ensure_environment("run")
    # Nobody knows what the broken one left, so it starts from an empty environment.
    assert sandbox == ["made", "run.lock", "made", "run.lock"]


@pytest.mark.parametrize(
    ("uv_can_be_had", "uv_succeeds", "installers"),
    [(True, True, ["pip", "uv"]), (True, False, ["pip", "uv", "pip"]), (False, False, ["pip", "pip"])],
    ids=["uv", "uv-fails", "no-uv"],
)
def test_pip_installs_what_uv_cannot(
    monkeypatch: pytest.MonkeyPatch, uv_can_be_had: bool, uv_succeeds: bool, installers: list[str]
) -> None:
    used: list[str] = []

    def call(command: list[str]) -> bool:
        assert "--require-hashes" in command
        used.append("uv" if command[0].endswith("/uv") else "pip")
        if used[-1] == "uv":
            return uv_succeeds
        return uv_can_be_had if len(used) == 1 else True

    monkeypatch.setattr(bootstrap, "call", call)
    bootstrap.install(ROOT / "requirements.lock")
    assert used == installers


def test_it_runs_on_the_standard_library_alone() -> None:
    code = (
        "import runpy, sys; before = set(sys.modules); runpy.run_path(sys.argv[1]); "
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(ROOT / "docanalyst" / "bootstrap.py")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ""


def test_an_old_python_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 10, 2))
    with pytest.raises(bootstrap.BootstrapError, match=r"Python 3\.11 or newer is needed; this is 3\.10"):
        bootstrap.main(["run"])


@pytest.mark.parametrize(
    "target",
    [
        "help",
        "install",
        "run",
        "test",
        "lint",
        "format",
        "bench",
        "soak",
        "screenshots",
        "backup",
        "restore",
        "upgrade",
    ],
)
def test_make_knows_each_command(target: str) -> None:
    done = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"make {target} " in listed
