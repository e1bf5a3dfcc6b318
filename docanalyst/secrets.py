"""The installation's own secrets: made once, kept in the data folder, read by settings.

Standard library only, because settings import this before anything else exists.
"""

import base64
import os
import secrets as random_source
import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class SecretError(Exception):
    """A secret cannot be used as it is; the message is a sentence for the operator."""


def _make_field_key() -> str:
    # The format of a Fernet key: 32 random bytes in URL-safe base64, padding kept.
    return base64.urlsafe_b64encode(os.urandom(32)).decode("ascii")


def _make_first_run_token() -> str:
    return random_source.token_urlsafe(24)


def _make_secret_key() -> str:
    return random_source.token_urlsafe(64)


MAKERS: Mapping[str, Callable[[], str]] = {
    "secret_key": _make_secret_key,
    "field_key": _make_field_key,
    "first_run_token": _make_first_run_token,
}

MINIMUM_LENGTH: Mapping[str, int] = {"secret_key": 50, "field_key": 44, "first_run_token": 16}


def data_dir_from_environment(environ: Mapping[str, str] = os.environ) -> Path:
    """DOCANALYST_DATA_DIR as an absolute path, by default `data` beside manage.py."""
    given = environ.get("DOCANALYST_DATA_DIR", "").strip()
    return Path(given).expanduser().resolve() if given else PROJECT_ROOT / "data"


def ensure_secrets(data_dir: Path) -> dict[str, str]:
    """Give the secrets of this data folder by name (the keys of MAKERS), making the missing ones.

    Files lie in `<data_dir>/secrets/` (directory 0700, files 0600). Safe to call from several
    processes at once: all of them get the same values. Raises SecretError.
    """
    return {name: read_secret(name, data_dir) for name in MAKERS}


def read_secret(name: str, data_dir: Path | None = None) -> str:
    """Give one secret from its file, making the file when it is missing.

    name: a key of MAKERS. data_dir: by default the one the environment names. Raises SecretError.
    """
    if name not in MAKERS:
        raise SecretError(f"There is no secret called {name!r}.")
    folder = (data_dir if data_dir is not None else data_dir_from_environment()) / "secrets"
    path = folder / name
    try:
        value = _read_privately(path)
    except FileNotFoundError:
        _make_folder(folder)
        _write_once(path, MAKERS[name]())
        # Read back rather than trusted: another process may have been first.
        value = _read_privately(path)
    except OSError as error:
        raise SecretError(f"The secret {path} cannot be read: {error.strerror}.") from error
    if len(value) < MINIMUM_LENGTH[name]:
        raise SecretError(
            f"{path} holds less than the {MINIMUM_LENGTH[name]} characters a {name} needs; "
            "restore it from a backup, or remove it to have a new one made."
        )
    return value


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise SecretError(f"Secrets cannot be kept in {folder}: {error.strerror}.") from error


def _read_privately(path: Path) -> str:
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        # A copied folder often arrives with wider modes; narrowing is safe, a stranger's file is not ours to touch.
        if mode & 0o077 and os.fstat(file.fileno()).st_uid == os.geteuid():
            os.fchmod(file.fileno(), 0o600)
        return file.read().decode("ascii", errors="replace").strip()


def _write_once(path: Path, value: str) -> None:
    """Create path with value, or leave the one that another process made meanwhile."""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(value + "\n")
                file.flush()
                os.fsync(file.fileno())
            # A link never replaces what is there, and the file appears complete or not at all.
            os.link(temporary, path)
        finally:
            os.unlink(temporary)
    except FileExistsError:
        return
    except OSError as error:
        raise SecretError(f"The secret {path} cannot be written: {error.strerror}.") from error
