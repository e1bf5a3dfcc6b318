from __future__ import annotations

from typing import Any

from apps.library.models import Corpus, Upload
from apps.workspaces.models import Workspace
from tests.api.conftest import UNKNOWN, Caller, error_code
from tests.factories import add_member, make_corpus, make_document, make_workspace


def test_the_list_holds_the_workspaces_one_is_in_with_ones_role(
    alice: Caller, vera: Caller, charlie: Caller, workspace: Workspace
) -> None:
    other = make_workspace("Globex", owner=charlie.user)
    assert vera.get("/workspaces").json() == {
        "items": [{"id": str(workspace.pk), "name": "Acme", "role": "viewer"}],
        "next": None,
    }
    add_member(other, alice.user, "member")
    roles = {item["name"]: item["role"] for item in alice.get("/workspaces").json()["items"]}
    assert roles == {"Acme": "owner", "Globex": "member"}


def test_whoever_makes_a_workspace_owns_it(charlie: Caller) -> None:
    made = charlie.post("/workspaces", {"name": "  Initech "})
    assert made.status_code == 201
    assert made.json() == {"id": made.json()["id"], "name": "Initech", "role": "owner"}
    assert charlie.get("/workspaces").json()["items"] == [made.json()]


def test_corpora_are_made_by_members_and_seen_by_viewers(
    bob: Caller, vera: Caller, charlie: Caller, workspace: Workspace
) -> None:
    path = f"/workspaces/{workspace.pk}/corpora"
    made = bob.post(path, {"name": "Leases"})
    assert made.status_code == 201
    assert made.json() == {"id": made.json()["id"], "name": "Leases"}
    assert vera.get(path).json() == {"items": [made.json()], "next": None}
    assert vera.post(path, {"name": "Mine"}).status_code == 403
    assert error_code(vera.post(path, {"name": "Mine"})) == "forbidden"
    assert charlie.get(path).status_code == 404
    assert charlie.post(path, {"name": "Mine"}).status_code == 404
    assert Corpus.objects.count() == 1


def test_a_name_is_needed_and_nothing_else_is_taken(alice: Caller, workspace: Workspace) -> None:
    path = f"/workspaces/{workspace.pk}/corpora"
    for body in ({}, {"name": "   "}, {"name": "x" * 121}, {"name": 3}, {"name": "A", "workspace": UNKNOWN}):
        refused = alice.post(path, body)
        assert refused.status_code == 422, body
        assert error_code(refused) == "invalid_request"
    assert refused.json()["error"]["details"]["fields"][0]["field"] == "workspace"


def test_storage_is_told_in_bytes(
    bob: Caller, vera: Caller, charlie: Caller, workspace: Workspace, settings: Any
) -> None:
    corpus = make_corpus(workspace)
    make_document(corpus, added_by=bob.user, size_bytes=300)
    make_document(corpus, size_bytes=50)
    Upload.objects.create(workspace=workspace, corpus=corpus, owner=bob.user, name="a.pdf", size_bytes=7)
    settings.WORKSPACE_QUOTA_BYTES, settings.MEMBER_QUOTA_BYTES = 1000, 400
    path = f"/workspaces/{workspace.pk}/storage"
    whole = {"used_bytes": 350, "arriving_bytes": 7, "quota_bytes": 1000}
    own = {"used_bytes": 300, "arriving_bytes": 7, "quota_bytes": 400}
    assert bob.get(path).json() == {**whole, "own": own}
    assert vera.get(path).json() == {**whole, "own": None}
    assert charlie.get(path).status_code == 404
