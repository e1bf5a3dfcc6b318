"""git as a child: an argument list, an empty environment and home, no prompts, no protocol but https, and limits."""

from __future__ import annotations

import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO

from apps.library.git.errors import FetchFailed

LEAST_VERSION = (2, 37)
"""The first that knows http.curloptResolve; an older one would ask a name server again, and say nothing."""
_TICK_SECONDS = 0.25
_READ_BYTES = 256 * 1024
_KEPT_LINES = 40
_KEEPER = Path(__file__).with_name("keeper.py")


@dataclass(frozen=True, slots=True)
class GitLimits:
    """Ceilings of fetching one commit."""

    seconds: float = 30 * 60
    silent_seconds: float = 60
    size_bytes: int = 4 * 1024**3
    """Of the pack, of any file that git writes, and of all files of the commit together."""
    memory_bytes: int = 4 * 1024**3
    """Address space of each process."""
    files: int = 200_000


class GitEnded(Exception):
    """git ended with an error. lines: the last that it wrote about it, without those of the host."""

    def __init__(self, code: int, lines: list[str]) -> None:
        super().__init__(f"git ended with {code}")
        self.code = code
        self.lines = lines


def check_git() -> None:
    """Raises FetchFailed (git_missing) where repositories cannot be fetched."""
    if reason := _missing():
        raise FetchFailed("git_missing", reason=reason, least=".".join(map(str, LEAST_VERSION)))


def why_missing() -> str:
    """Why repositories cannot be fetched on this machine, as a sentence for people; empty when they can."""
    try:
        check_git()
    except FetchFailed as failed:
        return failed.sentence
    return ""


def git_readiness() -> str:
    """For /readyz: `ok`, with what is wanting behind it; everything else works without git."""
    reason = _missing()
    return f"ok, without repositories by address: {reason.rstrip('.')}" if reason else "ok"


@cache
def _missing() -> str:
    git = shutil.which("git")
    if git is None:
        return "git is not installed on this machine."
    try:
        told = subprocess.run([git, "--version"], env={}, capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return "git does not start on this machine."
    found = re.search(rb"(\d+)\.(\d+)", told.stdout)
    if found is None or (int(found[1]), int(found[2])) < LEAST_VERSION:
        return "git is too old on this machine."
    return ""


@dataclass
class GitRunner:
    """Commands of git on one bare repository in a private folder, under limits that they share.

    on_tick: called about four times a second; what it raises ends the command and comes out.
    """

    folder: Path
    limits: GitLimits
    config: Mapping[str, str]
    """Handed over in the environment, which other people cannot list and which ends with the process."""
    on_tick: Callable[[], None]
    started_at: float = field(default_factory=time.monotonic)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    @property
    def size_bytes(self) -> int:
        """Of everything in the repository now."""
        return _size_of(self.repository)

    def run(
        self,
        *arguments: str,
        stdin: IO[bytes] | None = None,
        on_progress: Callable[[str], None] = lambda line: None,
    ) -> Generator[bytes, None, None]:
        """What a command writes, piece by piece. Closing the generator ends it with its children.

        on_progress: gets each line of its standard error. Raises GitEnded, FetchFailed (git_too_slow, git_silent,
        git_too_large).
        """
        lifeline, held = os.pipe()
        self.lines.clear()
        try:
            process = subprocess.Popen(
                self._command(lifeline, arguments),
                env=self._environment(),
                cwd=self.folder,
                stdin=stdin or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[lifeline],
                start_new_session=True,
            )
        except BaseException:
            os.close(held)
            raise
        finally:
            os.close(lifeline)
        try:
            yield from self._follow(process, on_progress)
            if code := process.wait():
                raise GitEnded(code, list(self.lines))
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            os.close(held)
            for pipe in (process.stdout, process.stderr):
                assert pipe is not None
                pipe.close()

    def read(self, *arguments: str) -> bytes:
        """All that a command writes."""
        return b"".join(self.run(*arguments))

    def _follow(
        self, process: subprocess.Popen[bytes], on_progress: Callable[[str], None]
    ) -> Generator[bytes, None, None]:
        assert process.stdout is not None
        assert process.stderr is not None
        watch = _Watch(self)
        told = b""
        with selectors.DefaultSelector() as pipes:
            pipes.register(process.stdout, selectors.EVENT_READ)
            pipes.register(process.stderr, selectors.EVENT_READ)
            while pipes.get_map():
                for key, _ in pipes.select(_TICK_SECONDS):
                    piece = os.read(key.fd, _READ_BYTES)
                    watch.seen_bytes += len(piece)
                    if not piece:
                        pipes.unregister(key.fileobj)
                    elif key.fileobj is process.stdout:
                        yield piece
                    else:
                        *lines, told = re.split(rb"[\r\n]", told + piece)
                        # A line without an end would be kept for as long as it grows.
                        told = told[-2000:]
                        for line in lines:
                            self._note(line, on_progress)
                watch.look()
            self._note(told, on_progress)

    def _note(self, line: bytes, on_progress: Callable[[str], None]) -> None:
        text = line[:500].decode(errors="replace").strip()
        on_progress(text)
        if text and not text.startswith("remote:"):
            self.lines.append(text)

    def _command(self, lifeline: int, arguments: tuple[str, ...]) -> list[str]:
        git = shutil.which("git") or "git"
        limits = {
            "RLIMIT_FSIZE": self.limits.size_bytes,
            "RLIMIT_AS": self.limits.memory_bytes,
            "RLIMIT_CORE": 0,
        }
        keeper = [sys.executable, "-I", "-S", "-B", str(_KEEPER), str(lifeline), json.dumps(limits)]
        return [*keeper, git, f"--git-dir={self.repository}", *arguments]

    def _environment(self) -> dict[str, str]:
        config = {**_CONFIG, **self.config}
        settings = {"GIT_CONFIG_COUNT": str(len(config))}
        for number, (key, value) in enumerate(config.items()):
            settings |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return {**_ENVIRONMENT, "HOME": str(self.folder), **settings}


@dataclass
class _Watch:
    """Looks at a running command a few times a second: whether it may go on."""

    runner: GitRunner
    seen_bytes: int = 0
    _looked_at: float = 0
    _known: tuple[int, int] = (0, 0)
    _moved_at: float = field(default_factory=time.monotonic)

    def look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < _TICK_SECONDS:
            return
        self._looked_at = now
        limits = self.runner.limits
        self.runner.on_tick()
        if now - self.runner.started_at > limits.seconds:
            raise FetchFailed("git_too_slow", minutes=round(limits.seconds / 60))
        size = self.runner.size_bytes
        if size > limits.size_bytes:
            raise too_large(limits)
        if self._known != (self.seen_bytes, size):
            self._known, self._moved_at = (self.seen_bytes, size), now
        elif now - self._moved_at > limits.silent_seconds:
            raise FetchFailed("git_silent", host="The host", seconds=round(limits.silent_seconds))


def too_large(limits: GitLimits) -> FetchFailed:
    return FetchFailed("git_too_large", limit=f"{limits.size_bytes // 1024**2:,} MiB")


def _size_of(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            # git renames its files when they are whole.
            with suppress(FileNotFoundError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


_ENVIRONMENT = {
    "PATH": os.defpath,
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_ALLOW_PROTOCOL": "https",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
}
# Words of broken objects that old and honest repositories hold, and .gitmodules, which nobody here follows.
_HARMLESS = (
    "badDate", "badDateOverflow", "badEmail", "badName", "badTimezone", "badTagName", "gitattributesLarge",
    "gitattributesLineLength", "gitmodulesLarge", "gitmodulesName", "gitmodulesParse", "gitmodulesPath",
    "gitmodulesUpdate", "gitmodulesUrl", "missingEmail", "missingNameBeforeEmail", "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail", "missingTaggerEntry", "zeroPaddedDate", "zeroPaddedFilemode",
)  # fmt: skip
_CONFIG = {
    "protocol.allow": "never",
    "protocol.https.allow": "always",
    "credential.helper": "",
    "credential.interactive": "false",
    "core.askPass": "",
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.packedGitWindowSize": "32m",
    "core.packedGitLimit": "512m",
    "core.bigFileThreshold": "32m",
    "pack.threads": "2",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "http.followRedirects": "false",
    "http.proxy": "",
    "http.emptyAuth": "false",
    "http.sslVerify": "true",
    "protocol.version": "2",
    "transfer.fsckObjects": "true",
    "transfer.bundleURI": "false",
    "fetch.unpackLimit": "1",
    "fetch.recurseSubmodules": "false",
    **{f"fetch.fsck.{word}": "ignore" for word in _HARMLESS},
}
