"""Secrets in the text of a file: the certain ones are masked before anything is stored, doubtful ones reported.

Found by kingfisher, offline and in this process; it is never asked to try a secret out. Its rules are compiled once
and kept in the cache folder. A child can load nothing, so they are loaded before it is forked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kingfisher_sdk import Finding, Rules, Scanner

MASK = "•"
# What is left of a long secret, so that its owner knows which one it is.
_SHOWN = 4
_LEAST_SHOWN_LENGTH = 16
# A longer line of a secret is masked shorter: its length tells nothing more.
_LONGEST_MASK = 40

_scanner: Scanner | None = None


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """line: 1-based, of its beginning. is_masked: certain, and no longer in the text."""

    line: int
    kind: str
    is_masked: bool


@dataclass(frozen=True, slots=True)
class Masked:
    text: str
    places: tuple[SecretPlace, ...]


def load(cache_folder: Path | None) -> None:
    """Load the rules: some seconds when they must be compiled, less than half of one afterwards. Idempotent."""
    global _scanner
    if _scanner is None:
        keep = {"cache": False} if cache_folder is None else {"cache_dir": cache_folder}
        _scanner = Scanner(Rules(confidence="medium", **keep))


def mask(text: str) -> Masked:
    """The text with as many lines in which certain secrets are unreadable, and where all were found, in order.

    load() must have run.
    """
    assert _scanner is not None, "load() first"
    data = text.encode("utf-8", "surrogatepass")
    found = [finding for finding in _scanner.scan(data) if finding.visible]
    if not found:
        return Masked(text, ())
    spans = sorted(
        {
            (
                finding.location["start_offset"],
                finding.location["end_offset"],
                _kind(finding),
                _is_certain(finding),
            )
            for finding in found
        }
    )
    places = sorted({(data.count(b"\n", 0, start) + 1, kind, certain) for start, _, kind, certain in spans})
    certain = [(start, end) for start, end, _, is_certain in spans if is_certain]
    return Masked(
        _without(data, certain).decode("utf-8", "surrogatepass") if certain else text,
        tuple(SecretPlace(*place) for place in places),
    )


def _is_certain(finding: Finding) -> bool:
    return finding.confidence == "high"


def _kind(finding: Finding) -> str:
    return finding.rule_id.rpartition("betterleaks.")[2]


def _without(data: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    """spans: in order of their beginnings; they may overlap."""
    parts = []
    at = 0
    for start, end in spans:
        if end <= at:
            continue
        start = max(start, at)
        parts += [data[at:start], _masked(data[start:end].decode("utf-8", "replace")).encode()]
        at = end
    return b"".join([*parts, data[at:]])


def _masked(secret: str) -> str:
    shown = _SHOWN if len(secret) >= _LEAST_SHOWN_LENGTH else 0
    lines = secret[shown:].split("\n")
    return secret[:shown] + "\n".join(MASK * min(len(line), _LONGEST_MASK) for line in lines)
