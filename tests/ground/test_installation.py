"""What the environment may say, and who may start."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from docanalyst.installation import Installation, InstallationError, installation_from_environment
from docanalyst.secrets import PROJECT_ROOT


def installation(data_dir: Path, **changes) -> Installation:
    values = {"host": "127.0.0.1", "port": 8000, "url": "http://localhost:8000", "redis_url": ""}
    return Installation(data_dir=data_dir, **{**values, **changes})


def test_without_variables_only_this_machine_can_reach_it() -> None:
    assert installation_from_environment({}) == installation(PROJECT_ROOT / "data")


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({"PORT": "9000"}, "http://localhost:9000"),
        ({"HOST": "localhost"}, "http://localhost:8000"),
        ({"HOST": "::1"}, "http://[::1]:8000"),
        ({"HOST": "0.0.0.0", "DOCANALYST_URL": "https://docs.example.org/"}, "https://docs.example.org"),
        ({"DOCANALYST_URL": "https://docs.example.org"}, "https://docs.example.org"),
    ],
)
def test_the_address_follows_the_environment(environment: dict[str, str], url: str) -> None:
    assert installation_from_environment(environment).url == url


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"PORT": "http"}, "PORT is 'http'"),
        ({"PORT": "0"}, "PORT is '0'"),
        ({"PORT": "65536"}, "PORT is '65536'"),
        ({"PORT": "٨٠٠٠"}, "PORT is"),
        ({"HOST": "0.0.0.0"}, "plain http is for this machine alone"),
        (
            {"HOST": "192.168.1.4", "DOCANALYST_URL": "http://docs.example.org"},
            "plain http is for this machine",
        ),
        ({"HOST": "example.org"}, "plain http is for this machine alone"),
    ],
)
def test_nonsense_and_plain_http_for_others_are_refused(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(InstallationError, match=sentence):
        installation_from_environment(environment)


def test_a_second_start_on_the_same_data_folder_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    mine = installation(tmp_path)
    mine.prepare_folders()
    descriptor = mine.take_lock()
    with pytest.raises(
        InstallationError, match=rf"already running from {tmp_path} \(process {os.getpid()}\)"
    ):
        installation(tmp_path).take_lock()
    os.close(descriptor)
    os.close(installation(tmp_path).take_lock())


def test_a_lock_left_by_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    installation(tmp_path).prepare_folders()
    code = (
        "import os, sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]); "
        "from docanalyst.installation import Installation; "
        "Installation(Path(sys.argv[1]), '127.0.0.1', 1, '', '').take_lock(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path), str(PROJECT_ROOT)], check=False)
    assert installation(tmp_path).lock_path.read_text().strip().isdigit()
    os.close(installation(tmp_path).take_lock())


def test_a_taken_port_is_named_with_another_to_try(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            InstallationError, match=f"Port {port} on 127.0.0.1 cannot be used: Address already in use"
        ):
            installation(tmp_path, port=port).check_port()
    installation(tmp_path, port=port).check_port()


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InstallationError, match="cannot be made: Not a directory"):
        installation(tmp_path / "file" / "data").prepare_folders()


def test_processes_write_inside_the_data_folder_alone(tmp_path: Path) -> None:
    variables = installation(tmp_path).environment({"PATH": "/bin", "DEEPINFRA_API_KEY": "key"})
    assert variables["TMPDIR"] == str(tmp_path / "tmp")
    assert variables["PYTHONDONTWRITEBYTECODE"] == "1"
    assert variables["DEEPINFRA_API_KEY"] == "key"
