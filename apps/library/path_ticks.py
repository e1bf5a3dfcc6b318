"""Which folders and files of a repository a person leaves out of their next question. Pure.

A path is written as everywhere: `src/app.py` a file, `src/` a folder, empty the whole repository. The nearest
decision on the way up decides; where there is none, all is asked about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

TickState = Literal["on", "off", "mixed"]

# What .gitignore reads as more than itself.
_SPECIAL = re.compile(r"[\\*?\[\]]|\s(?=\s*\Z)")


@dataclass(frozen=True)
class PathTicks:
    """decisions: by path, whether it is asked about; each says something else than the one above it."""

    decisions: Mapping[str, bool] = field(default_factory=dict)

    @classmethod
    def read(cls, stored: Iterable[str] | None) -> PathTicks:
        """From `Untick.paths`; None where a person has left out nothing."""
        if stored is None:
            return cls()
        decisions = {path.removeprefix("!").removeprefix("/"): path.startswith("!") for path in stored}
        return cls(decisions or {"": False})

    def stored(self) -> list[str]:
        """As `Untick.paths` keeps them, from the root down; empty where nothing is ticked."""
        if dict(self.decisions) == {"": False}:
            return []
        return [f"{'!' if self.decisions[path] else ''}/{path}" for path in sorted(self.decisions)]

    @property
    def is_all(self) -> bool:
        return not self.decisions

    @property
    def is_none(self) -> bool:
        return dict(self.decisions) == {"": False}

    def is_ticked(self, path: str) -> bool:
        """Whether a file is asked about, or what is new in a folder."""
        return next((self.decisions[one] for one in upwards(path) if one in self.decisions), True)

    def state(self, path: str) -> TickState:
        """Of a file, a folder or, for an empty path, the whole repository."""
        if any(self.is_below(one, path) for one in self.decisions):
            return "mixed"
        return "on" if self.is_ticked(path) else "off"

    def with_path(self, path: str, *, is_ticked: bool) -> PathTicks:
        """The same after ticking or unticking a path, which forgets what was decided below it."""
        kept = {
            one: decided
            for one, decided in self.decisions.items()
            if one != path and not self.is_below(one, path)
        }
        if PathTicks(kept).is_ticked(path) != is_ticked:
            kept[path] = is_ticked
        return PathTicks(kept)

    def patterns(self) -> dict[str, list[str]]:
        """As a selection's `include` and `exclude` (path_selection.py): what is ticked, and what not within it."""
        include, exclude = [], []
        for path in sorted(self.decisions):
            above = next((one for one in upwards(path) if one != path and one in self.decisions), None)
            if above == "":
                include.append(f"/{escaped(path)}")
            elif path:
                exclude.append(f"{'!' if self.decisions[path] else ''}/{escaped(path)}")
        return {"include": include, "exclude": exclude}

    @staticmethod
    def is_below(path: str, folder: str) -> bool:
        return path != folder and (not folder or (folder.endswith("/") and path.startswith(folder)))


def upwards(path: str) -> Iterator[str]:
    """A path, its folders from the inside out, and the root: `a/b.py`, `a/`, ``."""
    while path:
        yield path
        path = path[: path.rstrip("/").rfind("/") + 1]
    yield ""


def escaped(path: str) -> str:
    """A path as a pattern that means itself alone."""
    return _SPECIAL.sub(r"\\\g<0>", path)
