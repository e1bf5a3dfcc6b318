"""Workspaces the caller is in, and their corpora."""

from __future__ import annotations

from typing import Any

from django.db.models import F
from ninja import Field, Query, Router, Schema
from ninja.responses import Status

from apps.api.auth import ApiRequest
from apps.api.paging import Paging, page_of
from apps.api.schemas import CorpusOut, ListPage, NameIn, WorkspaceOut
from apps.api.shapes import corpus_shape, workspace_shape
from apps.library.models import Corpus
from apps.library.quotas import Room, member_room, workspace_room
from apps.library.services import create_corpus
from apps.workspaces.access import Right, workspace_for
from apps.workspaces.models import Role, Workspace
from apps.workspaces.services import create_workspace

router = Router(tags=["Workspaces"])


class RoomOut(Schema):
    """Bytes of originals."""

    used_bytes: int
    arriving_bytes: int = Field(description="Announced by unfinished uploads.")
    quota_bytes: int


class StorageOut(RoomOut):
    own: RoomOut | None = Field(description="What you brought; null for viewers.")


@router.get("/workspaces", response=ListPage[WorkspaceOut], summary="List your workspaces")
def list_workspaces(request: ApiRequest, paging: Query[Paging]) -> dict[str, Any]:
    own = Workspace.objects.of(request.user).annotate(role=F("memberships__role"))
    return page_of(
        own,
        ("created_at", "id"),
        paging,
        lambda workspace: workspace_shape(workspace, workspace.role),  # type: ignore[attr-defined]
        name="workspaces",
    )


@router.post("/workspaces", response={201: WorkspaceOut}, summary="Make a workspace and own it")
def post_workspace(request: ApiRequest, body: NameIn) -> Status[dict[str, Any]]:
    workspace = create_workspace(request.user, body.name)
    return Status(201, workspace_shape(workspace, Role.OWNER))


@router.get(
    "/workspaces/{workspace_id}/corpora", response=ListPage[CorpusOut], summary="List a workspace's corpora"
)
def list_corpora(request: ApiRequest, workspace_id: str, paging: Query[Paging]) -> dict[str, Any]:
    workspace = workspace_for(request.user, workspace_id)
    corpora = Corpus.objects.filter(workspace=workspace, deleted_at=None)
    return page_of(corpora, ("created_at", "id"), paging, corpus_shape, name=f"corpora:{workspace.pk}")


@router.post("/workspaces/{workspace_id}/corpora", response={201: CorpusOut}, summary="Make a corpus")
def post_corpus(request: ApiRequest, workspace_id: str, body: NameIn) -> Status[dict[str, Any]]:
    workspace = workspace_for(request.user, workspace_id, Right.CONTRIBUTE)
    return Status(201, corpus_shape(create_corpus(request.user, workspace, body.name)))


@router.get("/workspaces/{workspace_id}/storage", response=StorageOut, summary="What takes its room")
def get_storage(request: ApiRequest, workspace_id: str) -> dict[str, Any]:
    workspace = workspace_for(request.user, workspace_id)
    may_bring = workspace.held_right >= Right.CONTRIBUTE
    own = _room_shape(member_room(workspace, request.user)) if may_bring else None
    return {**_room_shape(workspace_room(workspace)), "own": own}


def _room_shape(room: Room) -> dict[str, Any]:
    return {
        "used_bytes": room.used_bytes,
        "arriving_bytes": room.arriving_bytes,
        "quota_bytes": room.quota_bytes,
    }
