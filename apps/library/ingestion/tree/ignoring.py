"""What the .gitignore files of a tree leave out, as git itself would."""

from __future__ import annotations

from collections.abc import Mapping

from apps.library.ingestion.tree.globs import PatternList, parent


class Ignored:
    """The .gitignore files of a tree together.

    gitignores: folder with a slash at its end, "" at the top -> text of its file. What lies in an ignored folder is
    ignored whatever later patterns say, and the files nearest to a path come first.
    """

    def __init__(self, gitignores: Mapping[str, str]) -> None:
        self._lists = {folder: PatternList(_lines(text)) for folder, text in gitignores.items()}
        self._folders = {"": False}

    def is_ignored(self, path: str) -> bool:
        """path: of a file, or of a folder with a slash at its end."""
        return self._is_ignored_folder(parent(path)) or self.matches(path)

    def matches(self, path: str) -> bool:
        """Whether patterns ignore this path by itself, without asking about the folders above it."""
        base = parent(path)
        while True:
            patterns = self._lists.get(base)
            decided = patterns.decide(path[len(base) :]) if patterns else None
            if decided is not None:
                return decided
            if not base:
                return False
            base = parent(base)

    def _is_ignored_folder(self, folder: str) -> bool:
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = self.is_ignored(folder)
        return known


def _lines(text: str) -> list[str]:
    return [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
