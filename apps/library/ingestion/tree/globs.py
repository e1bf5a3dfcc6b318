"""Patterns of paths, as .gitignore files and people write them; matched by RE2, in linear time whatever they say.

Git's own matcher is followed to the byte (a question mark is one byte of a letter), because what it ignores is what
must not be read. Source: git, wildmatch.c and dir.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import re2  # type: ignore[import-untyped]

from apps.library.ingestion.guards import IngestionError

MAX_GLOBS = 1_000
MAX_GLOB_LENGTH = 600
"""In characters: a path of the longest kind with each of its signs escaped."""

# Compiled together; a larger set would need more memory at once than RE2 is given.
_PATTERNS_OF_A_SET = 500
_MAX_MEMORY = 64 * 1024**2

# Ends the path of a folder where patterns are matched: a slash would also be what stars and sets stand before.
_FOLDER = "\x00"
_SPECIAL = re.compile(rb"[*?\\[\\\\]")
_CLASSES = {
    b"alnum": "[:alnum:]",
    b"alpha": "[:alpha:]",
    b"blank": "[:blank:]",
    b"cntrl": "[:cntrl:]",
    b"digit": "[:digit:]",
    b"graph": "[:graph:]",
    b"lower": "[:lower:]",
    b"print": "[:print:]",
    b"punct": "[:punct:]",
    b"space": "[:space:]",
    b"upper": "[:upper:]",
    b"xdigit": "[:xdigit:]",
}


class PatternList:
    """Lines of a .gitignore file, or globs; of several that match a path the last one decides."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._sets: list[tuple[re2.Set, list[bool]]] = []
        expressions = [found for line in lines if (found := _expression(line)) is not None]
        for first in range(0, len(expressions), _PATTERNS_OF_A_SET):
            self._sets.append(_compiled(expressions[first : first + _PATTERNS_OF_A_SET]))

    def decide(self, path: str) -> bool | None:
        """True for a match, False for one by a pattern with `!`, None for none.

        path: from the folder of the list; of a folder itself with a slash at its end. Folders above are not asked.
        """
        is_folder = path.endswith("/")
        data = (path[:-1] + _FOLDER if is_folder else path).encode("utf-8", "surrogateescape")
        for patterns, negated in reversed(self._sets):
            if found := patterns.Match(data):
                return not negated[max(found)]
        return None


class Globs:
    """Globs of a person: a file is meant by a pattern that matches it or a folder above it; the last one decides."""

    def __init__(self, globs: Sequence[str]) -> None:
        self._patterns = PatternList(globs)
        self._folders: dict[str, bool] = {"": False}

    def matches(self, path: str) -> bool:
        """path: of a file, or of a folder with a slash at its end; from the top, which has none before it."""
        return self._decide(path)

    def _decide(self, path: str) -> bool:
        if path in self._folders:
            return self._folders[path]
        above = self._decide(parent(path))
        own = self._patterns.decide(path)
        decided = above if own is None else own
        if path.endswith("/"):
            self._folders[path] = decided
        return decided


def parent(path: str) -> str:
    """The folder of a file or folder, with a slash at its end; empty at the top."""
    return path[: path.rstrip("/").rfind("/") + 1]


def check_globs(globs: Sequence[str]) -> None:
    """Raise IngestionError (bad_glob) for what can match nothing, and for more than is sensible."""
    if len(globs) > MAX_GLOBS:
        raise IngestionError("bad_glob", reason=f"there are more than {MAX_GLOBS} patterns")
    for glob in globs:
        if reason := _fault(glob):
            raise IngestionError("bad_glob", reason=reason)


def _fault(glob: str) -> str:
    shown = f"“{glob[:60]}”"
    if len(glob) > MAX_GLOB_LENGTH:
        return f"{shown} is longer than {MAX_GLOB_LENGTH} characters"
    if not glob.strip() or "\n" in glob or "\x00" in glob:
        return "a pattern is empty or runs over several lines"
    if glob.startswith("#"):
        return f"{shown} begins with #, which makes it a comment; write \\# for a name that begins so"
    if ".." in glob.split("/"):
        return f"{shown} leaves the repository; paths begin at its top, without .."
    if _expression(glob) is None:
        return f"{shown} can match nothing; look for an open bracket or a backslash at the end"
    return ""


def _compiled(expressions: Sequence[tuple[bytes, bool]]) -> tuple[re2.Set, list[bool]]:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.dot_nl = options.never_capture = True
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    patterns = re2.Set.FullMatchSet(options)
    try:
        for expression, _ in expressions:
            patterns.Add(expression)
        patterns.Compile()
    except re2.error as error:
        raise IngestionError("long_patterns") from error
    return patterns, [negated for _, negated in expressions]


def _expression(line: str) -> tuple[bytes, bool] | None:
    """(regular expression, whether it takes back) of one line; None for a comment and for what matches nothing.

    The expression matches whole paths from the folder of the list, of folders with _FOLDER at the end.
    """
    pattern = _trimmed(line).encode("utf-8", "surrogateescape")
    if pattern.startswith(b"#"):
        return None
    negated = pattern.startswith(b"!")
    pattern = pattern[1:] if negated else pattern
    only_folders = pattern.endswith(b"/")
    pattern = pattern[:-1] if only_folders else pattern
    anywhere = b"/" not in pattern
    pattern = pattern.removeprefix(b"/")
    if not pattern:
        return None
    body = _translate(pattern, has_folders=not anywhere)
    if body is None:
        return None
    return (b"(?:.*/)?" if anywhere else b"") + body + (rb"\x00" if only_folders else rb"\x00?"), negated


def _trimmed(line: str) -> str:
    """Without spaces at the end, but for those behind a backslash."""
    return re.sub(r"^((?:[^\\ ]|\\.?| +(?=[^ ]))*) *$", r"\1", line, flags=re.DOTALL)


def _translate(pattern: bytes, *, has_folders: bool) -> bytes | None:
    """The regular expression of a pattern; None where git would match nothing with it."""
    parts: list[bytes] = []
    at = 0
    while at < len(pattern):
        sign = pattern[at : at + 1]
        if sign == b"*":
            end = at
            while pattern[end : end + 1] == b"*":
                end += 1
            # Two stars are folders where slashes part them; git also takes what is literal before them for a part.
            begins_part = pattern[at - 1 : at] == b"/" or not _SPECIAL.search(pattern, 0, at)
            following = pattern[end : end + 1]
            if end - at >= 2 and has_folders and begins_part and following in (b"", b"/"):
                parts.append(rb"(?:[^\x00]*/)?" if following else rb"[^\x00]*")
                end += len(following)
            else:
                parts.append(rb"[^/\x00]*")
            at = end
        elif sign == b"?":
            parts.append(rb"[^/\x00]")
            at += 1
        elif sign == b"[":
            found = _bracket(pattern, at)
            if found is None:
                return None
            expression, at = found
            parts.append(expression)
        else:
            if sign == b"\\":
                at += 1
                sign = pattern[at : at + 1]
                if not sign:
                    return None
            parts.append(_quoted(sign))
            at += 1
    return b"".join(parts)


def _bracket(pattern: bytes, at: int) -> tuple[bytes, int] | None:
    """(expression, index behind it) of the set that opens at this index; None when it does not close."""
    at += 1
    negated = pattern[at : at + 1] in (b"!", b"^")
    at += negated
    inner = b""
    previous = b""
    is_first = True
    while True:
        sign = pattern[at : at + 1]
        if not sign:
            return None
        if sign == b"]" and not is_first:
            break
        is_first = False
        following = pattern[at + 1 : at + 2]
        if sign == b"\\":
            at += 1
            sign = following
            if not sign:
                return None
            inner += _quoted(sign)
            previous = sign
        elif sign == b"-" and previous and following and following != b"]":
            at += 1
            last = following
            if last == b"\\":
                at += 1
                last = pattern[at : at + 1]
                if not last:
                    return None
            if previous <= last:
                inner += _quoted(previous) + b"-" + _quoted(last)
            previous = b""
        elif sign == b"[" and following == b":":
            end = pattern.find(b"]", at + 2)
            if end < 0:
                return None
            if pattern[end - 1 : end] == b":" and end - 1 >= at + 2:
                name = _CLASSES.get(pattern[at + 2 : end - 1])
                if name is None:
                    return None
                inner += name.encode()
                at = end
                previous = b""
            else:
                inner += _quoted(sign)
                previous = sign
        else:
            inner += _quoted(sign)
            previous = sign
        at += 1
    # A set matches no slash, whatever it says.
    if negated:
        return rb"[^/\x00" + inner + b"]", at + 1
    if not inner:
        return None
    return (b"[" + inner + b"]", at + 1)


def _quoted(sign: bytes) -> bytes:
    return sign if sign.isalnum() else b"\\x%02x" % sign[0]
