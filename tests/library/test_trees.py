"""One folder of a repository, with sums."""

from __future__ import annotations

import pytest

from apps.library.models import Revision, SourceFile
from apps.library.trees import folder
from tests.library.house import House, house_with_lease  # noqa: F401 (fixture)


@pytest.fixture(name="revision")
def revision_of_files(house: House) -> Revision:
    revision = house.lease.current_revision
    assert revision is not None
    return revision


def keep_files(revision: Revision, files: dict[str, int]) -> None:
    """files: path → tokens; each has one page and ten lines."""
    SourceFile.objects.bulk_create(
        SourceFile(
            workspace_id=revision.workspace_id,
            revision=revision,
            path=path,
            blob="0" * 64,
            cutting=1,
            size_bytes=100,
            first_page=number,
            page_count=1,
            line_count=10,
            tokens=tokens,
            encoding="utf-8",
            flags=["crlf"] if path.endswith(".bat") else [],
        )
        for number, (path, tokens) in enumerate(sorted(files.items()), start=1)
    )


def test_a_folder_tells_what_it_holds_the_heaviest_first(revision: Revision) -> None:
    keep_files(revision, {"README.md": 50, "run.bat": 7, "src/a.py": 30, "src/deep/b.py": 40, "SRC/c.py": 1})
    root = folder(revision)
    assert [
        (entry.path, entry.files, entry.lines, entry.tokens, entry.first_page) for entry in root.entries
    ] == [
        ("src/", 2, 20, 70, 4),
        ("README.md", 1, 10, 50, 1),
        ("run.bat", 1, 10, 7, 3),
        ("SRC/", 1, 10, 1, 2),
    ]
    assert (root.total_entries, root.files, root.lines, root.tokens) == (4, 5, 50, 128)
    assert [entry.flags for entry in root.entries] == [(), (), ("crlf",), ()]
    source = folder(revision, "src/")
    assert [(entry.name, entry.path, entry.is_folder) for entry in source.entries] == [
        ("deep", "src/deep/", True),
        ("a.py", "src/a.py", False),
    ]


def test_names_that_mean_something_to_a_database_are_plain_names(revision: Revision) -> None:
    keep_files(revision, {"a%b/x.py": 2, "a_b/y.py": 1, "aXb/z.py": 3, "ü/é.py": 5, '’"\\/q.py': 4})
    assert [entry.path for entry in folder(revision).entries] == ["ü/", '’"\\/', "aXb/", "a%b/", "a_b/"]
    for path in ("a%b/", "a_b/", "ü/", '’"\\/'):
        assert folder(revision, path).total_entries == 1


def test_a_long_folder_comes_in_pieces(revision: Revision) -> None:
    keep_files(revision, {f"{number:03}.py": number for number in range(1, 301)})
    piece = folder(revision, first=200, limit=200)
    assert (len(piece.entries), piece.total_entries, piece.files) == (100, 300, 300)
    assert piece.entries[0].name == "100.py"


def test_an_unknown_folder_is_empty(revision: Revision) -> None:
    keep_files(revision, {"a.py": 1})
    assert folder(revision, "b/").total_entries == 0
