"""Text from outside made storable and harmless, without changing what a person would read."""

from __future__ import annotations

import re

from apps.common.markers import neutralise

# Line ends of other systems, form feeds and Unicode's line and paragraph separators.
_LINE_ENDS = re.compile(r"\r\n?|[\v\f\u0085\u2028\u2029]")
# C0 and C1 controls but tab and line feed (PostgreSQL refuses NUL), and invisible tag characters, which exist
# to smuggle text past a reader's eyes.
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\U000e0000-\U000e007f]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_TRAILING_SPACE = re.compile(r"[^\S\n]+(?=\n)")
_BLANK_LINES = re.compile(r"\n{3,}")


def clean_text(text: str) -> str:
    """Drop controls, replace lone surrogates, unify line ends, strip spaces before line ends and blank runs."""
    text = _LINE_ENDS.sub("\n", text)
    text = _CONTROLS.sub("", text)
    text = _SURROGATES.sub("\ufffd", text)
    text = _TRAILING_SPACE.sub("", text)
    return _BLANK_LINES.sub("\n\n", text).strip()


def page_text(text: str) -> str:
    """The stored form of a page: cleaned, and nothing in it can be taken for one of our markers."""
    return neutralise(clean_text(text)).strip()


def one_line(text: str, limit: int) -> str:
    """A name, label or title: cleaned, on one line, cut to limit characters."""
    return " ".join(clean_text(text).split())[:limit]
