"""The installation's own secrets."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from docanalyst.secrets import MAKERS, SecretError, data_dir_from_environment, ensure_secrets, read_secret
from tests.services import ROOT


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_made_once_and_only_the_owner_can_read_them(tmp_path: Path) -> None:
    first = ensure_secrets(tmp_path)
    assert ensure_secrets(tmp_path) == first
    assert set(first) == set(MAKERS)
    assert mode(tmp_path / "secrets") == 0o700
    assert {path.name: mode(path) for path in (tmp_path / "secrets").iterdir()} == dict.fromkeys(
        MAKERS, 0o600
    )


def test_two_installations_share_no_secret(tmp_path: Path) -> None:
    one, other = ensure_secrets(tmp_path / "one"), ensure_secrets(tmp_path / "other")
    assert not set(one.values()) & set(other.values())


def test_the_field_key_encrypts(tmp_path: Path) -> None:
    fernet = Fernet(read_secret("field_key", tmp_path))
    assert fernet.decrypt(fernet.encrypt(b"key of a provider")) == b"key of a provider"


def test_a_file_that_others_can_read_is_narrowed(tmp_path: Path) -> None:
    value = read_secret("secret_key", tmp_path)
    (tmp_path / "secrets" / "secret_key").chmod(0o644)
    assert read_secret("secret_key", tmp_path) == value
    assert mode(tmp_path / "secrets" / "secret_key") == 0o600


def test_processes_that_start_together_get_the_same_secrets(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]); "
        "from docanalyst.secrets import ensure_secrets; print(ensure_secrets(Path(sys.argv[1])))"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(ROOT)], stdout=subprocess.PIPE)
        for _ in range(6)
    ]
    assert len({process.communicate()[0] for process in processes}) == 1


def test_a_cut_secret_is_refused_by_name(tmp_path: Path) -> None:
    read_secret("secret_key", tmp_path)
    (tmp_path / "secrets" / "secret_key").write_text("short")
    with pytest.raises(SecretError, match="secret_key holds less than the 50 characters"):
        ensure_secrets(tmp_path)


def test_a_place_that_cannot_hold_secrets_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(SecretError, match=r"data/secrets/secret_key cannot be read: Not a directory"):
        ensure_secrets(tmp_path / "data")


def test_the_data_folder_is_beside_the_sources_unless_the_environment_names_one(tmp_path: Path) -> None:
    assert data_dir_from_environment({}) == ROOT / "data"
    assert data_dir_from_environment({"DOCANALYST_DATA_DIR": f"{tmp_path}/a/../b"}) == tmp_path / "b"
