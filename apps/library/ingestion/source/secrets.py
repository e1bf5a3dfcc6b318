"""Secrets in the text of a file: the certain ones are masked before anything is stored, doubtful ones reported.

Found by kingfisher, offline and in this process; it is never asked to try a secret out. Its rules are compiled once
and kept in the cache folder. A child can load nothing, so they are loaded before it is forked.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kingfisher_sdk import Finding, Rules, Scanner

_OWN_RULES = Path(__file__).with_name("secret_rules.yml")

MASK = "•"
MOST_PLACES = 1_000
"""Told of one file; all that are certain are masked."""
# What is left of a long secret, so that its owner knows which one it is.
_SHOWN = 4
_LEAST_SHOWN_LENGTH = 16
# A longer line of a secret is masked shorter: its length tells nothing more.
_LONGEST_MASK = 40

# Addresses with a password: this rule finds the password in all of them, others the whole address once more.
_ADDRESS = "betterleaks.generic-credential-uri"
_SAME_AS_ADDRESS = frozenset(
    {
        "betterleaks.mongodb-connection-string",
        "veles.secrets/bitbucketcredentials",
        "veles.secrets/codecatalystcredentials",
        "veles.secrets/codecommitcredentials",
    }
)
# Forms without a doubt, whatever the scanner says of them: prefixes of their own.
_CERTAIN = re.compile(r"veles\.secrets/|own\.connection-string|own\.netrc")
# What stands for a password in documentation, tests and templates.
_PLACEHOLDER = re.compile(
    r"(?:my|your|the|db|user|some|test|super)?[-_ ]*(?:pass(?:wor[dt]|wd|phrase)?|pwd?|secret|token|key|changeme|foo|bar|baz"
    r"|test|example|sample|dummy|fake|guest|root|admin|postgres|mysql|redis|rabbit|user(?:name)?|none|null|hunter2|x+|\*+|\.+)"
    r"[-_]*\d{0,4}|.*(?:[<>{}$%]|example|placeholder|redacted|changeme).*|(.)\1*",
    re.IGNORECASE,
)

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
        _scanner = Scanner(Rules([_OWN_RULES], confidence="medium", **keep))


def mask(text: str) -> Masked:
    """The text with as many lines in which certain secrets are unreadable, and where all were found, in order.

    load() must have run.
    """
    assert _scanner is not None, "load() first"
    data = text.encode("utf-8", "replace")
    found = [_Found.of(finding) for finding in _scanner.scan(data) if _counts(finding)]
    if not found:
        return Masked(text, ())
    found.sort(key=lambda each: (each.start, each.end))
    spans = _merged((each.start, each.end) for each in found if each.is_certain)
    # Of several rules that find the same thing the one that is certain names it.
    places: dict[tuple[int, int], SecretPlace] = {}
    line, at = 1, 0
    for each in found:
        line, at = line + data.count(b"\n", at, each.start), each.start
        if each.is_certain or not _overlap(spans, each):
            places.setdefault((each.start, each.end), SecretPlace(line, each.kind, each.is_certain))
    return Masked(_without(data, spans) if spans else text, tuple(places.values())[:MOST_PLACES])


@dataclass(frozen=True, slots=True)
class _Found:
    """start, end: in bytes."""

    start: int
    end: int
    kind: str
    is_certain: bool

    @classmethod
    def of(cls, finding: Finding) -> _Found:
        place, rule = finding.location, finding.rule_id
        is_certain = finding.confidence == "high" or rule == _ADDRESS or bool(_CERTAIN.match(rule))
        return cls(place["start_offset"], place["end_offset"], _kind(finding), is_certain)


def _kind(finding: Finding) -> str:
    """In words: `github pat`, `AWS access key`."""
    if finding.rule_id == _ADDRESS:
        return "password in an address"
    source, _, name = finding.rule_id.partition(".")
    if source == "own":
        return finding.rule_name
    return re.sub(r"\.\d+$", "", name).removeprefix("secrets/").replace("-", " ")


def _counts(finding: Finding) -> bool:
    """Whether a finding is one for people: parts of others, doubles and placeholders are none."""
    rule = finding.rule_id
    if not finding.visible or rule in _SAME_AS_ADDRESS:
        return False
    by_place = rule == _ADDRESS or rule.startswith("own.")
    return not (by_place and _PLACEHOLDER.fullmatch(finding.secret))


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """spans: in order of their beginnings. The same, without overlaps."""
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _overlap(spans: Sequence[tuple[int, int]], found: _Found) -> bool:
    last = bisect_left(spans, (found.end, 0)) - 1
    return last >= 0 and spans[last][1] > found.start


def _without(data: bytes, spans: Iterable[tuple[int, int]]) -> str:
    parts = []
    at = 0
    for start, end in spans:
        parts += [data[at:start], _masked(data[start:end].decode("utf-8", "replace")).encode()]
        at = end
    return b"".join([*parts, data[at:]]).decode("utf-8", "replace")


def _masked(secret: str) -> str:
    lines = secret.split("\n")
    if len(lines) > 2 and lines[0].startswith("-----BEGIN"):
        # What frames a key says what it is.
        return "\n".join([lines[0], *map(_dots, lines[1:-1]), lines[-1]])
    shown = _SHOWN if len(secret) >= _LEAST_SHOWN_LENGTH else 0
    return secret[:shown] + "\n".join(map(_dots, secret[shown:].split("\n")))


def _dots(line: str) -> str:
    return MASK * min(len(line), _LONGEST_MASK)
