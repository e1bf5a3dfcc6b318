from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.library.models import Corpus
from apps.workspaces.models import Workspace
from tests.api.conftest import Caller, error_code
from tests.factories import make_answered, make_conversation, make_corpus, make_document


def walk(caller: Caller, path: str, limit: int) -> list[list[dict[str, object]]]:
    """The pages of a list, one after the other."""
    pages, cursor = [], ""
    while cursor is not None:
        body = caller.get(path, query_params={"limit": limit, "cursor": cursor}).json()
        pages.append(body["items"])
        cursor = body["next"]
    return pages


def test_pages_hold_every_row_once_in_order(alice: Caller, workspace: Workspace) -> None:
    names = [make_corpus(workspace, f"Corpus {number}").name for number in range(7)]
    pages = walk(alice, f"/workspaces/{workspace.pk}/corpora", 3)
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [row["name"] for page in pages for row in page] == names


def test_rows_that_come_meanwhile_shift_nothing(alice: Caller, corpus: Corpus) -> None:
    for number in range(4):
        make_conversation(corpus, alice.user, f"Conversation {number}")
    path = f"/corpora/{corpus.pk}/conversations"
    first = alice.get(path, query_params={"limit": 2}).json()
    make_conversation(corpus, alice.user, "Newest")
    rest = alice.get(path, query_params={"limit": 2, "cursor": first["next"]}).json()
    titles = [row["title"] for row in first["items"] + rest["items"]]
    assert titles == ["Conversation 3", "Conversation 2", "Conversation 1", "Conversation 0"]
    assert rest["next"] is None


@pytest.mark.parametrize("limit", ["0", "-1", "201", "many", "1e3", "9" * 400, "\x00"])
def test_a_limit_is_1_to_200(alice: Caller, limit: str) -> None:
    refused = alice.get("/workspaces", query_params={"limit": limit})
    assert refused.status_code == 422
    assert error_code(refused) == "invalid_request"


@pytest.mark.parametrize("cursor", ["x", "\x00", "é", "WyJhIl0", "." * 50, "a" * 3000])
def test_a_cursor_is_one_that_was_given(alice: Caller, cursor: str) -> None:
    refused = alice.get("/workspaces", query_params={"cursor": cursor})
    assert refused.status_code == 422
    assert error_code(refused) in {"bad_cursor", "invalid_request"}


def test_a_cursor_belongs_to_its_list(alice: Caller, workspace: Workspace) -> None:
    first, second = make_corpus(workspace, "A"), make_corpus(workspace, "B")
    for corpus in (first, second):
        make_document(corpus, texts=["One."])
        make_document(corpus, texts=["Two."])
    cursor = alice.get(f"/corpora/{first.pk}/documents", query_params={"limit": 1}).json()["next"]
    refused = alice.get(f"/corpora/{second.pk}/documents", query_params={"cursor": cursor})
    assert error_code(refused) == "bad_cursor"


@pytest.mark.parametrize("kind", ["corpora", "documents", "conversations", "questions"])
def test_a_longer_list_takes_no_more_queries(kind: str, alice: Caller, corpus: Corpus) -> None:
    def add(count: int) -> str:
        parent = make_answered(corpus, alice.user)
        conversation = parent.question.conversation
        for number in range(count):
            make_corpus(corpus.workspace, f"More {number}")
            make_document(corpus, texts=["One."])
            make_answered(corpus, alice.user)
            make_answered(corpus, alice.user, parent=parent)
        return {
            "corpora": f"/workspaces/{corpus.workspace_id}/corpora",
            "documents": f"/corpora/{corpus.pk}/documents",
            "conversations": f"/corpora/{corpus.pk}/conversations",
            "questions": f"/conversations/{conversation.pk}/questions",
        }[kind]

    make_document(corpus)
    counts = []
    for more in (1, 4):
        path = add(more)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert len(alice.get(path).json()["items"]) > more - 1
        counts.append(len(queries))
    assert counts[1] <= counts[0]
