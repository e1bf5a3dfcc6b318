"""What one folder of the token tree is drawn from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property

from apps.accounts.models import User
from apps.library.corpora import CorpusRow
from apps.library.models import CorpusEntry, Untick
from apps.library.path_ticks import PathTicks, TickState, upwards
from apps.library.trees import Entry, Folder, folder

ENTRIES_SHOWN = 200
"""At a time; an entry is about 600 bytes of HTML."""


def row_for(user: User, entry: CorpusEntry) -> CorpusRow | None:
    """One row with its ticks, without the sums of what is ticked, which would walk through all files."""
    revision = entry.document.current_revision
    if revision is None:
        return None
    paths = Untick.objects.filter(user=user, entry=entry).values_list("paths", flat=True).first()
    return CorpusRow(entry, entry.document, revision, PathTicks.read(paths))


@dataclass(frozen=True)
class ShownEntry:
    entry: Entry
    state: TickState

    @property
    def vals(self) -> str:
        """The path for htmx, which adds it to what a tick posts."""
        return json.dumps({"path": self.entry.path})


@dataclass(frozen=True)
class ShownFolder:
    """A piece of a folder as one person has ticked it. path: ends in a slash, empty for the root. Two queries."""

    row: CorpusRow
    path: str = ""
    first: int = 0

    @cached_property
    def folder(self) -> Folder:
        return folder(self.row.revision, self.path, first=self.first, limit=ENTRIES_SHOWN)

    @property
    def entries(self) -> list[ShownEntry]:
        return [ShownEntry(entry, self.row.ticks.state(entry.path)) for entry in self.folder.entries]

    @property
    def next_first(self) -> int | None:
        """Where the next piece begins; None behind the last one."""
        following = self.first + ENTRIES_SHOWN
        return following if following < self.folder.total_entries else None

    @property
    def left(self) -> int:
        """Entries that are not shown yet."""
        return self.folder.total_entries - self.first - len(self.folder.entries)

    @property
    def above(self) -> list[tuple[str, str]]:
        """The folders on the way down: (name, path)."""
        return [
            (path.rstrip("/").rpartition("/")[2], path) for path in reversed(list(upwards(self.path))) if path
        ]
