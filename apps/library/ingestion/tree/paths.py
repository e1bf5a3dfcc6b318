"""Which paths of an archive or a commit are taken, and why others are not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

LONGEST_BYTES, DEEPEST = 1024, 64
LONGEST_KEPT = 280
"""In characters: the column that keeps it."""
SHOWN = 1024
"""Characters of a path that is listed as skipped."""

GIT = "git's own files"
MACOS = "written by macOS beside the files"
COLLISION = "has the name of another file"

_DRIVE = re.compile(r"[A-Za-z]:")
# Controls, line and paragraph separators, what turns the direction of text, and halves of characters: a name with
# them could forge a line of what is shown or sent.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def normal(path: str) -> str:
    """Without `./` and doubled slashes; an absolute path stays one, a folder's slash goes."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return ("/" if path.startswith("/") else "") + "/".join(parts)


def unsafe(path: str) -> str:
    """Why a path (normal) is not taken whatever its file holds; empty when it is."""
    parts = path.split("/")
    if not path:
        return "has no name"
    if _UNPRINTABLE.search(path):
        return "unprintable characters in its name"
    if path.startswith("/"):
        return "absolute path"
    if ".." in parts:
        return "“..” in its path"
    if _DRIVE.match(path):
        return "drive letter in its path"
    if "\\" in path:
        return "backslash in its path"
    if len(path.encode()) > LONGEST_BYTES:
        return f"path of more than {LONGEST_BYTES:,} bytes"
    if len(parts) > DEEPEST:
        return f"more than {DEEPEST} folders deep"
    if len(path) > LONGEST_KEPT:
        return f"path of more than {LONGEST_KEPT} characters"
    return ""


def own_folder(path: str) -> tuple[str, str]:
    """(folder or file, reason) when a path belongs to git itself or to macOS' packer, else two empty strings."""
    parts = path.split("/")
    for depth, part in enumerate(parts, 1):
        reason = GIT if part.casefold() == ".git" else MACOS if part == "__MACOSX" else ""
        if reason:
            return "/".join(parts[:depth]) + ("/" if depth < len(parts) else ""), reason
    return (path, MACOS) if parts[-1].startswith("._") else ("", "")


def shown(path: str) -> str:
    """A path fit to be listed, whatever it holds."""
    path = _UNPRINTABLE.sub("\ufffd", path)
    return path if len(path) <= SHOWN else path[: SHOWN - 1] + "…"


def top_folder(paths: Sequence[str]) -> str:
    """The one folder that all paths lie in, with a slash; empty when there is none."""
    top = paths[0].partition("/")[0] + "/" if paths else ""
    return top if all(path.startswith(top) and len(path) > len(top) for path in paths) else ""


class Names:
    """The files taken so far, as file systems see them that fold case and composition."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def take(self, path: str) -> bool:
        """False when another file has the name already, or one of the two would be a folder of the other."""
        folded = path.casefold() if path.isascii() else _folded(path)
        parents = list(_parents(folded))
        if folded in self._files or folded in self._folders or not self._files.isdisjoint(parents):
            return False
        self._files.add(folded)
        self._folders.update(parents)
        return True


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _parents(path: str) -> list[str]:
    parents, end = [], path.find("/")
    while end >= 0:
        parents.append(path[:end])
        end = path.find("/", end + 1)
    return parents
