"""From a bare Python to an environment that matches the lock, then on to the command given.

    python3 -I -B docanalyst/bootstrap.py run|dev [-- command …]

Standard library only, and never imported from the package: `docanalyst` itself needs what is installed here.
`-I` keeps this folder off the import path, where secrets.py would hide the library's module of that name.
The command's first word is looked up in the environment's own folder.
"""

import hashlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
BIN = ENVIRONMENT / "bin"
STAMP = ENVIRONMENT / "lock-stamp.json"
LOCKS = {"run": ROOT / "requirements.lock", "dev": ROOT / "requirements-dev.lock"}
INSTALLER_LOCK = ROOT / "docanalyst" / "bootstrap.lock"
OLDEST_PYTHON = (3, 11)


class BootstrapError(Exception):
    """The environment cannot be made; the message is a sentence for the person at the keyboard."""


def ensure_environment(kind: str) -> None:
    """Make .venv match a lock; does nothing when it already does.

    kind: "run", or "dev", whose lock holds everything of the other. An environment made for "dev" stays one.
    """
    stamp = read_stamp()
    kind = "dev" if "dev" in (kind, stamp.get("kind")) else "run"
    wanted = {"kind": kind, "lock": digest(LOCKS[kind]), "python": sys.version.split()[0]}
    if stamp == wanted and (BIN / "python").exists():
        return
    if stamp.get("python") != wanted["python"] or not (BIN / "python").exists():
        print("Making .venv", flush=True)
        make_environment()
    STAMP.unlink(missing_ok=True)
    print(f"Installing {LOCKS[kind].name}", flush=True)
    install(LOCKS[kind])
    STAMP.write_text(json.dumps(wanted), encoding="utf-8")


def read_stamp() -> dict[str, str]:
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def make_environment() -> None:
    try:
        venv.EnvBuilder(with_pip=True, clear=ENVIRONMENT.exists(), symlinks=True).create(ENVIRONMENT)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BootstrapError(
            f"Python {sys.version.split()[0]} cannot make a virtual environment ({error}). "
            "On Debian and Ubuntu: apt install python3-venv."
        ) from error


def install(lock: Path) -> None:
    """Install exactly what the lock says: by uv, which takes seconds, else by pip.

    uv does not read pip's configuration, so on a machine whose mirror only pip knows it fails, and pip does it.
    """
    pip = [str(BIN / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    hashed = ["--require-hashes", "--no-deps"]
    if call([*pip, *hashed, "--only-binary", ":all:", "--requirement", str(INSTALLER_LOCK)]):
        uv = [str(BIN / "uv"), "pip", "sync", "--quiet", "--python", str(BIN / "python")]
        if call([*uv, "--require-hashes", "--compile-bytecode", str(lock)]):
            return
        print("uv could not install it (above); trying pip", flush=True)
    if not call([*pip, *hashed, "--requirement", str(lock)]):
        raise BootstrapError(f"{lock.name} could not be installed; the lines above say why.")


def call(command: list[str]) -> bool:
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def main(arguments: list[str]) -> None:
    """Prepare the environment and become the command, when there is one."""
    kind, *rest = arguments
    command = rest[1:] if rest[:1] == ["--"] else rest
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:2]))
        raise BootstrapError(
            f"Python 3.11 or newer is needed; this is {found}. Try: make PYTHON=python3.12 …"
        )
    ensure_environment(kind)
    if command:
        # No byte code beside the sources: a run changes nothing outside its data folder.
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        os.chdir(ROOT)
        os.execv(BIN / command[0], [str(BIN / command[0]), *command[1:]])  # noqa: S606 (the point of it)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BootstrapError as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        sys.exit(130)
