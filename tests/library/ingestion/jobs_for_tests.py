"""Jobs that misbehave on purpose, registered only in the zygotes of these tests."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.jobs import job
from apps.library.ingestion.readers.base import DocumentInfo, PageText

Values = Iterator[dict[str, Any]]


@job("test.echo")
def echo(data: memoryview, args: dict[str, Any]) -> Values:
    yield {"bytes": bytes(data).decode(), "args": args}


@job("test.surroundings")
def surroundings(data: memoryview, args: dict[str, Any]) -> Values:
    yield {"environment": dict(os.environ), "cwd": os.getcwd(), "parent": os.getppid()}


@job("test.descriptors")
def descriptors(data: memoryview, args: dict[str, Any]) -> Values:
    """Which descriptors are open: found by asking each, since no folder can be listed."""
    found = []
    for descriptor in range(1024):
        try:
            os.fstat(descriptor)
        except OSError:
            continue
        found.append(descriptor)
    yield {"open": found}


def _attempts() -> dict[str, Callable[[], object]]:
    libc = ctypes.CDLL(None, use_errno=True)

    def ptrace() -> None:
        if libc.ptrace(16, os.getppid(), 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    def unshare() -> None:
        if libc.unshare(0x10000000) != 0:
            raise OSError(ctypes.get_errno(), "unshare")

    return {
        "socket": lambda: socket.socket(socket.AF_INET),
        "unix socket": lambda: socket.socket(socket.AF_UNIX),
        "open": lambda: open("/etc/passwd"),
        "open environment of another": lambda: open(f"/proc/{os.getppid()}/environ"),
        "create": lambda: open("/tmp/created-by-a-parser", "w"),
        "unlink": lambda: os.unlink("/tmp/created-by-a-parser"),
        "mkdir": lambda: os.mkdir("/tmp/made-by-a-parser"),
        "execve": lambda: os.execv(sys.executable, [sys.executable, "-c", ""]),
        "subprocess": lambda: subprocess.run(["true"], check=False),
        "fork": os.fork,
        "kill the parent": lambda: os.kill(os.getppid(), signal.SIGTERM),
        "raise limits": lambda: __import__("resource").setrlimit(9, (-1, -1)),
        "ptrace": ptrace,
        "unshare": unshare,
    }


@job("test.attempts")
def attempts(data: memoryview, args: dict[str, Any]) -> Values:
    for name, attempt in _attempts().items():
        try:
            attempt()
        except (PermissionError, ValueError):  # Python's word for a refused setrlimit is ValueError
            yield {"attempt": name, "outcome": "refused"}
        except OSError as error:
            yield {"attempt": name, "outcome": str(error)}
        else:
            yield {"attempt": name, "outcome": "done"}


@job("test.spin")
def spin(data: memoryview, args: dict[str, Any]) -> Values:
    yield {"started": True, "pid": os.getpid()}
    while True:
        pass


@job("test.sleep")
def sleep(data: memoryview, args: dict[str, Any]) -> Values:
    yield {"started": True, "pid": os.getpid()}
    signal.pause()


@job("test.hog")
def hog(data: memoryview, args: dict[str, Any]) -> Values:
    held = []
    while True:
        held.append(bytearray(64 * 1024**2))
        yield {"held": len(held)}


@job("test.flood")
def flood(data: memoryview, args: dict[str, Any]) -> Values:
    while True:
        yield {"water": "x" * 100_000}


@job("test.crash")
def crash(data: memoryview, args: dict[str, Any]) -> Values:
    yield {"started": True}
    ctypes.string_at(0)


@job("test.exit")
def leave(data: memoryview, args: dict[str, Any]) -> Values:
    yield {"started": True}
    os._exit(3)


@job("test.raise")
def raise_unforeseen(data: memoryview, args: dict[str, Any]) -> Values:
    yield {"started": True}
    raise ZeroDivisionError("of all things")


@job("test.refuse")
def refuse(data: memoryview, args: dict[str, Any]) -> Values:
    yield {"started": True}
    raise IngestionError("too_many_pages", pages=30_000, limit=20_000)


# A reader whose file says what happens on which page: {"pages": 100, "bad": {"17": "crash"}}.


def _script(data: memoryview) -> dict[str, Any]:
    import json

    script: dict[str, Any] = json.loads(bytes(data))
    return script


def _misbehave(how: str | None) -> None:
    match how:
        case "crash":
            ctypes.string_at(0)
        case "spin":
            while True:
                pass
        case "hog":
            held = []
            while True:
                held.append(bytearray(64 * 1024**2))
        case "raise":
            raise ZeroDivisionError
        case "slow":
            import time

            time.sleep(0.5)


@job("test.describe")
def describe(data: memoryview, args: dict[str, Any]) -> Values:
    pages = _script(data)["pages"]
    labels = tuple(str(number) for number in range(1, pages + 1))
    yield asdict(DocumentInfo(pages, labels, False, "", "", (), ()))


@job("test.read")
def read(data: memoryview, args: dict[str, Any]) -> Values:
    script = _script(data)
    for number in range(args["first"], args["last"] + 1):
        _misbehave(script["bad"].get(str(number)))
        yield asdict(
            PageText(number, str(number), f"Text {number}", 3, "text_layer", "read", "", 595, 842, 0, ())
        )


# Figures by script: {"pages": 9, "figures": 3, "bad": {"5.1": "crash", "7.": "crash"}}; "7." dies before its first.


@job("test.figures")
def figures(data: memoryview, args: dict[str, Any]) -> Values:
    script = _script(data)
    start = args["start"]
    for number in args["pages"]:
        _misbehave(script["bad"].get(f"{number}."))
        yield {"page": number, "found": script["figures"]}
        for index in range(start, script["figures"]):
            _misbehave(script["bad"].get(f"{number}.{index}"))
            yield {
                "page": number, "index": index, "digest": f"{number}.{index}", "width": 1, "height": 1,
                "box": [0, 0, 1, 1], "format": "webp", "data": "",
            }  # fmt: skip
        start = 0
        yield {"page": number, "end": script["figures"]}
