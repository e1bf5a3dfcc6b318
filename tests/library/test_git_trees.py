"""Hostile repositories: trees, objects and files that want more than to be read."""

from __future__ import annotations

import tarfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.library.git import commits
from apps.library.git.addresses import parse_address, resolve
from apps.library.git.runner import GitLimits, GitRunner
from tests.library.git_server import BareRepository, GitServer, certificate, git, make_bare, run_git_server
from tests.library.test_git_hosts import Listener, bring, know_host, listener_fixture, refusal  # noqa: F401


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with run_git_server(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture
def server(served: GitServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> GitServer:
    settings.GIT_PRIVATE_HOSTS = {served.authority}
    settings.GIT_CA_FILE = certificate()
    know_host(monkeypatch)
    return served


@pytest.fixture
def repository(server: GitServer, request: pytest.FixtureRequest) -> BareRepository:
    """One of the test's own, at `name_of`."""
    return make_bare(server.folder / name_of(request.node))


def remote_of(server: GitServer, folder: Path, name: str) -> commits.Remote:
    address, limits = parse_address(server.url(name)), GitLimits(seconds=20)
    config = commits.git_config(address, resolve(address), "", limits)
    return commits.Remote(address, GitRunner(folder, limits, config, lambda: None))


def name_of(test: pytest.Item) -> str:
    return f"r{abs(hash(test.nodeid)) % 10**9}.git"


UNSAFE = {
    "a folder above": ("100644", b"..", "hasDotdot"),
    "git's own folder": ("100644", b".git", "hasDotgit"),
    "git's own folder with a sign nobody sees": ("100644", b".g\xe2\x80\x8cit", "hasDotgit"),
    "a path for a name": ("100644", b"../../canary", "fullPathname"),
    "an absolute path for a name": ("100644", b"/etc/canary", "fullPathname"),
}


@pytest.mark.parametrize("entry", UNSAFE.values(), ids=UNSAFE.keys())
def test_trees_that_git_calls_unsafe_are_refused_by_name(
    server: GitServer, repository: BareRepository, tmp_path: Path, entry: tuple[str, bytes, str]
) -> None:
    mode, name, kind = entry
    repository.commit_tree(repository.tree([(mode, name, repository.blob(b"canary"))]))

    failed = refusal(server, tmp_path, repository.path.name)

    assert failed.code == "git_unsafe"
    assert f"({kind})" in failed.sentence
    assert not (tmp_path.parent / "canary").exists()


def test_a_name_that_stands_twice_is_refused(
    server: GitServer, repository: BareRepository, tmp_path: Path
) -> None:
    blob = repository.blob(b"x")
    repository.commit_tree(repository.tree([("100644", b"a", blob), ("100644", b"a", blob)]))
    assert "(duplicateEntries)" in refusal(server, tmp_path, repository.path.name).sentence


def test_a_tree_that_no_git_can_pack_is_refused(
    server: GitServer, repository: BareRepository, tmp_path: Path
) -> None:
    """A name with NUL ends there, and the rest is no tree."""
    repository.commit_tree(repository.tree([("100644", b"a\0b", repository.blob(b"x"))]))
    assert refusal(server, tmp_path, repository.path.name).code == "git_damaged"


def test_links_are_members_that_lead_nowhere_and_submodules_are_folders(
    server: GitServer, repository: BareRepository, tmp_path: Path, listener: Listener
) -> None:
    """Whatever .gitmodules says of their addresses, nobody goes there."""
    modules = (
        f'[submodule "a"]\n\tpath = a\n\turl = ext::sh -c "touch {tmp_path}/canary"\n'
        f'[submodule "b"]\n\tpath = b\n\turl = --upload-pack=touch {tmp_path}/canary\n'
        f'[submodule "c"]\n\tpath = c\n\turl = {listener.url}/c.git\n'
        f'[submodule "../../d"]\n\tpath = d\n\turl = file:///etc\n\tupdate = !touch {tmp_path}/canary\n'
    )
    repository.commit(
        {
            ".gitmodules": modules.encode(),
            "a": b"1" * 40, "b": b"2" * 40, "c": b"3" * 40,
            "passwords": b"/etc/passwd", "up": b"../../..",
        },
        modes={"a": "160000", "b": "160000", "c": "160000", "passwords": "120000", "up": "120000"},
    )  # fmt: skip

    found = bring(server, tmp_path, repository.path.name)

    assert found.pop(".gitmodules") == modules.encode()
    assert found == {"a": "", "b": "", "c": "", "passwords": "/etc/passwd", "up": "../../.."}
    with tarfile.open(tmp_path / "commit.tar") as tar:
        assert {one.name for one in tar if one.isdir()} == {"a", "b", "c"}
        assert {one.name for one in tar if one.issym()} == {"passwords", "up"}
    assert not (tmp_path / "canary").exists()
    assert listener.is_untouched


def test_files_that_configure_git_are_read_and_do_nothing(
    server: GitServer, repository: BareRepository, tmp_path: Path, listener: Listener
) -> None:
    """Hooks, configuration, alternates, attributes with filters, LFS pointers: all of them are texts like any other."""
    command = f"touch {tmp_path}/canary"
    files = {
        ".gitattributes": b"* filter=evil diff=evil merge=evil ident\n*.txt export-ignore eol=crlf\n*.md export-subst\n",
        ".gitconfig": f"[filter \"evil\"]\n\tsmudge = {command}\n\tprocess = {command}\n\trequired = true\n".encode(),
        ".lfsconfig": f"[lfs]\n\turl = {listener.url}\n".encode(),
        "config": f"[core]\n\tfsmonitor = {command}\n\tsshCommand = {command}\n\thooksPath = hooks\n".encode(),
        "hooks/post-checkout": f"#!/bin/sh\n{command}\n".encode(),
        "hooks/reference-transaction": f"#!/bin/sh\n{command}\n".encode(),
        "objects/info/alternates": b"/etc\n../../../../\n",
        "left-out.txt": b"one\ntwo\n",
        "large.bin": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n",
        "note.md": b"$Format:%H$ $Id$\n",
    }  # fmt: skip
    repository.commit(files, modes={"hooks/post-checkout": "100755", "hooks/reference-transaction": "100755"})

    assert bring(server, tmp_path, repository.path.name) == files
    assert not (tmp_path / "canary").exists()
    assert listener.is_untouched


def test_a_tree_that_unfolds_without_end_is_left(
    server: GitServer, repository: BareRepository, tmp_path: Path
) -> None:
    """Ten folders, each ten times the next: ten objects, ten thousand million files."""
    tree = repository.tree([("100644", b"f", repository.blob(b""))])
    for _ in range(10):
        tree = repository.tree([("40000", b"d%d" % number, tree) for number in range(10)])
    repository.commit_tree(tree)

    failed = refusal(server, tmp_path, repository.path.name, limits=GitLimits(files=1_000))

    assert failed.code == "git_too_many_files"
    assert "1,000 files" in failed.sentence


def test_files_that_are_small_alone_are_counted_together(
    server: GitServer, repository: BareRepository, tmp_path: Path
) -> None:
    blob = repository.blob(bytes(50_000))
    repository.commit_tree(repository.tree([("100644", b"f%02d" % number, blob) for number in range(50)]))

    failed = refusal(server, tmp_path, repository.path.name, limits=GitLimits(size_bytes=1_000_000))

    assert failed.code == "git_too_large"
    assert not (tmp_path / "commit.tar").exists()


def test_names_of_files_that_would_fill_the_memory_are_refused(
    server: GitServer, repository: BareRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tree names the same folder many times, by a name as long as another tree can make it."""
    monkeypatch.setattr(commits, "_MOST_PATH_BYTES", 1024**2)
    tree = repository.tree([("100644", b"f" * 100_000, repository.blob(b""))])
    repository.commit_tree(repository.tree([("40000", b"d%02d" % number, tree) for number in range(30)]))

    failed = refusal(server, tmp_path, repository.path.name)

    assert failed.code == "git_too_large"
    assert "1 MiB of names of files" in failed.sentence


def test_the_target_of_a_link_is_not_taken_into_memory(
    server: GitServer, repository: BareRepository, tmp_path: Path
) -> None:
    """git itself sets no bound to it, and it packs to nearly nothing."""
    size = 24 * 1024**2
    repository.commit({"a": b"t" * size, "b": b"1"}, modes={"a": "120000"})

    tracemalloc.start()
    try:
        found = bring(server, tmp_path, repository.path.name)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert found == {"a": "t" * 4096, "b": b"1"}
    assert peak < size // 2


def test_refs_that_nobody_asked_for_are_not_kept(
    server: GitServer, repository: BareRepository, tmp_path: Path
) -> None:
    commit = repository.commit({"a": b"1"})
    git(repository.path, "tag", "-a", "v1", "-m", "One.", commit)
    listing = "".join(f"create refs/pull/{number}/head {commit}\n" for number in range(2_000))
    git(repository.path, "update-ref", "--stdin", content=listing.encode())
    remote = remote_of(server, tmp_path, repository.path.name)

    assert set(remote._refs(["refs/tags/v1"], "")) == {"HEAD", "ref: HEAD", "refs/tags/v1", "refs/tags/v1^{}"}
    assert len(remote._refs(["refs/heads/x"], commit[:9])) <= commits._MOST_FITTING + 3
    assert remote.find(commit[:9]).commit == commit
    assert remote.find("v1").commit == commit


def test_names_that_are_no_text_and_long_ones_come_through(
    server: GitServer, repository: BareRepository, tmp_path: Path
) -> None:
    """What of them is skipped is for the reader of the tar to say."""
    files = {"caf\udce9.txt": b"1", "größe.txt": b"2", "d/" * 200 + "deep": b"3", "n" * 255: b"4"}
    repository.commit(files)

    assert bring(server, tmp_path, repository.path.name) == files


def test_tags_of_commits_are_followed_and_others_refused(
    server: GitServer, repository: BareRepository, tmp_path: Path
) -> None:
    commit = repository.commit({"a": b"1"})
    git(repository.path, "tag", "-a", "v1", "-m", "One.", commit)
    git(repository.path, "tag", "-a", "v1-again", "-m", "One.", "v1")
    git(repository.path, "tag", "blob", repository.blob(b"x"))

    for number, ref in enumerate(["v1-again", "refs/tags/v1", commit[:9]]):
        (tmp_path / str(number)).mkdir()
        assert bring(server, tmp_path / str(number), repository.path.name, ref=ref) == {"a": b"1"}
    assert refusal(server, tmp_path, repository.path.name, ref="blob").code == "git_not_a_commit"


@pytest.mark.parametrize(
    ("ref", "code"),
    [("Main", "git_unknown_ref"), ("abcdef1", "git_short_commit"), ("ab" * 20, "git_unknown_commit")],
)
def test_refs_that_lead_nowhere_are_told(
    server: GitServer, repository: BareRepository, tmp_path: Path, ref: str, code: str
) -> None:
    repository.commit({"a": b"1"})
    failed = refusal(server, tmp_path, repository.path.name, ref=ref)

    assert failed.code == code
    assert ref in failed.sentence


def test_a_repository_without_a_commit_is_told(
    server: GitServer, repository: BareRepository, tmp_path: Path
) -> None:
    assert refusal(server, tmp_path, repository.path.name).code == "git_empty"


@pytest.mark.parametrize("protocol", [None, ""], ids=["today's protocol", "the old protocol"])
def test_a_host_that_gives_tips_alone_is_told_for_other_commits(
    server: GitServer,
    repository: BareRepository,
    tmp_path: Path,
    protocol: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = repository.commit({"a": b"1"})
    repository.commit({"a": b"2"})
    git(repository.path, "config", "--unset", "uploadpack.allowAnySHA1InWant")
    monkeypatch.setattr(server, "protocol", protocol)

    if protocol is None:
        # Today's protocol has no such rule; hosts that want one check by themselves.
        assert bring(server, tmp_path, repository.path.name, ref=old) == {"a": b"1"}
    else:
        assert refusal(server, tmp_path, repository.path.name, ref=old).code == "git_unknown_commit"


def test_a_repository_of_longer_hashes_is_read(server: GitServer, tmp_path: Path) -> None:
    path = server.folder / "long.git"
    git(
        path.parent, "init", "--quiet", "--bare", "--object-format=sha256", "--initial-branch=main", str(path)
    )
    commit = BareRepository(path).commit({"a": b"1"})

    assert len(commit) == 64
    assert bring(server, tmp_path, "long.git") == {"a": b"1"}
