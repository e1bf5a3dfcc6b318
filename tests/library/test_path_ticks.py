"""Ticks inside a repository and the patterns they become: pure."""

from __future__ import annotations

import pytest

from apps.library.ingestion.guards import IngestionError
from apps.library.path_selection import PathSelection
from apps.library.path_ticks import PathTicks, upwards

PATHS = [
    "README.md",
    "app/[id]/page.tsx",
    "app/a/page.tsx",
    "docs/api/index.md",
    "docs/api/old/v1.md",
    "docs/guide.md",
    "docs2/guide.md",
    "src/app.py",
    "src/odd name ",
    "!important",
]


def ticked(ticks: PathTicks) -> list[str]:
    return [path for path in PATHS if ticks.is_ticked(path)]


def test_nearest_decision_on_the_way_up_decides() -> None:
    ticks = PathTicks.read(["/docs/", "!/docs/api/", "/docs/api/old/"])
    assert [path for path in PATHS if not ticks.is_ticked(path)] == ["docs/api/old/v1.md", "docs/guide.md"]
    assert [ticks.state(path) for path in ("", "docs/", "docs/api/", "docs/api/old/", "src/", "README.md")] == [
        "mixed", "mixed", "mixed", "off", "on", "on",
    ]  # fmt: skip


def test_ticking_a_folder_forgets_what_was_decided_below() -> None:
    ticks = PathTicks().with_path("docs/api/", is_ticked=False).with_path("docs/guide.md", is_ticked=False)
    assert ticks.with_path("docs/", is_ticked=True) == PathTicks()
    assert ticks.with_path("docs/", is_ticked=False).stored() == ["/docs/"]
    assert ticks.with_path("", is_ticked=False).stored() == []


def test_only_one_folder_of_many_is_one_decision() -> None:
    ticks = PathTicks().with_path("", is_ticked=False).with_path("src/", is_ticked=True)
    assert ticks.stored() == ["/", "!/src/"]
    assert PathTicks.read(ticks.stored()) == ticks
    assert ticks.patterns() == {"include": ["/src/"], "exclude": []}


def test_no_row_is_all_and_an_empty_row_is_nothing() -> None:
    assert PathTicks.read(None).is_all
    assert PathTicks.read([]).is_none
    assert PathTicks.read([]).with_path("", is_ticked=True).is_all


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [("docs/", False)],
        [("docs/", False), ("docs/api/", True), ("docs/api/old/", False)],
        [("", False), ("docs/", True), ("docs/api/", False), ("docs/api/old/v1.md", True)],
        [("app/[id]/", False), ("src/odd name ", False), ("!important", False)],
        [("", False), ("!important", True), ("app/[id]/page.tsx", True)],
    ],
)
def test_patterns_select_what_is_ticked(steps: list[tuple[str, bool]]) -> None:
    ticks = PathTicks()
    for path, is_ticked in steps:
        ticks = ticks.with_path(path, is_ticked=is_ticked)
    selection = PathSelection(**ticks.patterns())
    assert [path for path in PATHS if selection.selects(path)] == ticked(ticks)


@pytest.mark.parametrize(
    ("include", "exclude", "selected"),
    [
        (["*.md"], [], ["README.md", "docs/api/index.md", "docs/api/old/v1.md", "docs/guide.md", "docs2/guide.md"]),
        (["docs/"], ["old/"], ["docs/api/index.md", "docs/guide.md"]),
        (["/docs", "/src/app.py"], ["/docs/api"], ["docs/guide.md", "src/app.py"]),
        (["/docs/"], ["/docs/api/", "!index.md"], ["docs/api/index.md", "docs/guide.md"]),
        (["docs/**/index.md"], [], ["docs/api/index.md"]),
        (["/app/*/page.tsx"], [r"/app/\[id\]/"], ["app/a/page.tsx"]),
        (["nothing"], [], []),
    ],
)  # fmt: skip
def test_nearest_pattern_decides(include: list[str], exclude: list[str], selected: list[str]) -> None:
    selection = PathSelection(include, exclude)
    assert [path for path in PATHS if selection.selects(path)] == selected


@pytest.mark.parametrize("pattern", ["src/[a", "a\\", "!", "", "../src"])
def test_pattern_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(IngestionError):
        PathSelection([], [pattern])


def test_way_up_ends_at_the_root() -> None:
    assert list(upwards("a/b/c.py")) == ["a/b/c.py", "a/b/", "a/", ""]
    assert list(upwards("a/b/")) == ["a/b/", "a/", ""]
