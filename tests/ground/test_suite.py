"""The suite keeps its own promises: nothing outside is reached, and what was left out is said."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import OutsideConnection
from tests.services import ROOT, free_port

WANTING = """
from tests.services import missing

def test_wants_the_moon():
    missing("the moon", "too far")

def test_wants_nothing():
    pass
"""


def run_suite(
    folder: Path, content: str, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    (folder / "test_inner.py").write_text(content)
    variables = {
        name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("PYTEST_")
    }
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-c", "/dev/null", "--rootdir", str(folder)),
            *("-p", "tests.conftest", "-p", "no:cacheprovider", *arguments, str(folder)),
        ],
        cwd=ROOT,
        env={**variables, "DJANGO_SETTINGS_MODULE": "tests.settings", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["one-process", "two-workers"])
def test_a_run_names_what_it_could_not_run(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run_suite(tmp_path, WANTING, *arguments)
    assert done.returncode == 0, done.stdout
    assert "Not run: 1 tests, for want of the moon (too far)" in done.stdout
    assert "1 passed, 1 skipped" in done.stdout.splitlines()[-1]


def test_under_ci_a_missing_part_fails(tmp_path: Path) -> None:
    done = run_suite(tmp_path, WANTING, CI="1")
    assert done.returncode == 1
    assert "for want of the moon" in done.stdout


def test_only_tests_that_use_the_database_run_again_on_another(tmp_path: Path) -> None:
    content = "def test_with(db): pass\n\ndef test_without(): pass\n"
    done = run_suite(tmp_path, content, "--database-only", "-p", "pytest_django")
    assert "1 passed, 1 deselected" in done.stdout.splitlines()[-1], done.stdout


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.org"])
def test_other_hosts_are_out_of_reach(host: str) -> None:
    with pytest.raises(OutsideConnection):
        socket.create_connection((host, 80), timeout=1)


def test_this_machine_is_within_reach() -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", free_port()), timeout=1)
