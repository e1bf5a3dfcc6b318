"""The files of an archive, written one after the other into a spool, and what was left out. Runs in a child only.

A tar is decompressed into the spool as it is, and its files are places in it; files of a zip are appended one by
one. Nothing gets a name on disk. What is read is decided when all names are known, since a `.gitignore` may come
behind the files that it governs.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Generator, Iterator
from typing import Any, Protocol

from apps.common.errnos import FULL_DISK
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.jobs import WRITABLE, job
from apps.library.ingestion.source.decoding import load_codecs
from apps.library.ingestion.tree import paths
from apps.library.ingestion.tree.archives import check_total, is_zip, unpacked
from apps.library.ingestion.tree.choosing import HEAD_BYTES, Choosing
from apps.library.ingestion.tree.members import ENCRYPTED, FILE, FOLDER, Damaged, Member, TreeLimits
from apps.library.ingestion.tree.tars import tar_members
from apps.library.ingestion.tree.zips import ZipArchive

# A child that looks whether files are text may open none of Python's own any more.
load_codecs()

_GITIGNORE = ".gitignore"
_RULE_BYTES = 16 * 1024**2
_PROGRESS_SECONDS = 0.5
_PLACE_CHARACTERS = 120

Values = Iterator[dict[str, Any]]


class _Spool:
    """The file that the caller gave, written from its beginning to its end."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, content: bytes) -> int:
        """The offset at which it stands."""
        offset, left = self.size, memoryview(content)
        while left:
            left = left[os.pwrite(WRITABLE, left, self.size + len(content) - len(left)) :]
        self.size += len(content)
        return offset

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(WRITABLE, min(size, self.size - offset), offset) if offset < self.size else b""


class _Archive(Protocol):
    def prepare(self) -> Values: ...
    def members(self) -> Iterator[Member]: ...
    def head(self, member: Member) -> bytes: ...
    def spooled(self, member: Member) -> tuple[int, bytes]: ...


class _Tar:
    def __init__(self, data: memoryview, spool: _Spool, limits: TreeLimits) -> None:
        self._data, self._spool, self._limits = data, spool, limits
        self._is_cut = False

    def prepare(self) -> Values:
        try:
            for piece, position in unpacked(self._data, self._limits):
                self._spool.write(piece)
                yield {"done": position, "total": len(self._data)}
        except Damaged:
            # Its members tell how far it is whole.
            self._is_cut = True

    def members(self) -> Iterator[Member]:
        yield from tar_members(self._spool.read, self._limits)
        if self._is_cut:
            raise Damaged

    def head(self, member: Member) -> bytes:
        return self._spool.read(member.offset, min(member.size, HEAD_BYTES))

    def spooled(self, member: Member) -> tuple[int, bytes]:
        return member.offset, self._spool.read(member.offset, member.size)


class _Zip:
    def __init__(self, data: memoryview, spool: _Spool, limits: TreeLimits) -> None:
        self._data, self._spool, self._limits = data, spool, limits
        self._unpacked = 0
        self._last: tuple[Member, bytes] | None = None

    def prepare(self) -> Values:
        self._zip = ZipArchive(self._data, self._limits)
        yield {"done": 0, "total": len(self._data)}

    def members(self) -> Iterator[Member]:
        return self._zip.members()

    def head(self, member: Member) -> bytes:
        return self._content(member)[:HEAD_BYTES]

    def spooled(self, member: Member) -> tuple[int, bytes]:
        content = self._content(member)
        return self._spool.write(content), content

    def _content(self, member: Member) -> bytes:
        if self._last is None or self._last[0] is not member:
            check_total(self._unpacked + member.size, len(self._data), self._limits)
            content = self._zip.content(member)
            self._unpacked += len(content)
            self._last = member, content
        return self._last[1]


class _Unpacking:
    """One archive on its way into the spool. args: as unpacking.TreeOptions, and limits."""

    def __init__(self, data: memoryview, args: dict[str, Any]) -> None:
        self.data, self.args = data, args
        self.limits = TreeLimits(**args.get("limits", {}))
        self.archive: _Archive = (_Zip if is_zip(data) else _Tar)(data, _Spool(), self.limits)
        self.folders: Counter[tuple[str, str]] = Counter()
        self.near, self.before = "", 0

    def run(self) -> Values:
        try:
            yield from _rarely(self.archive.prepare())
            yield from self._files()
        except Damaged:
            raise IngestionError("damaged_archive", place=self._place()) from None
        except OSError as error:
            if error.errno in FULL_DISK:
                raise IngestionError("no_room") from error
            raise

    def _files(self) -> Values:
        found = self._found()
        taken = yield from self._safe(found)
        if not taken and found and all(member.nature == ENCRYPTED for _, member in found):
            raise IngestionError("archive_encrypted")
        choosing = Choosing(
            is_clone=self.args["is_clone"],
            include=self.args["include"],
            exclude=self.args["exclude"],
            restored=self.args["restored"],
            gitignores={} if self.args["is_clone"] else self._gitignores(taken),
        )
        for self.before, (path, member) in enumerate(taken):
            self.near = path
            yield self._chosen(choosing, path, member)
        for (folder, reason), count in self.folders.items():
            yield {"path": folder, "reason": reason, "count": count}

    def _found(self) -> list[tuple[str, Member]]:
        """All members but folders, with their paths; a clone's folders are its submodules."""
        found, files = [], 0
        for entries, member in enumerate(self.archive.members()):
            if entries == self.limits.entries:
                raise IngestionError("too_many_entries", limit=f"{self.limits.entries:,}")
            self.near, self.before = member.path, files
            files += member.nature == FILE
            if member.nature != FOLDER or self.args["is_clone"]:
                found.append((paths.normal(member.path), member))
        return found

    def _safe(
        self, found: list[tuple[str, Member]]
    ) -> Generator[dict[str, Any], None, list[tuple[str, Member]]]:
        """Yields what is left out whatever it holds, gives the others without their common top folder."""
        reasons = [paths.unsafe(path) for path, _ in found]
        own = [paths.own_folder(path) for path, _ in found]
        ordinary = [
            path
            for (path, _), reason, (folder, _) in zip(found, reasons, own, strict=True)
            if not (reason or folder)
        ]
        top = "" if self.args["is_clone"] else paths.top_folder(ordinary)
        names, taken = paths.Names(), []
        for (path, member), reason, (folder, why) in zip(found, reasons, own, strict=True):
            path = path.removeprefix(top)
            if folder and not reason:
                self.folders[folder.removeprefix(top), why] += 1
            elif member.nature == FOLDER:
                yield {"path": paths.shown(f"{path}/"), "reason": "submodule", "count": 1}
            elif reason := reason or member.nature or ("" if names.take(path) else paths.COLLISION):
                yield {"path": paths.shown(path), "reason": reason, "count": 1}
            else:
                taken.append((path, member))
        return taken

    def _gitignores(self, taken: list[tuple[str, Member]]) -> dict[str, str]:
        """Folder, with a slash, or "" -> the text of its .gitignore."""
        texts, left = {}, _RULE_BYTES
        for path, member in taken:
            folder, name = path[: -len(_GITIGNORE)], path[-len(_GITIGNORE) :]
            if name == _GITIGNORE and (not folder or folder.endswith("/")):
                left -= member.size
                if left < 0:
                    raise IngestionError("too_many_rules", limit=_RULE_BYTES // 1024**2)
                self.near = path
                texts[folder] = self.archive.spooled(member)[1].decode("utf-8", "replace")
        return texts

    def _chosen(self, choosing: Choosing, path: str, member: Member) -> dict[str, Any]:
        folder, reason = choosing.skipped_folder(path)
        if folder:
            self.folders[folder, reason] += 1
            return {}
        is_large = member.size > self.limits.file_bytes
        reason = choosing.reason(path, b"" if is_large else self.archive.head(member), member.size)
        if reason or is_large:
            large = f"larger than {self.limits.file_bytes // 1024**2} MiB"
            return {"path": path, "reason": reason or large, "count": 1}
        offset, content = self.archive.spooled(member)
        blob = hashlib.sha256(content).hexdigest()
        return {"path": path, "offset": offset, "size": len(content), "blob": blob}

    def _place(self) -> str:
        if not self.near:
            return "at its beginning"
        near = paths.shown(self.near)[-_PLACE_CHARACTERS:]
        return f"near {near} ({self.before:,} files before it are whole)"


def _rarely(progress: Values) -> Values:
    """Not each piece's progress, but often enough to be seen alive."""
    told = 0.0
    for value in progress:
        if time.monotonic() - told > _PROGRESS_SECONDS:
            told = time.monotonic()
            yield value


@job("tree.unpack")
def _unpack(data: memoryview, args: dict[str, Any]) -> Values:
    """Values as unpacking.py makes them dataclasses: files, paths left out, progress in bytes of the archive."""
    return (value for value in _Unpacking(data, args).run() if value)
