"""Bytes of one file of a repository to pages: decoded, secrets masked, cut, counted. No tables, no archive."""

from pathlib import Path

CUTTING_VERSION = 1
"""Raise it when the same bytes would become other pages: then no earlier reading is copied."""


def rules_are_compiled(cache_folder: Path) -> bool:
    """Whether the next reading finds the rules for secrets compiled; else its first child waits some seconds."""
    return any(cache_folder.glob("*.vscdb"))
