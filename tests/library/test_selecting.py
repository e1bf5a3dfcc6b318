"""Ticks inside repositories as rows, and what they leave to be asked about."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from apps.accounts.models import User
from apps.common.http import Refused
from apps.library.corpora import CorpusRow, corpus_meter, corpus_rows
from apps.library.models import Corpus, CorpusEntry, Untick
from apps.library.selecting import set_path_ticked
from apps.library.services import set_ticked
from tests.factories import make_corpus, make_document, make_user, make_workspace
from tests.repositories import make_repository

FILES = {
    "README.md": "# Pump\n\nReads sensors.\n",
    "docs/api/index.md": "The interface.\n",
    "docs/guide.md": "How to install the pump.\n",
    "src/pump.py": "def run():\n    return 1\n",
    "src/valve.py": "def shut():\n    return 2\n",
}


def only_row(corpus: Corpus, alice: User) -> CorpusRow:
    [row] = corpus_rows(corpus, alice)
    return row


@pytest.fixture
def alice(db: None) -> User:
    return make_user("alice@example.org")


@pytest.fixture
def bob(db: None) -> User:
    return make_user("bob@example.org")


@pytest.fixture
def corpus(alice: User) -> Corpus:
    return make_corpus(make_workspace(owner=alice))


@pytest.fixture
def entry(corpus: Corpus) -> CorpusEntry:
    return CorpusEntry.objects.get(document=make_repository(corpus, FILES))


def paths_of(alice: User) -> list[str] | None:
    return Untick.objects.filter(user=alice).values_list("paths", flat=True).first()


def test_tokens_of_ticked_paths_are_the_sum_of_their_files(
    corpus: Corpus, alice: User, bob: User, entry: CorpusEntry
) -> None:
    set_path_ticked(alice, entry, "docs/", False)
    set_path_ticked(alice, entry, "docs/guide.md", True)
    row = only_row(corpus, alice)
    tokens = {file.path: file.tokens for file in row.revision.files.all()}
    assert row.selected_tokens == row.tokens - tokens["docs/api/index.md"]
    assert row.tokens == sum(tokens.values())
    assert corpus_meter([row]).selected_tokens == row.selected_tokens
    assert row.is_partly_ticked
    assert row.ticks.state("docs/") == "mixed"
    others = corpus_rows(corpus, bob)[0]
    assert others.selected_tokens == others.tokens


def test_folder_whose_entries_are_all_left_out_is_left_out(
    corpus: Corpus, alice: User, entry: CorpusEntry
) -> None:
    set_path_ticked(alice, entry, "docs/api/index.md", False)
    assert paths_of(alice) == ["/docs/api/"]
    set_path_ticked(alice, entry, "docs/guide.md", False)
    assert paths_of(alice) == ["/docs/"]
    set_path_ticked(alice, entry, "README.md", False)
    set_path_ticked(alice, entry, "src/", False)
    assert paths_of(alice) == []
    assert not only_row(corpus, alice).is_ticked
    set_path_ticked(alice, entry, "src/pump.py", True)
    assert paths_of(alice) == ["/", "!/src/pump.py"]
    set_path_ticked(alice, entry, "src/valve.py", True)
    assert paths_of(alice) == ["/", "!/src/"]
    for path in ("docs/", "README.md"):
        set_path_ticked(alice, entry, path, True)
    assert paths_of(alice) is None


def test_whole_document_overrules_its_paths(corpus: Corpus, alice: User, entry: CorpusEntry) -> None:
    set_path_ticked(alice, entry, "docs/", False)
    set_ticked(alice, entry, False)
    assert paths_of(alice) == []
    assert only_row(corpus, alice).selected_tokens == 0
    set_ticked(alice, entry, True)
    assert only_row(corpus, alice).ticks.is_all


def test_path_that_is_not_there_is_refused(alice: User, entry: CorpusEntry) -> None:
    for path in ("docs", "dosc/", "src/nothing.py"):
        with pytest.raises(Refused, match="has no"):
            set_path_ticked(alice, entry, path, False)
    assert paths_of(alice) is None


def test_rows_of_partly_ticked_repositories_cost_one_query_more(
    corpus: Corpus, alice: User, entry: CorpusEntry, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_document(corpus)
    others = [
        CorpusEntry.objects.get(document=make_repository(corpus, FILES, f"other {number}"))
        for number in range(3)
    ]
    with django_assert_num_queries(2):
        corpus_rows(corpus, alice)
    for one in (entry, *others):
        set_path_ticked(alice, one, "src/", False)
    with django_assert_num_queries(3):
        assert all(row.is_partly_ticked for row in corpus_rows(corpus, alice)[:1])
