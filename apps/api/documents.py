"""A document: its state, its pages as they are sent to models, its pictures and its original."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import FileResponse, Http404, HttpResponse
from ninja import Query, Router
from ninja.responses import Status

from apps.api.auth import ApiRequest
from apps.api.paging import Paging, page_of, read_cursor, write_cursor
from apps.api.parsing import is_storable
from apps.api.schemas import (
    DocumentIn,
    DocumentOut,
    FetchIn,
    ListPage,
    PageOut,
    PasswordIn,
    ReadAgainIn,
    SkippedOut,
    TreeOut,
)
from apps.api.shapes import (
    document_row,
    document_shape,
    entry_shape,
    page_shape,
    skipped_shape,
    tree_shape,
)
from apps.library.access import document_for, page_for
from apps.library.downloads import original_response, picture_response
from apps.library.git_services import fetch_again
from apps.library.models import SkippedPath
from apps.library.readings import cancel_next, read_again
from apps.library.services import delete_document, give_password, rename_document, retry_document
from apps.library.trees import folder
from apps.workspaces.access import Right

router = Router(tags=["Documents"])


@router.get("/documents/{document_id}", response=DocumentOut, summary="Show a document")
def get_document(request: ApiRequest, document_id: str) -> dict[str, Any]:
    """`ordinal` is the one of the corpus it joined first; a corpus lists its own."""
    return document_shape(document_row(document_for(request.user, document_id)))


@router.patch("/documents/{document_id}", response=DocumentOut, summary="Rename a document")
def patch_document(request: ApiRequest, document_id: str, body: DocumentIn) -> dict[str, Any]:
    document = document_for(request.user, document_id, Right.CONTRIBUTE)
    rename_document(request.user, document, body.name)
    return document_shape(document_row(document))


@router.delete("/documents/{document_id}", response={204: None}, summary="Delete a document")
def remove_document(request: ApiRequest, document_id: str) -> Status[None]:
    """Its bytes, pages and pictures at once, from every corpus. Whoever added it may, and administrators."""
    document = document_for(request.user, document_id, Right.CONTRIBUTE)
    delete_document(request.user, document)
    return Status(204, None)


@router.post("/documents/{document_id}/retry", response={202: DocumentOut}, summary="Read it again")
def post_document_retry(request: ApiRequest, document_id: str) -> Status[dict[str, Any]]:
    """A failed document is read once more from its stored bytes; any other stays as it is."""
    document = document_for(request.user, document_id, Right.CONTRIBUTE)
    retry_document(request.user, document)
    return Status(202, document_shape(document_row(document_for(request.user, document_id))))


@router.post("/documents/{document_id}/password", response={202: DocumentOut}, summary="Give its password")
def post_document_password(request: ApiRequest, document_id: str, body: PasswordIn) -> Status[dict[str, Any]]:
    """Reading starts again; a wrong one ends in `needs_password` with `wrong_password`. Kept encrypted, never shown."""
    document = document_for(request.user, document_id, Right.CONTRIBUTE)
    give_password(request.user, document, body.password)
    return Status(202, document_shape(document_row(document_for(request.user, document_id))))


@router.post(
    "/documents/{document_id}/fetch", response={202: DocumentOut}, summary="Fetch a repository again"
)
def post_document_fetch(request: ApiRequest, document_id: str, body: FetchIn) -> Status[dict[str, Any]]:
    """What was read stays in use; another commit becomes the next reading, the same one changes nothing.

    409 with `no_git_address` or `already_reading`.
    """
    document = document_for(request.user, document_id, Right.CONTRIBUTE)
    fetch_again(request.user, document, ref=body.ref, token=body.token)
    return Status(202, document_shape(document_row(document_for(request.user, document_id))))


@router.get(
    "/documents/{document_id}/skipped", response=ListPage[SkippedOut], summary="What was left out, and why"
)
def list_skipped(request: ApiRequest, document_id: str, paging: Query[Paging]) -> dict[str, Any]:
    document = document_for(request.user, document_id)
    skipped = SkippedPath.objects.filter(revision__document=document, revision=document.current_revision)
    return page_of(skipped, ("path", "id"), paging, skipped_shape, name=f"skipped:{document.pk}")


@router.get("/documents/{document_id}/tree", response=TreeOut, summary="A folder of a repository")
def get_tree(
    request: ApiRequest,
    document_id: str,
    paging: Query[Paging],
    path: Annotated[str, Query(max_length=280)] = "",
) -> dict[str, Any]:
    """path: of the folder, from the root, which is empty. Entries come heaviest first; sums are of all below."""
    document = document_for(request.user, document_id)
    if document.current_revision is None or not is_storable(path):
        raise Http404
    path = f"{path.strip('/')}/" if path.strip("/") else ""
    name = f"tree:{document.current_revision_id}:{path}"
    [first] = read_cursor(name, paging.cursor, 1) if paging.cursor else [0]
    found = folder(document.current_revision, path, first=first, limit=paging.limit)
    if path and not found.files:
        raise Http404
    following = first + paging.limit
    return {
        **tree_shape(found),
        "items": [entry_shape(entry) for entry in found.entries],
        "next": write_cursor(name, [following]) if following < found.total_entries else None,
    }


@router.get("/documents/{document_id}/pages/{int:number}", response=PageOut, summary="A page's text")
def get_page(request: ApiRequest, document_id: str, number: int) -> dict[str, Any]:
    """number: by position, from 1. `text` is what models are sent, behind its marker."""
    return page_shape(page_for(request.user, document_id, number))


@router.get(
    "/documents/{document_id}/pages/{int:number}/image",
    summary="A page as a picture",
    openapi_extra={"responses": {200: {"description": "OK", "content": {"image/webp": {}}}}},
)
def get_page_image(request: ApiRequest, document_id: str, number: int) -> HttpResponse:
    return picture_response(page_for(request.user, document_id, number))


@router.get(
    "/documents/{document_id}/original",
    summary="The file as it was brought",
    openapi_extra={"responses": {200: {"description": "OK", "content": {"application/pdf": {}}}}},
)
def get_original(request: ApiRequest, document_id: str) -> FileResponse:
    """Always as a download."""
    document = document_for(request.user, document_id)
    if document.current_revision is None:
        raise Http404
    return original_response(document)


@router.post(
    "/documents/{document_id}/read-again", response={202: DocumentOut}, summary="Read with other options"
)
def post_document_read_again(
    request: ApiRequest, document_id: str, body: ReadAgainIn
) -> Status[dict[str, Any]]:
    """What was read before stays in use until the new reading is ready; `never` goes back to the text layers at once.

    409 with `not_ready`, `already_reading`, `nothing_to_recognise` or `recognition_off`.
    """
    document = document_for(request.user, document_id, Right.CONTRIBUTE)
    read_again(request.user, document, {"ocr": body.ocr})
    return Status(202, document_shape(document_row(document_for(request.user, document_id))))


@router.delete("/documents/{document_id}/read-again", response=DocumentOut, summary="Stop reading it again")
def delete_document_read_again(request: ApiRequest, document_id: str) -> dict[str, Any]:
    """Gives up the new reading, running or failed; what was read before stays as it is. Idempotent."""
    document = document_for(request.user, document_id, Right.CONTRIBUTE)
    cancel_next(request.user, document)
    return document_shape(document_row(document_for(request.user, document_id)))
