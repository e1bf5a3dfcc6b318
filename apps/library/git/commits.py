"""One commit of a repository somewhere else as a plain tar: asked for, fetched bare and shallow, written blob by blob."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import tarfile
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings

from apps.library.git.addresses import GitAddress
from apps.library.git.errors import FetchFailed
from apps.library.git.runner import GitEnded, GitLimits, GitRunner, too_large

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHORT_COMMIT = re.compile(r"[0-9a-f]{7,}")
_MOST_REF_BYTES, _MOST_PATH_BYTES = 256 * 1024**2, 64 * 1024**2
"""Of listings of branches and tags, which are looked through, and of files, which are kept."""
_MOST_FITTING = 1_000
"""Refs kept whose commit begins as a short one does."""
_LONGEST_TARGET = 4096
_STEP_BYTES = 1024 * 1024
_PERCENT = re.compile(
    r"(?P<what>Receiving objects|Resolving deltas|Checking connectivity): +(?P<percent>\d+)%"
)
# What git and libcurl write, against our codes; the first that fits counts.
_CAUSES: tuple[tuple[str, str], ...] = (
    (r"terminal prompts disabled|Authentication failed|could not read (Username|Password)", "git_not_found"),
    (r"repository '.*' not found|returned error: (400|401|403|404|407|410|451)\b", "git_not_found"),
    (r"returned error: 3\d\d\b", "git_redirected"),
    (r"dumb http transport does not support", "git_not_smart"),
    (r"Operation too slow", "git_silent"),
    (r"not our ref|unadvertised object|couldn't find remote ref", "git_unknown_commit"),
    (r"died of signal 25|File too large|exceeds maximum allowed size", "git_too_large"),
    (r"Out of memory|out of memory|mmap failed|Cannot allocate memory", "git_too_heavy"),
    (r"No space left on device", "disk_full"),
    (r"returned error: 5\d\d|Failed to connect|Could(n't| not) (connect|resolve)|SSL|TLS|certificate", "git_unreachable"),
    (r"Connection (refused|timed out|reset)|Empty reply|Recv failure|Send failure|timed out", "git_unreachable"),
    (r"bad pack header|invalid index-pack output", "git_damaged"),
    (r"not valid: is this a git repository|protocol error|invalid .*response|bad line length", "git_not_smart"),
    (r"index-pack|pack|early EOF|missing (blob|tree|commit)|did not send all|bad object|corrupt", "git_damaged"),
)  # fmt: skip
_UNSAFE = re.compile(r"(?:in|object) [0-9a-f]{40,64}: ([A-Za-z]{1,40}): ")


@dataclass(frozen=True, slots=True)
class Tip:
    """What a ref names. wanted: the object to ask for. commit: empty while only the host knows it. ref: as resolved."""

    wanted: str
    commit: str
    ref: str


@dataclass(frozen=True, slots=True)
class Member:
    """An entry of a commit's tree. mode: six octal digits, as git writes them."""

    path: str
    mode: str
    oid: str
    size_bytes: int

    @property
    def is_submodule(self) -> bool:
        return self.mode == "160000"

    @property
    def is_link(self) -> bool:
        return self.mode == "120000"


def git_config(
    address: GitAddress, numbers: tuple[str, ...], token: str, limits: GitLimits
) -> dict[str, str]:
    """Pins the host to its checked addresses, and tells it the token, as settings of git."""
    pinned = ",".join(f"[{number}]" if ":" in number else number for number in numbers)
    config = {
        # Nobody looks up a host that is an address itself, and curl could not part one of IPv6 from its port.
        "http.curloptResolve": "" if address.is_literal else f"{address.host}:{address.port}:{pinned}",
        "http.lowSpeedLimit": "1",
        "http.lowSpeedTime": str(max(1, round(limits.silent_seconds))),
    }
    if address.is_private and settings.GIT_CA_FILE:
        config[f"http.{address.origin}/.sslCAInfo"] = settings.GIT_CA_FILE
    if token:
        # Hosts take any user name with an access token, except those that say which.
        pair = token if ":" in token else f"x-access-token:{token}"
        basic = base64.b64encode(pair.encode()).decode()
        config[f"http.{address.origin}/.extraHeader"] = f"Authorization: Basic {basic}"
    return config


class Remote:
    """A repository on another host, seen through a runner whose configuration knows the way (git_config)."""

    def __init__(self, address: GitAddress, runner: GitRunner) -> None:
        self.address = address
        self.runner = runner

    def find(self, ref: str) -> Tip:
        """What a checked ref names now; "" is the default branch. Asks the host, except for a whole commit.

        Raises FetchFailed (git_unknown_ref, git_short_commit, git_empty, and whatever keeps the host from answering).
        """
        if _COMMIT.fullmatch(ref):
            return Tip(ref, "", ref)
        names = [ref] if ref.startswith("refs/") else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
        refs = self._refs(names, ref if _SHORT_COMMIT.fullmatch(ref) else "")
        if not ref:
            return self._head(refs)
        for name in names:
            if name in refs:
                return Tip(refs[name], refs.get(f"{name}^{{}}", refs[name]), ref)
        if not _SHORT_COMMIT.fullmatch(ref):
            raise FetchFailed("git_unknown_ref", ref=ref)
        # A peeled tag names a commit, but hosts of the old protocol give only what they list by name.
        found = {refs.get(f"{name}^{{}}", oid): oid for name, oid in refs.items() if not name.endswith("^{}")}
        fitting = {commit: wanted for commit, wanted in found.items() if commit.startswith(ref)}
        if len(fitting) != 1:
            words = {"found": len(fitting) or "none", "s": "" if fitting else "s"}
            raise FetchFailed("git_short_commit", ref=ref, **words)
        [(commit, wanted)] = fitting.items()
        return Tip(wanted, commit, commit)

    def _head(self, refs: dict[str, str]) -> Tip:
        if "HEAD" not in refs:
            raise FetchFailed("git_empty")
        branch = refs.get("ref: HEAD", "").removeprefix("refs/heads/")
        return Tip(refs["HEAD"], refs["HEAD"], branch)

    def _refs(self, names: list[str], short: str) -> dict[str, str]:
        """Object ids by name of ref: of HEAD, of these, and of those whose id begins with short, if given.

        Under "ref: HEAD" stands the branch that HEAD stands for. A host may list millions; the others are not kept.
        Raises FetchFailed (git_empty) where there is none at all.
        """
        refs: dict[str, str] = {}
        wanted = {"HEAD", *names}
        last = ("", "")
        with closing(self._asking("ls-remote", "--symref", "--", self.address.url)) as pieces:
            for line in _parted(pieces, b"\n", _MOST_REF_BYTES, "branches and tags"):
                oid, _, name = line.decode(errors="replace").partition("\t")
                if oid.startswith("ref: "):
                    if name == "HEAD":
                        refs["ref: HEAD"] = oid[5:]
                    continue
                if not _COMMIT.fullmatch(oid):
                    continue
                # What a tag leads to follows on the tag.
                base = name.removesuffix("^{}")
                fits = bool(short) and oid.startswith(short) and len(refs) < _MOST_FITTING
                if base in wanted or base in refs or fits:
                    if base == last[0]:
                        refs[base] = last[1]
                    refs[name] = oid
                last = (name, oid)
        if last == ("", ""):
            raise FetchFailed("git_empty")
        return refs

    def fetch(self, tip: Tip, on_percent: Callable[[int], None]) -> str:
        """Bring the commit, without history, tags or submodules, into the runner's repository; gives its full id.

        on_percent: of the objects received. Raises FetchFailed.
        """

        def tell(line: str) -> None:
            if (found := _PERCENT.search(line)) and found["what"] == "Receiving objects":
                on_percent(int(found["percent"]))

        format = "sha256" if len(tip.wanted) == 64 else "sha1"
        bare = ("--bare", "--quiet", "--template=", f"--object-format={format}")
        self._all(self._asking("init", *bare))
        plain = ("--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
        names = (*plain, "--progress", "--", self.address.url, tip.wanted)
        self._all(self._asking("fetch", *names, ref=tip.ref, on_progress=tell))
        try:
            named = f"{tip.wanted}^{{commit}}"
            return (
                self.runner.read("rev-parse", "--verify", "--quiet", "--end-of-options", named)
                .decode()
                .strip()
            )
        except GitEnded:
            raise FetchFailed("git_not_a_commit", ref=tip.ref) from None

    def _all(self, pieces: Generator[bytes, None, None]) -> None:
        for _ in pieces:
            pass

    def _asking(
        self, *arguments: str, ref: str = "", on_progress: Callable[[str], None] = lambda line: None
    ) -> Generator[bytes, None, None]:
        try:
            yield from self.runner.run(*arguments, on_progress=on_progress)
        except GitEnded as ended:
            raise self._cause(ended, ref) from ended

    def _cause(self, ended: GitEnded, ref: str) -> FetchFailed:
        written = "\n".join(ended.lines)
        limits = self.runner.limits
        words = {
            "host": self.address.host,
            "ref": ref,
            "limit": f"{limits.size_bytes // 1024**2:,} MiB",
            "seconds": round(limits.silent_seconds),
        }
        if self.runner.size_bytes >= limits.size_bytes:
            # Killed at the limit of a file, which the parent of the process does not tell.
            return too_large(limits)
        if unsafe := _UNSAFE.search(written):
            return FetchFailed("git_unsafe", kind=unsafe[1])
        code = next((code for pattern, code in _CAUSES if re.search(pattern, written)), "git_failed")
        return FetchFailed(code, **words)


def write_tar(runner: GitRunner, commit: str, path: Path, on_percent: Callable[[int], None]) -> str:
    """The files of a fetched commit as a tar at path; gives the SHA-256 of its bytes. Same commit, same bytes.

    Symbolic links are members of that kind; a submodule is a folder, of which git itself has none. Attributes and
    filters of the repository have no say: blobs are copied as they are. Raises FetchFailed (git_too_large,
    git_too_many_files, git_damaged).
    """
    members = list(_members(runner, commit))
    whole = sum(member.size_bytes for member in members)
    if whole > runner.limits.size_bytes:
        raise too_large(runner.limits)
    listing = runner.folder / "objects"
    listing.write_text("".join(f"{one.oid}\n" for one in members if not one.is_submodule))
    done = 0
    with path.open("xb") as file, listing.open("rb") as asked:
        hashed = _Hashed(file)
        blobs = runner.run("cat-file", "--batch", "--buffer", stdin=asked)
        with closing(blobs), tarfile.open(fileobj=hashed, mode="w|", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
            contents = io.BufferedReader(_Pieces(blobs), 1024 * 1024)
            for member in members:
                _add(tar, member, contents)
                done += member.size_bytes
                on_percent(100 * done // whole if whole else 100)
    return hashed.digest.hexdigest()


def _members(runner: GitRunner, commit: str) -> Iterator[Member]:
    pieces = runner.run("ls-tree", "-r", "-z", "-l", "--full-tree", commit)
    with closing(pieces):
        # A name may be of any length, and a tree may hold it any number of times.
        entries = _parted(pieces, b"\0", _MOST_PATH_BYTES, "names of files")
        for number, entry in enumerate(entries, start=1):
            if number > runner.limits.files:
                raise FetchFailed("git_too_many_files", limit=f"{runner.limits.files:,}")
            facts, _, path = entry.partition(b"\t")
            mode, _, oid, size = facts.decode().split()
            yield Member(path.decode(errors="surrogateescape"), mode, oid, int(size) if size.isdigit() else 0)


def _add(tar: tarfile.TarFile, member: Member, contents: IO[bytes] | io.BufferedReader) -> None:
    entry = tarfile.TarInfo(member.path)
    entry.mode = int(member.mode, 8) & 0o777
    if member.is_submodule:
        entry.type = tarfile.DIRTYPE
        tar.addfile(entry)
        return
    head = contents.readline().split()
    if head != [member.oid.encode(), b"blob", str(member.size_bytes).encode()]:
        raise FetchFailed("git_damaged", host="The host")
    if member.is_link:
        entry.type = tarfile.SYMTYPE
        target = contents.read(min(member.size_bytes, _LONGEST_TARGET))
        _pass_over(contents, member.size_bytes - len(target))
        entry.linkname = target.decode(errors="surrogateescape").partition("\0")[0]
        tar.addfile(entry)
    else:
        entry.size = member.size_bytes
        tar.addfile(entry, contents)
    contents.read(1)


def _pass_over(contents: IO[bytes] | io.BufferedReader, size: int) -> None:
    """A link's target may be as large as any file."""
    while size > 0 and (piece := contents.read(min(size, _STEP_BYTES))):
        size -= len(piece)


def _parted(pieces: Iterator[bytes], end: bytes, most_bytes: int, what: str) -> Iterator[bytes]:
    """Lines of a stream without their ends. Raises FetchFailed (git_too_large) past most_bytes; what: they hold."""
    rest, seen = b"", 0
    for piece in pieces:
        seen += len(piece)
        if seen > most_bytes:
            raise FetchFailed("git_too_large", limit=f"{most_bytes // 1024**2} MiB of {what}")
        *lines, rest = (rest + piece).split(end)
        yield from lines
    if rest:
        yield rest


class _Pieces(io.RawIOBase):
    """A stream of pieces as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        length = min(len(buffer), len(self._rest))
        buffer[:length] = self._rest[:length]
        self._rest = self._rest[length:]
        return length


class _Hashed:
    """A file that is written once, and its digest."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, piece: bytes) -> int:
        self.digest.update(piece)
        return self._file.write(piece)
