"""Which files of a tree are read, and why the others are not: one answer for each path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from apps.library.ingestion.tree import excludes
from apps.library.ingestion.tree.excludes import HEAD_BYTES
from apps.library.ingestion.tree.globs import Globs, parent
from apps.library.ingestion.tree.ignoring import Ignored

__all__ = ["EXCLUDED", "HEAD_BYTES", "IGNORED", "NOT_INCLUDED", "RESTORABLE", "Choosing"]

IGNORED = "in .gitignore"
NOT_INCLUDED = "not among the included paths"
EXCLUDED = "excluded by a pattern"
RESTORABLE = excludes.DEFAULT_REASONS | {IGNORED}
"""Reasons that restoring a path lifts; the others are the person's own patterns, or leave nothing to read."""

_NOT_SKIPPED = ("", "")


class Choosing:
    """The choice for one tree: .gitignore, then default excludes, then included and excluded globs.

    is_clone: its files are tracked, so .gitignore says nothing about them. restored: paths that are read
    nevertheless, of folders with a slash at the end; what lies in a restored folder may still be left out for a
    reason of its own. gitignores: folder with a slash at its end, "" at the top -> text of its .gitignore.
    """

    def __init__(
        self,
        *,
        is_clone: bool,
        include: Sequence[str],
        exclude: Sequence[str],
        restored: Sequence[str],
        gitignores: Mapping[str, str],
    ) -> None:
        self._ignored = Ignored({} if is_clone else gitignores)
        self._include = Globs(include) if include else None
        self._exclude = Globs(exclude)
        # A pattern that takes back may read single files of an excluded folder.
        self._excludes_whole_folders = not any(glob.startswith("!") for glob in exclude)
        self._restored = frozenset(restored)
        self._folders: dict[str, tuple[str, str]] = {"": _NOT_SKIPPED}

    def skipped_folder(self, path: str) -> tuple[str, str]:
        """(topmost folder that is left out as a whole and holds this file, reason), or two empty strings."""
        return _NOT_SKIPPED if path in self._restored else self._skipped(parent(path))

    def reason(self, path: str, head: bytes, size: int) -> str:
        """Why this file is not read; "" for one that is.

        head: its first HEAD_BYTES, or all of a smaller one. size: in bytes.
        """
        if found := self.skipped_folder(path)[1]:
            return found
        binary = excludes.binary_reason(path, head)
        if path in self._restored:
            found = binary
        elif self._ignored.matches(path):
            found = IGNORED
        else:
            found = excludes.name_reason(path) or binary or excludes.content_reason(path, head, size)
        if found:
            return found
        if self._include is not None and not self._include.matches(path):
            return NOT_INCLUDED
        return EXCLUDED if self._exclude.matches(path) else ""

    def _skipped(self, folder: str) -> tuple[str, str]:
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = self._judge(folder)
        return known

    def _judge(self, folder: str) -> tuple[str, str]:
        if folder in self._restored:
            return _NOT_SKIPPED
        above = self._skipped(parent(folder))
        if above[1]:
            return above
        reason = IGNORED if self._ignored.matches(folder) else excludes.folder_reason(folder)
        if not reason and self._excludes_whole_folders and self._exclude.matches(folder):
            reason = EXCLUDED
        return (folder, reason) if reason else _NOT_SKIPPED


def fold_not_included(
    skipped: Iterable[tuple[str, str, int]], read: Iterable[str]
) -> Iterator[tuple[str, str, int]]:
    """The same rows (path, reason, count) with one for each topmost folder of which nothing was included.

    read: paths of the files that are read. Rows come in no order.
    """
    skipped = list(skipped)
    others = chain(read, (path for path, reason, _ in skipped if reason != NOT_INCLUDED))
    mixed = {folder for path in others for folder in _folders_above(path)}
    counts: Counter[str] = Counter()
    for path, reason, count in skipped:
        if reason == NOT_INCLUDED:
            whole = next((folder for folder in _folders_above(path) if folder not in mixed), path)
            counts[whole] += count
        else:
            yield path, reason, count
    yield from ((path, NOT_INCLUDED, count) for path, count in counts.items())


def _folders_above(path: str) -> Iterator[str]:
    """The folders that hold a file or folder, from the top, each with a slash at its end."""
    at = path.find("/")
    while 0 <= at < len(path) - 1:
        yield path[: at + 1]
        at = path.find("/", at + 1)
