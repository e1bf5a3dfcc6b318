"""What .gitignore files leave out equals what git leaves out, and globs of people mean what they look like."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import pytest

from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.tree.globs import MAX_GLOB_LENGTH, MAX_GLOBS, Globs, check_globs
from apps.library.ingestion.tree.ignoring import Ignored

NAMES = [
    "a",
    "b",
    "ab",
    "foo",
    "foo.txt",
    "build",
    "x y",
    "a ",
    "[z]",
    "é",
    "#h",
    "!n",
    "b.o",
    ".x",
    "A",
    "*",
    "a-b",
    "\\",
]
PARTS = [
    *["a", "b", "ab", "foo", "*", "?", "**", "*.txt", "foo*", "[ab]", "[!a]", "[a-c]*", "build", "x\\ y", "a\\ ", "é"],
    *["?*", "\\#h", "\\!n", "*.o", ".x", "[[:alpha:]]", "[]a]", "[a", "\\[z\\]", "[^b]?", "[[:upper:]]", "***", "a**"],
    *["**b", "[\\]a]", "[a\\-z]", "\\", "??", "[b-a]", "a b", "[/]", "[!/]", "#c", "!", "[a-", "foo.txt ", "A"],
    *["[[:foo:]]", "[[:a]", "\\*", "\\\\", "[é]", "a**b"],
]  # fmt: skip
CASES = 400


def some_pattern(choose: random.Random) -> str:
    pattern = "/".join(choose.choices(PARTS, k=choose.choice([1, 1, 1, 2, 2, 3])))
    pattern = f"/{pattern}" if choose.random() < 0.3 else pattern
    pattern = f"{pattern}/" if choose.random() < 0.25 else pattern
    pattern = f"!{pattern}" if choose.random() < 0.3 else pattern
    return pattern + choose.choices(["", "  ", "\r"], [20, 1, 1])[0]


def some_patterns(choose: random.Random, most: int) -> str:
    return "".join(f"{some_pattern(choose)}\n" for _ in range(choose.randint(1, most)))


def some_paths(choose: random.Random) -> list[str]:
    """Paths of files of one tree: a name is a file or a folder, never both."""
    wanted = {"/".join(choose.choices(NAMES, k=choose.randint(1, 4))) for _ in range(40)}
    return [path for path in sorted(wanted) if not any(other.startswith(f"{path}/") for other in wanted)]


def ignored_by_git(repository: Path, paths: list[str]) -> set[str]:
    """git takes every name before the last for a folder, and the last for a file, whether they are there or not."""
    command = [
        "git",
        "-C",
        str(repository),
        "-c",
        "core.ignorecase=false",
        "check-ignore",
        "--no-index",
        "--stdin",
        "-z",
    ]
    run = subprocess.run(command, input="\0".join(paths).encode(), capture_output=True, check=True)
    return set(run.stdout.decode().split("\0")) - {""}


def test_generated_trees_and_patterns_are_ignored_as_git_ignores_them(tmp_path: Path) -> None:
    choose = random.Random("trees and patterns")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    trees = {}
    for case in range(CASES):
        paths = some_paths(choose)
        folders = sorted({f"{path.rpartition('/')[0]}/" for path in paths if "/" in path})
        gitignores = {"": some_patterns(choose, 6)}
        gitignores |= {
            place: some_patterns(choose, 4) for place in choose.sample(folders, min(2, len(folders)))
        }
        for place, text in gitignores.items():
            folder = tmp_path / f"case {case}" / place
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ".gitignore").write_text(text, newline="")
        trees[case] = (paths, gitignores)
    by_git = ignored_by_git(
        tmp_path, [f"case {case}/{path}" for case, (paths, _) in trees.items() for path in paths]
    )
    assert len(by_git) > 5 * CASES
    for case, (paths, gitignores) in trees.items():
        ignored = Ignored(gitignores)
        expected = {path for path in paths if f"case {case}/{path}" in by_git}
        assert {path for path in paths if ignored.is_ignored(path)} == expected, gitignores


@pytest.mark.parametrize(
    ("patterns", "ignored", "read"),
    [
        ("*.log\n!keep.log\n", ["a.log", "d/b.log"], ["keep.log", "d/keep.log"]),
        ("build/\n!build/keep.py\n", ["build/x", "build/keep.py", "a/build/x"], ["build.py"]),
        ("/docs\n", ["docs/a", "docs"], ["a/docs/b"]),
        ("a/**/z\n", ["a/z", "a/b/z", "a/b/c/z"], ["b/a/z"]),
        ("name\\ \nother \n", ["name ", "other"], ["name", "other "]),
        ("# note\n\\#real\n\n", ["#real"], ["# note"]),
        ("\ufeff*.tmp\r\n", ["a.tmp"], ["a"]),
    ],
    ids=[
        "negation",
        "no way back into a folder",
        "anchored",
        "any depth",
        "spaces",
        "comments",
        "mark and CRLF",
    ],
)
def test_the_rules_that_people_know_hold(patterns: str, ignored: list[str], read: list[str]) -> None:
    rules = Ignored({"": patterns})
    assert [path for path in ignored if not rules.is_ignored(path)] == []
    assert [path for path in read if rules.is_ignored(path)] == []


def test_the_nearest_file_decides() -> None:
    rules = Ignored({"": "*.txt\n", "docs/": "!*.txt\n", "docs/old/": "/a.txt\n"})
    assert rules.is_ignored("a.txt")
    assert not rules.is_ignored("docs/a.txt")
    assert rules.is_ignored("docs/old/a.txt")
    assert not rules.is_ignored("docs/old/deep/a.txt")


def test_patterns_made_to_be_slow_are_not() -> None:
    path = "a" * 240 + "/" + "a" * 240
    start = time.process_time()
    rules = Ignored(
        {"": "".join(f"{'*a' * 60}{number}\n" + f"{'**/' * 40}b{number}\n" for number in range(300))}
    )
    for number in range(200):
        rules.is_ignored(f"{path}{number}")
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("globs", "matched", "others"),
    [
        (["docs/**"], ["docs/a.md", "docs/b/c.md"], ["a.md", "src/docs/a.md"]),
        (["*.md"], ["a.md", "docs/b.md"], ["a.mdx"]),
        (["src/"], ["src/a.py", "lib/src/b.py"], ["src.py"]),
        (["/src/app.py"], ["src/app.py"], ["lib/src/app.py"]),
        (["docs/", "!docs/api/"], ["docs/a.md"], ["docs/api/b.md"]),
        (["app/\\[id\\]/page.tsx"], ["app/[id]/page.tsx"], ["app/i/page.tsx"]),
    ],
    ids=["folder of all", "suffix", "folder", "anchored", "taken back", "escaped"],
)
def test_globs_mean_what_they_look_like(globs: list[str], matched: list[str], others: list[str]) -> None:
    check_globs(globs)
    chosen = Globs(globs)
    assert [path for path in matched if not chosen.matches(path)] == []
    assert [path for path in others if chosen.matches(path)] == []


@pytest.mark.parametrize(
    ("globs", "words"),
    [
        (["src/["], "open bracket"),
        (["a\\"], "backslash"),
        ([""], "empty"),
        (["a\nb"], "several lines"),
        (["../x"], "leaves the repository"),
        (["#x"], "comment"),
        (["x" * (MAX_GLOB_LENGTH + 1)], "longer than"),
        (["x"] * (MAX_GLOBS + 1), "more than"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_glob_that_can_mean_nothing_is_refused_with_the_reason(globs: list[str], words: str) -> None:
    with pytest.raises(IngestionError, match=words) as refused:
        check_globs(globs)
    assert refused.value.code == "bad_glob"
