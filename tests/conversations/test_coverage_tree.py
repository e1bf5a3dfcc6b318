"""What the coverage sheet says of a repository: its folders, and the files its pages are of."""

from __future__ import annotations

from typing import Any

import pytest

from apps.conversations.coverage import coverage
from apps.conversations.coverage_sheet import coverage_strips
from apps.conversations.coverage_tree import MOST_FOLDERS, CoveredTree, covered_trees
from apps.conversations.covered_repositories import covered_repositories
from apps.conversations.models import Answer
from apps.library.models import SourceFile
from tests.conversations.room import Room, answered_room, plain  # noqa: F401 (fixture)
from tests.factories import add_mentions, make_answer, make_conversation, make_corpus, make_question
from tests.repositories import make_repository

FILES = {
    "code/README.md": "# Pump\n",
    "code/docs/guide.md": "How to install the pump.\n",
    "code/src/__init__.py": "",
    "code/src/blank.py": "\n\n",
    "code/src/pump.py": "".join(f"step_{number} = {number}\n" for number in range(300)),
    "code/src/valve.py": "def shut():\n    return 2\n",
    "code/tests/test_pump.py": "def test_pump(): ...\n",
}


def tree_of(answer: Answer) -> CoveredTree:
    [tree] = covered_trees(answer, coverage(answer, with_documents=True).documents).values()
    return tree


@pytest.fixture
def asked(room: Room) -> Answer:
    """About a repository of which `tests/` was not ticked; the last slice of the pump is cited."""
    corpus = make_corpus(room.desk.workspace, "Code")
    make_repository(
        corpus,
        FILES,
        "pump",
        commit="c0ffee",
        skipped=[("node_modules/", "vendored", 900), *((f"docs/{one}.png", "image", 1) for one in range(9))],
        findings=[("code/src/pump.py", 3, "Token", True), ("code/src/valve.py", 1, "Password", False)],
    )
    question = make_question(make_conversation(corpus, room.people["alice"]))
    pump = SourceFile.objects.get(path="code/src/pump.py")
    answer = make_answer(question, f"By steps [[1:{pump.first_page + pump.page_count - 1}]].")
    tests = SourceFile.objects.get(path="code/tests/test_pump.py")
    blank = SourceFile.objects.get(path="code/src/blank.py").first_page
    answer.manifest[0]["ranges"] = [[1, blank - 1], [blank + 1, tests.first_page - 1]]
    answer.save(update_fields=["manifest"])
    add_mentions(answer)
    room.answer = answer
    return answer


def test_folders_below_the_common_one_say_what_of_them_was_sent(asked: Answer) -> None:
    tree = tree_of(asked)
    tokens = {row.path: row.tokens for row in SourceFile.objects.all()}
    assert tree.top == "code/"
    assert [(one.path, one.sent, one.cited, one.left_out, one.tokens) for one in tree.folders] == [
        ("code/src/", 2, 1, 0, tokens["code/src/pump.py"] + tokens["code/src/valve.py"]),
        ("code/docs/", 1, 0, 0, tokens["code/docs/guide.md"]),
        ("", 1, 0, 0, tokens["code/README.md"]),
        ("code/tests/", 0, 0, 1, 0),
    ]


def test_cells_are_told_by_their_files(asked: Answer) -> None:
    sheet = coverage(asked, with_documents=True)
    [strip] = coverage_strips(sheet, None, covered_trees(asked, sheet.documents))
    assert [one.title for one in strip.rectangles] == [
        "code/README.md … code/src/pump.py: sent",
        "code/src/pump.py: cited",
        "code/src/valve.py: sent",
    ]


def test_the_sheet_shows_folders(asked: Answer, room: Room) -> None:
    words = plain(room.client("alice").get(room.url("coverage")))
    assert "Folder Files sent Cited Left out Tokens sent code/src/ 2 1 0" in words
    assert "files beside the folders 1 0 0" in words


def test_what_was_not_read_and_the_secrets_are_told_with_the_folders(asked: Answer, room: Room) -> None:
    asked.manifest[0] |= {
        "commit": "c0ffee",
        "files": 6,
        "files_left_out": 1,
        "paths": {"include": [], "exclude": ["/tests/"]},
    }
    asked.save(update_fields=["manifest"])
    [repository] = covered_repositories(asked)
    assert repository.to_json() == {
        "ordinal": 1, "document_id": asked.manifest[0]["document_id"], "name": "pump", "commit": "c0ffee",
        "files": 6, "files_left_out": 1, "include": [], "exclude": ["/tests/"], "skipped_count": 909,
        "skipped": [
            {"reason": "vendored", "count": 900, "paths": ["node_modules/"]},
            {"reason": "image", "count": 9, "paths": [f"docs/{one}.png" for one in range(5)]},
        ],
        "masked_count": 1, "masked": [{"path": "code/src/pump.py", "line": 3, "kind": "Token"}],
        "doubtful_count": 1, "doubtful": [{"path": "code/src/valve.py", "line": 1, "kind": "Password"}],
    }  # fmt: skip
    words = plain(room.client("alice").get(room.url("coverage")))
    assert "1 file of it was not ticked" in words
    assert "909 files were not read vendored 900 node_modules/ image 9 docs/0.png" in words
    assert "1 masked, 1 doubtful masked Token code/src/pump.py:3 doubtful, sent Password" in words


def test_an_answer_without_repositories_asks_nothing_of_them(
    room: Room, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        assert covered_repositories(room.answer) == []


def test_of_very_many_folders_the_lightest_are_summed(room: Room) -> None:
    corpus = make_corpus(room.desk.workspace, "Code")
    make_repository(corpus, {f"f{number:03}/a.py": "x = 1\n" * number for number in range(1, 101)})
    answer = make_answer(make_question(make_conversation(corpus, room.people["alice"])))
    tree = tree_of(answer)
    assert len(tree.folders) == MOST_FOLDERS
    assert tree.folders[0].path == "f100/"
    assert (tree.folders[-1].folders, tree.folders[-1].sent) == (61, 61)
    assert sum(one.tokens for one in tree.folders) == sum(SourceFile.objects.values_list("tokens", flat=True))


def test_documents_of_pages_have_no_folders(room: Room) -> None:
    assert covered_trees(room.answer, coverage(room.answer, with_documents=True).documents) == {}


def test_a_repository_whose_files_are_gone_has_an_empty_tree(asked: Answer) -> None:
    SourceFile.objects.all().delete()
    tree = tree_of(asked)
    assert tree.folders == []
    assert tree.path_at(3) == ""
