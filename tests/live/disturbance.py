"""Kills and restarts parts of a running installation, and looks afterwards at what its database holds."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field

import psutil
import redis

from docanalyst.redis_server import answers_ping, default_redis_url, default_socket
from tests.live.client import ApiClient
from tests.services import LiveStack, wait_for

END_STATES = {"ready", "failed", "needs_password"}


def processes(stack: LiveStack, kind: str, part: str = "ingest") -> list[psutil.Process]:
    """Living ones of a kind: a part's `main`, its `pool` children, their `zygotes`, or the `parsers` these forked."""
    with suppress(LookupError, psutil.NoSuchProcess):
        main = stack.part(part)
        if kind == "main":
            return [main]
        pool = [child for child in main.children() if "@" in " ".join(child.cmdline())]
        if kind == "pool":
            return pool
        zygotes = [child for one in pool for child in one.children() if "zygote" in " ".join(child.cmdline())]
        if kind == "zygotes":
            return zygotes
        return [child for one in zygotes for child in one.children()]
    return []


def kill(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
        return True
    return False


@dataclass
class Disturber:
    """Kills at random, but the same way for the same seed as far as processes are there."""

    stack: LiveStack
    seed: int
    parts: tuple[str, ...] = ("ingest",)
    killed: dict[str, int] = field(default_factory=dict)
    last_at: float = 0.0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def kill_one(self, kind: str) -> bool:
        """SIGKILL one process of a kind; False when there is none now."""
        found = processes(self.stack, kind, self.random.choice(self.parts))
        if found and kill(self.random.choice(found)):
            self.killed[kind] = self.killed.get(kind, 0) + 1
            self.last_at = time.monotonic()
            return True
        return False

    def flush_redis(self) -> None:
        with closing(redis.Redis.from_url(default_redis_url(self.stack.data_dir))) as client:
            client.flushall()
        self.last_at = time.monotonic()

    def restart_redis(self) -> None:
        """SIGKILL, and wait until another one answers with what it had."""
        self.stack.kill_worker("redis")
        socket_path = default_socket(self.stack.data_dir)
        wait_for(lambda: answers_ping(socket_path), seconds=20, what="a Redis that answers")
        self.last_at = time.monotonic()


@dataclass(frozen=True)
class Outcome:
    """What a document came to: the same whatever was killed meanwhile."""

    status: str
    code: str
    pages: int
    not_read: int
    tokens: int


def outcome(document: dict) -> Outcome:
    return Outcome(
        document["status"],
        (document["error"] or {}).get("code", ""),
        document["pages"],
        document["pages_not_read"],
        document["tokens"],
    )


@dataclass
class Settling:
    """When each document was first seen in an end state."""

    clients: list[tuple[ApiClient, str]]
    """Clients with the corpora they watch."""
    ended_at: dict[str, float] = field(default_factory=dict)
    last: dict[str, dict] = field(default_factory=dict)

    def look(self) -> bool:
        """One look at all of them; whether all have ended."""
        for client, corpus_id in self.clients:
            for document in client.all(f"/corpora/{corpus_id}/documents"):
                self.last[document["id"]] = document
                if document["status"] in END_STATES:
                    self.ended_at.setdefault(document["id"], time.monotonic())
                else:
                    self.ended_at.pop(document["id"], None)
        return len(self.ended_at) == len(self.last)

    def wait(self, seconds: float, meanwhile: Callable[[], None] = lambda: None) -> None:
        deadline = time.monotonic() + seconds
        while not self.look():
            if time.monotonic() > deadline:
                running = [one for one in self.last.values() if one["status"] not in END_STATES]
                raise TimeoutError(f"not settled after {seconds:g} s: {running}")
            meanwhile()
            time.sleep(0.3)


def rows(stack: LiveStack, query: str) -> list[tuple]:
    """What a query finds in the installation's SQLite file."""
    path = stack.data_dir / "docanalyst.sqlite3"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as connection:
        return connection.execute(query).fetchall()


def stored_pages(stack: LiveStack) -> int:
    [(count,)] = rows(stack, "SELECT count(*) FROM library_page")
    return int(count)


def wrong_pages(stack: LiveStack) -> list[tuple]:
    """Ready revisions whose pages are doubled, have gaps, or do not add up to what the row says."""
    return rows(
        stack,
        """
        SELECT r.id, r.page_count, count(p.id), count(DISTINCT p.number), min(p.number), max(p.number)
        FROM library_revision r LEFT JOIN library_page p ON p.revision_id = r.id
        WHERE r.status = 'ready'
        GROUP BY r.id
        HAVING count(p.id) != r.page_count OR count(DISTINCT p.number) != r.page_count
            OR min(p.number) != 1 OR max(p.number) != r.page_count
            OR sum(p.state != 'read') != r.pages_not_read OR r.done != r.page_count
            OR (r.claim IS NOT NULL AND r.figures_at IS NOT NULL)
        """,
    )


def people(stack: LiveStack, *names: str) -> list[ApiClient]:
    """A client for each name, who owns a workspace of that name."""
    clients = []
    for name in names:
        email = f"{name.lower()}@example.org"
        stack.manage(
            *("create_user", email, "--password-stdin", "--workspace", f"{name}'s", "--role", "owner"),
            text_input="correct horse battery staple",
        )
        token = stack.manage("create_token", email).strip().splitlines()[-1]
        clients.append(ApiClient(stack.url, token))
    return clients
