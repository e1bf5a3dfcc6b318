"""A look into a running installation's database, which costs its processes nothing."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path


def unread_documents(data_dir: Path) -> int:
    return _number(data_dir, "SELECT count(*) FROM library_revision WHERE status IN ('uploaded', 'reading')")


def last_ready_at(data_dir: Path) -> float:
    """When the last document became ready, in seconds since 1970."""
    ready_at = str(_value(data_dir, "SELECT max(ready_at) FROM library_revision"))
    return datetime.fromisoformat(ready_at).replace(tzinfo=UTC).timestamp()


def running_answers(data_dir: Path) -> int:
    return _number(
        data_dir,
        "SELECT count(*) FROM conversations_answer WHERE status IN ('queued', 'reading', 'writing')",
    )


def _number(data_dir: Path, query: str) -> int:
    return int(str(_value(data_dir, query)))


def _value(data_dir: Path, query: str) -> object:
    connection = sqlite3.connect(f"file:{data_dir / 'docanalyst.sqlite3'}?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute(query).fetchone()[0]
    finally:
        connection.close()
