"""Which files of a repository a question is about: lists of patterns as .gitignore writes them. Pure.

A pattern that names a folder holds for all below it, the last one that matches decides, and `!` takes back, also
within a folder that was left out. Ticks give anchored paths without wildcards, which are looked up and not
matched: a thousand of them cost as much as one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pathspec import PathSpec

from apps.library.path_ticks import upwards

_PLAIN = re.compile(r"!?/((?:[^\\*?\[\]]|\\.)*)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class PathSelection:
    """include: what is asked about, empty for everything. exclude: what is left out of that.

    Raises ValueError for a pattern that is none.
    """

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        self._include = _Patterns(include) if include else None
        self._exclude = _Patterns(exclude)

    def selects(self, path: str) -> bool:
        """Whether a file is asked about. path: below the root, without a slash in front."""
        if self._include is not None and not self._include.match(path):
            return False
        return not self._exclude.match(path)


class _Patterns:
    def __init__(self, patterns: Sequence[str]) -> None:
        self._takes = [not pattern.startswith("!") for pattern in patterns]
        self._plain: dict[str, int] = {}
        globs: list[str] = []
        self._places: list[int] = []
        for place, pattern in enumerate(patterns):
            if plain := _PLAIN.fullmatch(pattern):
                self._plain[_ESCAPED.sub(r"\1", plain[1])] = place
            else:
                globs.append(pattern)
                self._places.append(place)
        try:
            self._globs = PathSpec.from_lines("gitignore", globs, backend="re2") if globs else None
        except (IndexError, re.error) as error:
            raise ValueError(str(error)) from error

    def match(self, path: str) -> bool:
        """Whether the last pattern that matches takes the path."""
        last = -1
        if self._plain:
            # `/src` names a folder as well as a file.
            names = (name for one in upwards(path) for name in {one, one.removesuffix("/")})
            last = max(self._plain.get(name, -1) for name in names)
        if self._globs is not None:
            found = self._globs.check_file(path).index
            if found is not None:
                last = max(last, self._places[found])
        return last >= 0 and self._takes[last]
