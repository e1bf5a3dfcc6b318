"""Which files of a repository a question is about: lists of patterns as people and .gitignore files write them. Pure.

A pattern that names a folder holds for all below it, the nearest to the file decides, of several the last one, and
`!` takes back, also within a folder that was left out (ingestion/tree/globs.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from apps.library.ingestion.tree.globs import Globs, check_globs


class PathSelection:
    """include: what is asked about, empty for everything. exclude: what is left out of that.

    Raises IngestionError (bad_glob) for a pattern that can match nothing, and for more than is sensible.
    """

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        check_globs(include)
        check_globs(exclude)
        self._include = Globs(include) if include else None
        self._exclude = Globs(exclude)

    def selects(self, path: str) -> bool:
        """Whether a file is asked about. path: from the root, which has no slash in front."""
        is_included = self._include is None or self._include.matches(path)
        return is_included and not self._exclude.matches(path)
