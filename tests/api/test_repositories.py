"""Repositories through the API: their tree, what was skipped and found, questions on some folders."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from apps.conversations.models import Answer
from apps.library.models import Corpus, Document
from tests.api.conftest import Caller, error_code
from tests.factories import make_answer, make_conversation, make_document, make_question
from tests.repositories import make_repository

FILES = {
    "README.md": "# Pump\n",
    "docs/guide.md": "How to install the pump.\n" * 10,
    "src/pump.py": "".join(f"step_{number} = {number}\n" for number in range(300)),
    "src/lib/valve.py": "def shut():\n    return 2\n",
}
FINDINGS = [("src/pump.py", 7, "AWS access key", True), ("docs/guide.md", 2, "Generic password", False)]
SKIPPED = [("node_modules/", "vendored", 40), ("yarn.lock", "lock file", 1)]


@pytest.fixture
def code(corpus: Corpus) -> Document:
    return make_repository(corpus, FILES, commit="c0ffee" * 6, skipped=SKIPPED, findings=FINDINGS)


def test_a_document_tells_what_was_skipped_and_found(bob: Caller, corpus: Corpus, code: Document) -> None:
    shown = bob.get(f"/documents/{code.pk}").json()
    assert (shown["kind"], shown["skipped_count"]) == ("repository", 41)
    assert shown["findings"] == [
        {"path": "docs/guide.md", "line": 2, "kind": "Generic password", "masked": False},
        {"path": "src/pump.py", "line": 7, "kind": "AWS access key", "masked": True},
    ]
    [listed] = bob.get(f"/corpora/{corpus.pk}").json()["documents"]
    assert listed == shown
    assert bob.get(f"/corpora/{corpus.pk}/documents").json()["items"] == [shown]
    skipped = bob.get(f"/documents/{code.pk}/skipped").json()["items"]
    assert skipped[0] == {"path": "node_modules/", "reason": "vendored", "count": 40}


def test_lists_of_many_repositories_cost_no_more_queries(
    bob: Caller, corpus: Corpus, code: Document, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        make_repository(corpus, FILES, f"other {number}", findings=FINDINGS)
    for path in (f"/corpora/{corpus.pk}", f"/corpora/{corpus.pk}/documents"):
        with django_assert_max_num_queries(9):
            assert bob.get(path).status_code == 200


def test_the_tree_comes_folder_by_folder_heaviest_first(bob: Caller, code: Document) -> None:
    root = bob.get(f"/documents/{code.pk}/tree").json()
    assert [(entry["path"], entry["files"]) for entry in root["items"]] == [
        ("src/", 2), ("docs/", 1), ("README.md", 1),
    ]  # fmt: skip
    assert (root["files"], root["lines"]) == (4, 313)
    assert root["tokens"] == bob.get(f"/documents/{code.pk}").json()["tokens"]
    for path in ("src", "src/"):
        inside = bob.get(f"/documents/{code.pk}/tree?path={path}").json()
        assert [entry["name"] for entry in inside["items"]] == ["pump.py", "lib"]
        assert inside["path"] == "src/"


def test_the_tree_is_paged(bob: Caller, code: Document) -> None:
    seen, cursor = [], ""
    while cursor is not None:
        page = bob.get(f"/documents/{code.pk}/tree?limit=2&cursor={cursor}").json()
        seen += [entry["path"] for entry in page["items"]]
        cursor = page["next"]
    assert seen == ["src/", "docs/", "README.md"]
    assert bob.get(f"/documents/{code.pk}/tree?path=%00").status_code == 404
    refused = bob.get(f"/documents/{code.pk}/tree?cursor=forged")
    assert (refused.status_code, error_code(refused)) == (422, "bad_cursor")


def test_a_folder_that_is_not_there_is_not_found(bob: Caller, charlie: Caller, code: Document) -> None:
    assert bob.get(f"/documents/{code.pk}/tree?path=none/").status_code == 404
    assert charlie.get(f"/documents/{code.pk}/tree").status_code == 404


def plan(bob: Caller, corpus: Corpus, paths: dict[str, Any]) -> dict[str, Any]:
    body = {"text": "What does it do?", "selection": {"paths": paths}}
    return bob.post(f"/corpora/{corpus.pk}/plan", body).json()


def test_a_question_on_folders_is_planned_on_their_pages_alone(
    bob: Caller, corpus: Corpus, code: Document
) -> None:
    whole = plan(bob, corpus, {})
    part = plan(bob, corpus, {str(code.pk): {"include": ["src/lib/"]}})
    assert whole["passes"][0]["pages"] == [{"ordinal": 1, "first": 1, "last": 6}]
    assert part["passes"][0]["pages"] == [{"ordinal": 1, "first": 3, "last": 3}]
    assert part["input_tokens"] < whole["input_tokens"]
    left = plan(bob, corpus, {str(code.pk): {"exclude": ["*.md", "/src/lib"]}})
    assert left["passes"][0]["pages"] == [{"ordinal": 1, "first": 4, "last": 6}]


def test_paths_that_are_none_are_refused(bob: Caller, corpus: Corpus, code: Document) -> None:
    lease = make_document(corpus)
    for paths, code_of_refusal in (
        ({str(code.pk): {"include": ["src/[a"]}}, "bad_glob"),
        ({str(lease.pk): {"include": ["src/"]}}, "bad_selection"),
    ):
        refused = bob.post(f"/corpora/{corpus.pk}/plan", {"text": "So?", "selection": {"paths": paths}})
        assert (refused.status_code, error_code(refused)) == (422, code_of_refusal)


def test_coverage_names_what_was_never_read_and_what_was_found(
    alice: Caller, corpus: Corpus, code: Document
) -> None:
    question = make_question(make_conversation(corpus, alice.user))
    answer: Answer = make_answer(question)
    [entry] = answer.manifest
    entry |= {
        "commit": "c0ffee",
        "files": 2,
        "files_left_out": 2,
        "paths": {"include": ["src/"], "exclude": []},
    }
    answer.save()
    [repository] = alice.get(f"/answers/{answer.pk}/coverage").json()["repositories"]
    assert (repository["commit"], repository["files"], repository["files_left_out"]) == ("c0ffee", 2, 2)
    assert repository["include"] == ["src/"]
    assert repository["skipped"][0] == {"reason": "vendored", "count": 40, "paths": ["node_modules/"]}
    assert [one["path"] for one in repository["masked"]] == ["src/pump.py"]
    assert [one["path"] for one in repository["doubtful"]] == ["docs/guide.md"]
