"""One installation as the environment describes it, and whether it may start: address, port, lock.

Standard library only.
"""

import fcntl
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from apps.common.addresses import is_loopback
from docanalyst.secrets import data_dir_from_environment

# The guardian of an instance that was killed keeps the lock while it cleans up.
LOCK_PATIENCE_SECONDS = 6.0


class InstallationError(Exception):
    """The installation cannot start as it is; the message is a sentence for the operator."""


@dataclass(frozen=True)
class Installation:
    """Where one installation keeps its data and where it listens.

    url: the address people use, without a closing slash. redis_url: empty when Redis is started for it.
    recognises_text: whether it has a part that reads scans.
    """

    data_dir: Path
    host: str
    port: int
    url: str
    redis_url: str
    recognises_text: bool = True

    @property
    def lock_path(self) -> Path:
        return self.data_dir / "run" / "lock"

    @property
    def local_address(self) -> tuple[str, int]:
        """Where this machine reaches the web part, also when it listens on every address."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host), self.port  # noqa: S104

    def environment(self, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Variables for every part: the operator's own, and ours that keep all writing in the data folder."""
        return {
            **environ,
            "DJANGO_SETTINGS_MODULE": environ.get("DJANGO_SETTINGS_MODULE", "docanalyst.settings"),
            "DOCANALYST_DATA_DIR": str(self.data_dir),
            "DOCANALYST_URL": self.url,
            "HOST": self.host,
            "PORT": str(self.port),
            "TMPDIR": str(self.data_dir / "tmp"),
            # Installed packages come with their byte code; ours is small enough to compile at each start.
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            # Said once by the supervisor instead of by every worker.
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
        }

    def prepare_folders(self) -> None:
        """Make the data folder and what the processes need in it. Raises InstallationError."""
        try:
            for name in ("", "run", "tmp", "files", "uploads", "static"):
                (self.data_dir / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InstallationError(
                f"The data folder {self.data_dir} cannot be made: {error.strerror}."
            ) from error

    def take_lock(self) -> int:
        """Give a descriptor that holds this data folder's lock. Raises InstallationError while another does."""
        descriptor = os.open(self.lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = os.pread(descriptor, 32, 0).decode("ascii", errors="replace").strip()
                if is_running(holder) or time.monotonic() > deadline:
                    os.close(descriptor)
                    raise InstallationError(
                        f"DocAnalyst is already running from {self.data_dir} (process {holder or 'unknown'}). "
                        "Stop it first, or set DOCANALYST_DATA_DIR to another folder."
                    ) from None
                time.sleep(0.1)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        return descriptor

    def check_port(self) -> None:
        """Raise InstallationError when the web part could not listen."""
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            with socket.socket(family, kind, protocol) as probe:
                # As the server does, or the closed connections of an earlier run would count as taken.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                probe.listen(1)
        except OSError as error:
            raise InstallationError(
                f"Port {self.port} on {self.host} cannot be used: {error.strerror}. "
                f"Choose another, for example: make run PORT={self.port + 1 if self.port < 65535 else 8001}"
            ) from error


def installation_from_environment(environ: Mapping[str, str] = os.environ) -> Installation:
    """Read HOST, PORT, DOCANALYST_URL, DOCANALYST_DATA_DIR and REDIS_URL.

    Raises InstallationError for nonsense, and for plain http beyond this machine.
    """
    host = environ.get("HOST", "").strip() or "127.0.0.1"
    port_text = environ.get("PORT", "").strip() or "8000"
    if not port_text.isascii() or not port_text.isdigit() or not 0 < int(port_text) < 65536:
        raise InstallationError(f"PORT is {port_text!r}; write a number from 1 to 65535.")
    port = int(port_text)
    given_url = environ.get("DOCANALYST_URL", "").strip().rstrip("/")
    if not is_loopback(host) and urlsplit(given_url).scheme != "https":
        raise InstallationError(
            f"HOST is {host}, which other machines can reach, and plain http is for this machine alone. "
            "Put a TLS proxy in front and set DOCANALYST_URL to its https address, or unset HOST."
        )
    url = given_url or f"http://{'localhost' if host == '127.0.0.1' else _in_brackets(host)}:{port}"
    return Installation(
        data_dir=data_dir_from_environment(environ),
        host=host,
        port=port,
        url=url,
        redis_url=environ.get("REDIS_URL", "").strip(),
        # The settings refuse what is neither yes nor no.
        recognises_text=environ.get("DOCANALYST_OCR", "").strip().lower() not in {"0", "false", "no", "off"},
    )


def _in_brackets(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def is_running(process_id: str) -> bool:
    """Whether a process of that number lives; a text that is no number names none."""
    if not process_id.isdigit():
        return False
    try:
        os.kill(int(process_id), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
