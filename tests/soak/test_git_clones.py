"""Whole repositories from a bare clone behind TLS: what was read equals what git lists, minus the listed skips.

One is made of Django's own source as it is installed here; those in the folder that TEST_REPOSITORIES names (bare
ones) are read as well.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import django
import pytest

from apps.library.git_services import GitRequest, add_repository, fetch_again
from apps.library.models import Page, SkippedPath, SourceFile
from apps.llm.tokens import marker_tokens
from tests.library.git_server import certificate, git, make_bare, run_git_server
from tests.library.house import House, house_with_lease  # noqa: F401 (fixture)
from tests.library.test_git_hosts import know_host
from tests.library.trees import read, texts

pytestmark = [pytest.mark.soak, pytest.mark.django_db]

ALTERED = {"notebook", "masked", "cut", "control", "bidi"}
"""Flags of files whose text is not what their bytes say, on purpose."""


def django_repository(folder: Path) -> Path:
    made = make_bare(folder / "django.git")
    top = Path(django.__file__).parent
    files = {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}
    made.commit({path: content for path, content in files.items() if "__pycache__" not in path})
    return made.path


def given() -> list[Path]:
    folder = os.environ.get("TEST_REPOSITORIES")
    return sorted(Path(folder).iterdir()) if folder else []


@pytest.mark.parametrize("given_path", [None, *given()], ids=lambda path: path.name if path else "django")
def test_what_is_read_of_a_clone_is_what_git_lists(
    house: House, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, given_path: Path | None
) -> None:
    path = given_path or django_repository(tmp_path)
    with run_git_server(path.parent) as server:
        settings.GIT_PRIVATE_HOSTS = {server.authority}
        settings.GIT_CA_FILE = certificate()
        know_host(monkeypatch)
        alice = house.people["alice"]
        document = add_repository(alice, house.corpus, GitRequest(server.url(path.name))).document
        began = time.monotonic()
        revision = read(document)
        seconds = time.monotonic() - began
        assert revision.status == "ready", revision.error_sentence

        began = time.monotonic()
        fetch_again(alice, document)
        assert read(document).pk == revision.pk
        seconds_again = time.monotonic() - began

    listed = set(git(path, "ls-tree", "-r", "-z", "--name-only", revision.commit).strip("\0").split("\0"))
    modules = git(path, "ls-tree", "-r", "-z", revision.commit).split("\0")
    submodules = {line.split("\t")[1] for line in modules if line.startswith("160000")}
    listed = (listed - submodules) | {f"{name}/" for name in submodules}
    files = {one.path: one for one in SourceFile.objects.filter(revision=revision)}
    skipped = {one.path: one for one in SkippedPath.objects.filter(revision=revision)}
    folders = tuple(name for name in skipped if name.endswith("/") and name not in listed)
    covered = {name for name in listed if name in skipped or name.startswith(folders)}
    assert set(files) | covered == listed
    assert not set(files) & covered
    assert sum(one.count for one in skipped.values()) == len(covered)

    unlike = []
    for name, text in texts(revision).items():
        if files[name].encoding == "utf-8" and not ALTERED & {
            flag.split(":")[0] for flag in files[name].flags
        }:
            data = git_bytes(path, revision.commit, name).decode("utf-8-sig")
            if text != data.replace("\r\n", "\n"):
                unlike.append(name)
    # Markers and turn tokens that a file spells are broken in what is sent.
    assert len(unlike) <= len(files) // 100, unlike[:10]
    pages = Page.objects.filter(revision=revision, tokens__gt=0).values_list("number", "tokens")
    assert revision.token_count == sum(tokens + marker_tokens(1, number) for number, tokens in pages)
    print(
        f"\n{path.name}: {len(files):,} files read, {len(covered):,} skipped, {revision.size_bytes / 1e6:.0f} MB, "
        f"{revision.token_count:,} tokens, {len(unlike)} texts with broken markers; fetched and read in {seconds:.1f} s, "
        f"asked again in {seconds_again:.1f} s"
    )


def git_bytes(path: Path, commit: str, name: str) -> bytes:
    done = subprocess.run(
        ["git", "-C", str(path), "cat-file", "blob", f"{commit}:{name}"], capture_output=True, check=True
    )
    return done.stdout
