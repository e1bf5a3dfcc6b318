"""The parts of a running installation and the commands that start them.

The supervisor of `make run`, docker-compose.yml and the tests start exactly these commands; a test
holds docker-compose.yml to this list. Standard library only.
"""

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process of an installation.

    module, arguments: run as `python -m module arguments`.
    grace_seconds: how long it may take to leave after SIGTERM before it is killed.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    grace_seconds: float

    def command(self) -> list[str]:
        """The argument list for this interpreter."""
        return [sys.executable, "-m", self.module, *self.arguments]


def parts(
    *, host: str, port: int, data_dir: Path, ingest_processes: int, ocr_threads: int
) -> tuple[Part, ...]:
    """Everything an installation runs besides Redis and the database, in the order of starting.

    host, port: where the web part listens. ingest_processes: parallel readers of documents.
    ocr_threads: documents whose text is recognised at once; with 0 there is no such part.
    """
    ocr = Part(
        name="ocr",
        module="celery",
        # Threads only wait here too: the work is in children of one process that holds the models once.
        arguments=(*_worker("ocr"), *("--pool", "threads", "--concurrency", str(ocr_threads))),
        grace_seconds=8,
    )
    return (
        Part(
            name="web",
            module="uvicorn",
            arguments=(
                "docanalyst.asgi:application",
                *("--host", host, "--port", str(port)),
                # How many proxies to believe is a setting of ours; uvicorn's own guess would come first.
                "--no-proxy-headers",
                *("--no-server-header", "--no-access-log", "--log-level", "warning"),
                # Open event streams would otherwise hold the process until their readers leave.
                *("--timeout-graceful-shutdown", "3"),
            ),
            grace_seconds=6,
        ),
        Part(
            name="ingest",
            module="celery",
            arguments=(
                *_worker("ingest"),
                *("--pool", "prefork", "--concurrency", str(ingest_processes)),
            ),
            grace_seconds=8,
        ),
        Part(
            name="answers",
            module="celery",
            # Threads only wait here: one event loop per process does the work of all of them.
            arguments=(*_worker("answers"), *("--pool", "threads", "--concurrency", "50")),
            # Running answers go on for 12 s (apps/conversations/loop.py); then their ends are written.
            grace_seconds=20,
        ),
        *((ocr,) if ocr_threads else ()),
        Part(
            name="beat",
            module="celery",
            arguments=(
                *("--app", "docanalyst", "--quiet", "--skip-checks", "beat", "--loglevel", "warning"),
                *("--schedule", str(data_dir / "run" / "beat-schedule"), "--pidfile", ""),
            ),
            grace_seconds=4,
        ),
    )


def _worker(queue: str) -> tuple[str, ...]:
    # Checks are the web part's: they would load every view into each worker, a second of its start.
    # Workers have nothing to tell each other: the database is the truth, so no gossip and no mingling.
    return (
        *("--app", "docanalyst", "--quiet", "--skip-checks"),
        *("worker", "--queues", queue, "--hostname", f"{queue}@%h"),
        *("--loglevel", "warning", "--without-gossip", "--without-mingle"),
    )
