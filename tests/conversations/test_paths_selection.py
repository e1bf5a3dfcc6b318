"""A question on some folders of a repository: what is planned, sent and said of what was not chosen."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from apps.common.http import Refused
from apps.conversations.selection import clean_selection, default_selection, select
from apps.library.corpora import corpus_rows
from apps.library.models import CorpusEntry, Document
from apps.library.selecting import set_path_ticked
from apps.library.services import set_ticked
from apps.llm.tokens import marker_tokens
from tests.conversations.conftest import Desk
from tests.factories import make_document
from tests.repositories import make_repository

FILES = {
    "README.md": "# Pump\n",
    "app/[id]/page.tsx": "export const page = 1;\n",
    "docs/guide.md": "How to install the pump.\n",
    "src/__init__.py": "",
    "src/blank.py": "\n\n",
    "src/pump.py": "".join(f"step_{number} = {number}\n" for number in range(300)),
    "src/valve.py": "def shut():\n    return 2\n",
}


@pytest.fixture
def code(desk: Desk) -> Document:
    return make_repository(desk.corpus, FILES, commit="c0ffee" * 6)


def entry_of(desk: Desk, document: Document) -> CorpusEntry:
    return CorpusEntry.objects.get(corpus=desk.corpus, document=document)


def sent_paths(desk: Desk, selection: dict[str, Any] | None) -> list[str]:
    """Files of which at least one page would be sent."""
    selected = select(desk.corpus, selection)
    paths = []
    for document in selected.documents:
        if document.kind == Document.Kind.REPOSITORY:
            numbers = {page.number for page in document.pages}
            revision = Document.objects.get(pk=document.document_id).current_revision
            assert revision is not None
            paths += [
                file.path
                for file in revision.files.all()
                if numbers & set(range(file.first_page, file.first_page + file.page_count))
            ]
    return paths


@pytest.mark.parametrize(
    ("include", "exclude", "paths"),
    [
        ([], [], ["README.md", "app/[id]/page.tsx", "docs/guide.md", "src/pump.py", "src/valve.py"]),
        (["src/"], [], ["src/pump.py", "src/valve.py"]),
        (["*.md"], ["/docs"], ["README.md"]),
        ([], ["src/pump.py", "*.md"], ["app/[id]/page.tsx", "src/valve.py"]),
        ([r"/app/\[id\]/"], [], ["app/[id]/page.tsx"]),
        (["nothing/"], [], []),
    ],
)  # fmt: skip
def test_globs_choose_files(
    desk: Desk, code: Document, include: list[str], exclude: list[str], paths: list[str]
) -> None:
    chosen = {str(code.pk): {"include": include, "exclude": exclude}}
    assert sent_paths(desk, {"documents": [str(code.pk)], "paths": chosen}) == paths


def test_manifest_says_what_was_chosen_and_holes_are_only_what_was_chosen(desk: Desk, code: Document) -> None:
    chosen = {str(code.pk): {"include": ["/src/"], "exclude": []}}
    selected = select(desk.corpus, {"documents": None, "paths": chosen})
    lease, repository = selected.manifest()
    assert "files" not in lease
    # Page 4 is the blank file; pages 5 to 7 are the long one.
    assert repository["ranges"] == [[5, 8]]
    assert (repository["files"], repository["files_left_out"]) == (4, 3)
    assert repository["commit"] == "c0ffee" * 6
    assert repository["paths"] == {"include": ["/src/"], "exclude": []}
    assert [(item["first"], item["reason"]) for item in selected.not_sent] == [(4, "blank page")]


def test_choice_that_holds_no_file_is_told(desk: Desk, code: Document) -> None:
    selected = select(desk.corpus, {"paths": {str(code.pk): {"include": ["srcc/"], "exclude": []}}})
    assert [(item["name"], item["first"], item["reason"]) for item in selected.not_sent] == [
        ("code", None, "no file is chosen")
    ]
    assert len(selected.manifest()) == 1


def test_ticks_become_the_selection_of_the_next_question(desk: Desk, code: Document) -> None:
    assert default_selection(desk.alice, desk.corpus) == {"documents": None, "paths": {}}
    for path in ("app/[id]/", "src/pump.py", "README.md"):
        set_path_ticked(desk.alice, entry_of(desk, code), path, False)
    selection = default_selection(desk.alice, desk.corpus)
    assert selection["documents"] is None
    assert sent_paths(desk, selection) == ["docs/guide.md", "src/valve.py"]
    assert select(desk.corpus, selection).selection == clean_selection(selection)
    set_ticked(desk.alice, entry_of(desk, code), False)
    assert default_selection(desk.alice, desk.corpus)["paths"] == {}
    assert sent_paths(desk, default_selection(desk.alice, desk.corpus)) == []


def test_planned_tokens_are_those_of_the_ticked_row(desk: Desk, code: Document) -> None:
    set_path_ticked(desk.alice, entry_of(desk, code), "src/pump.py", False)
    [row] = [row for row in corpus_rows(desk.corpus, desk.alice) if row.document == code]
    selected = select(desk.corpus, default_selection(desk.alice, desk.corpus))
    [document] = [one for one in selected.documents if one.document_id == str(code.pk)]
    assert row.selected_tokens == sum(
        page.tokens + marker_tokens(row.ordinal, page.number) for page in document.pages
    )


def test_number_of_queries_does_not_grow(
    desk: Desk, code: Document, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    codes = [code, *(make_repository(desk.corpus, FILES, f"other {number}") for number in range(3))]
    with django_assert_num_queries(2):
        select(desk.corpus, None)
    paths = {str(one.pk): {"include": ["src/"], "exclude": []} for one in codes}
    with django_assert_num_queries(3):
        select(desk.corpus, {"documents": None, "paths": paths})


@pytest.mark.parametrize(
    ("paths", "code_of_refusal"),
    [
        ({"none": {"include": ["src/"]}}, "bad_selection"),
        ({"CODE": ["src/"]}, "bad_selection"),
        ({"CODE": {"include": "src/"}}, "bad_selection"),
        ({"CODE": {"include": [1]}}, "bad_selection"),
        ({"LEASE": {"include": ["src/"]}}, "bad_selection"),
        ({"CODE": {"include": ["src/[a"]}}, "bad_glob"),
        ({"CODE": {"exclude": ["*"] * 1_001}}, "bad_glob"),
        ({"00000000-0000-4000-8000-000000000000": {"include": ["src/"]}}, "unknown_document"),
    ],
)
def test_paths_that_are_none_are_refused(
    desk: Desk, code: Document, paths: dict[str, Any], code_of_refusal: str
) -> None:
    lease = Document.objects.exclude(pk=code.pk).get()
    names = {"CODE": str(code.pk), "LEASE": str(lease.pk)}
    with pytest.raises(Refused) as refused:
        select(desk.corpus, {"paths": {names.get(key, key): value for key, value in paths.items()}})
    assert refused.value.code == code_of_refusal


def test_paths_of_a_document_that_is_not_selected_change_nothing(desk: Desk, code: Document) -> None:
    lease = make_document(desk.corpus)
    chosen = {str(code.pk): {"include": ["src/"], "exclude": []}}
    selected = select(desk.corpus, {"documents": [str(lease.pk)], "paths": chosen})
    assert [document.document_id for document in selected.documents] == [str(lease.pk)]
