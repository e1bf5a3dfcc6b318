"""The colours of source text: found in a limited child, kept in the cache.

Text without colours is the answer to everything that goes wrong: they help to read, and nothing rests on them.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import tempfile
import threading
import zlib
from array import array
from concurrent.futures import Future
from functools import lru_cache
from pathlib import PurePosixPath

from django.core.cache import cache
from pygments.lexers import find_lexer_class_for_filename

from apps.library.ingestion.limits import Limits
from apps.library.ingestion.sandbox import ChildDied, ChildFailed, Sandbox, SandboxUnavailable

log = logging.getLogger(__name__)

COLOURED_CHARACTERS = 200_000
"""Longer text is shown without colours: lexers take 3 to 7 ms for 1,000 characters."""
VERSION = 1
"""Raise it when `highlight_jobs.KINDS` changes: what is kept names kinds by their index."""
KEPT_SECONDS = 7 * 24 * 3600
LIMITS = Limits(wall_seconds=10, cpu_seconds=2, output_bytes=16 * 1024**2)
"""The first child also waits for its zygote, a second or so."""
MOST_CHILDREN = 2
PATIENCE_SECONDS = 0.3
"""Nobody waits longer for colours."""
_children = threading.BoundedSemaphore(MOST_CHILDREN)
_PERHAPS_CHANCE = frozenset({"time", "killed", "lost"})
"""Limits that a busy machine may reach, whatever the text."""

_LEXER_OF_SUFFIX = {
    ".pl": "Perl", ".t": "Perl", ".sql": "SQL", ".r": "S", ".inc": "PHP", ".svelte": "HTML", ".txt": "",
    ".cfg": "INI", ".conf": "INI",
}  # fmt: skip
"""Where Pygments' own choice among several languages is a rare one."""


@lru_cache(maxsize=4096)
def _lexer_of_name(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _LEXER_OF_SUFFIX:
        return _LEXER_OF_SUFFIX[suffix]
    lexer = find_lexer_class_for_filename(name) or find_lexer_class_for_filename(name.lower())
    return str(lexer.name) if lexer else ""


def lexer_of(path: str) -> str:
    """The name of the language that a file's name tells of; empty for none."""
    return _lexer_of_name(PurePosixPath(path).name)


def colour_runs(text: str, lexer: str) -> list[int]:
    """Lengths and kinds in turn (`highlight_jobs.runs_of`), which add up to the text; all plain where that fails.

    The first time a child is asked, 3 to 7 ms for 1,000 characters. Who is not answered within PATIENCE_SECONDS
    has the text plain, and the next one finds its colours kept.
    """
    plain = [len(text), 0]
    if not lexer or not text or len(text) > COLOURED_CHARACTERS:
        return plain
    content = text.encode()
    key = f"colours:{VERSION}:{hashlib.sha256(lexer.encode() + bytes(1) + content).hexdigest()}"
    if (kept := cache.get(key)) is not None:
        return array("I", zlib.decompress(kept)).tolist()
    if not _children.acquire(blocking=False):
        return plain
    answer: Future[list[int] | None] = Future()
    threading.Thread(target=_find, args=(answer, key, content, lexer, len(text)), daemon=True).start()
    try:
        return answer.result(timeout=PATIENCE_SECONDS) or plain
    except TimeoutError:
        return plain


def _find(answer: Future[list[int] | None], key: str, content: bytes, lexer: str, length: int) -> None:
    """Ask a child and keep what it says; in a thread of its own."""
    runs = None
    try:
        runs = _ask(content, lexer)
        if runs is not None:
            # The same text would end the next child, too.
            runs = runs if sum(runs[::2]) == length else [length, 0]
            cache.set(key, zlib.compress(array("I", runs).tobytes(), 1), KEPT_SECONDS)
    finally:
        _children.release()
        answer.set_result(runs)


def _ask(content: bytes, lexer: str) -> list[int] | None:
    """None where another moment may do better; no runs where the text is to blame."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(content)
            file.flush()
            for value in _sandbox().run(
                "source.highlight", fd=file.fileno(), args={"lexer": lexer}, limits=LIMITS
            ):
                return [int(number) for number in value["runs"]]
    except (ChildDied, ChildFailed, SandboxUnavailable) as error:
        log.warning("No colours for %s: %s", lexer, error)
        if isinstance(error, SandboxUnavailable) or getattr(error, "limit", "") in _PERHAPS_CHANCE:
            return None
    return []


_box: tuple[int, Sandbox] | None = None
_box_lock = threading.Lock()


def _sandbox() -> Sandbox:
    """A zygote of its own, started at first use: 40 MB of lexers that no reader of documents needs."""
    global _box
    with _box_lock:
        if _box is None or _box[0] != os.getpid():
            _box = (os.getpid(), Sandbox(job_modules=("apps.library.ingestion.highlight_jobs",)))
            atexit.register(_box[1].close)
        return _box[1]
