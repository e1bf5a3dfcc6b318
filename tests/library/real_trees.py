"""Real archives, read whole: what was read, what was left out, and every count, against git and Llama's own tokenizer."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

from llama_models.llama4.tokenizer import Tokenizer

from apps.common.markers import neutralise, pack_page
from apps.library.ingestion.source.decoding import decode
from apps.library.models import Page, Revision, SecretFinding, SkippedPath
from tests.library.trees import texts


def unpack(archive: Path, folder: Path) -> Path:
    """The archive on disk, as git sees it; the single top folder, where there is one."""
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def ordinary_files(folder: Path) -> set[str]:
    """Paths of all regular files, without what lies in .git."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and ".git" not in path.relative_to(folder).parts
    }


def ignored(folder: Path, paths: set[str]) -> set[str]:
    """Those that `git check-ignore` names."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    if not (folder / ".git").exists():
        subprocess.run(["git", "init", "-q", str(folder)], check=True, env=environment)
    found = subprocess.run(
        ["git", "-C", str(folder), "check-ignore", "--no-index", "-z", "--stdin"],
        input="\0".join(sorted(paths)).encode(),
        capture_output=True,
        check=False,
        env=environment,
    )
    return {path.decode() for path in found.stdout.split(b"\0") if path}


def check_against_git(revision: Revision, folder: Path) -> dict[str, int]:
    """What was read is every file but those left out; files in .gitignore are among those. Gives counts for telling."""
    files = ordinary_files(folder)
    read = texts(revision)
    rows = list(SkippedPath.objects.filter(revision=revision).values_list("path", "reason", "count"))
    left_out = {path for path, _, _ in rows if not path.endswith("/")}
    folders = tuple(path for path, _, _ in rows if path.endswith("/"))
    below = {path for path in files if path.startswith(folders)} if folders else set()
    assert set(read) == files - left_out - below
    assert not ignored(folder, files) & set(read)
    assert {path for path, reason, _ in rows if reason == "in .gitignore" and path in files} <= ignored(
        folder, files
    )
    assert files & left_out | below == files - set(read)
    masked = set(
        SecretFinding.objects.filter(revision=revision, is_masked=True).values_list("path", flat=True)
    )
    for path, text in read.items():
        if path not in masked and not path.endswith(".ipynb"):
            assert text == neutralise(decode((folder / path).read_bytes()).text), path
    return {"files": len(files), "read": len(read), "left out": len(files) - len(read), "masked": len(masked)}


def check_counts(revision: Revision, *, every: int = 1) -> int:
    """Tokens of every so many-th page behind its marker by llama_models' own tokenizer; gives how many were counted."""
    tokenizer = Tokenizer.get_instance()
    counted = 0
    pages = Page.objects.filter(revision=revision, tokens__gt=0).order_by("number")
    for number, label, text, tokens in pages.values_list("number", "label", "text", "tokens"):
        if number % every:
            continue
        label = neutralise(" ".join(label.split())).lstrip('"')
        packed = pack_page(1, number, text, label=label)
        digits = -(-len(str(number)) // 3)
        assert len(tokenizer.encode(packed, bos=False, eos=False)) == tokens + 3 + digits, label
        counted += 1
    return counted
