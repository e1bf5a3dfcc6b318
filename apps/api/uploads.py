"""Uploads that may be cut and go on (tus): announcing, asking how far one is, discarding.

The bytes themselves (PATCH) are taken beside Django, in upload_bytes.py: Django's request handling keeps a body
back until its last byte is here, and loses it when the line is cut.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from ninja import Field, Query, Router, Schema
from ninja.responses import Status

from apps.api import tus
from apps.api.auth import ApiRequest
from apps.api.paging import Paging, page_of
from apps.api.schemas import Body, DocumentName, ListPage
from apps.common.http import Refused
from apps.library.access import corpus_for
from apps.library.models import Upload
from apps.library.part_file import PartBusy
from apps.library.resumable import (
    begin_upload,
    discard,
    expires_at,
    finish_if_complete,
    received_bytes,
    unfinished_uploads,
    upload_for,
)
from apps.workspaces.access import Right

router = Router(tags=["Uploads"])

LONGEST_WAIT_SECONDS = 60.0
"""For another request that is making a document of the same upload."""


class UploadIn(Body):
    name: DocumentName
    size: int = Field(ge=0, le=2**53, strict=True, description="Bytes.")
    sha256: str = Field("", description="Of the whole file, hexadecimal. Known content is not sent again.")


class UploadOut(Schema):
    id: UUID
    corpus_id: UUID
    name: str
    size: int
    offset: int = Field(description="Bytes that are here; the next PATCH begins there.")
    sha256: str = Field(description="As it was announced, or empty.")
    expires_at: datetime = Field(description="When it is removed unless more bytes come.")
    document_id: UUID | None = Field(description="What it became; null until then.")


def upload_shape(upload: Upload) -> dict[str, Any]:
    return {
        "id": upload.pk,
        "corpus_id": upload.corpus_id,
        "name": upload.name,
        "size": upload.size_bytes,
        "offset": received_bytes(upload),
        "sha256": upload.sha256,
        "expires_at": expires_at(upload),
        "document_id": upload.document_id,
    }


@router.get(
    "/corpora/{corpus_id}/uploads", response=ListPage[UploadOut], summary="List your unfinished uploads"
)
def list_uploads(request: ApiRequest, corpus_id: str, paging: Query[Paging]) -> dict[str, Any]:
    corpus = corpus_for(request.user, corpus_id, Right.CONTRIBUTE)
    uploads = unfinished_uploads(request.user, corpus=corpus)
    return page_of(uploads, ("created_at", "id"), paging, upload_shape, name=f"uploads:{corpus.pk}")


@router.post("/corpora/{corpus_id}/uploads", response={201: UploadOut}, summary="Announce a resumable upload")
def post_upload(
    request: ApiRequest, corpus_id: str, response: HttpResponse, body: UploadIn | None = None
) -> Status[dict[str, Any]]:
    """By `Upload-Length` and `Upload-Metadata` (filename, sha256) as tus clients send them, or by JSON.

    `Location` is where its bytes go. With a `sha256` that this workspace knows, `document_id` is there at once,
    `offset` is the whole length, and no byte is needed.
    """
    corpus = corpus_for(request.user, corpus_id, Right.CONTRIBUTE)
    if body is None:
        tus.check_version(request.headers)
        announced = tus.read_announcement(request.headers)
    else:
        announced = tus.Announcement(body.name, body.size, body.sha256.lower())
    upload = begin_upload(
        request.user, corpus, name=announced.name, size_bytes=announced.size_bytes, sha256=announced.sha256
    )
    response["Location"] = f"/api/v1/uploads/{upload.pk}"
    _tell(response, upload)
    return Status(201, upload_shape(upload))


@router.get("/uploads/{upload_id}", response=UploadOut, summary="How far an upload is")
def get_upload(request: ApiRequest, upload_id: str, response: HttpResponse) -> dict[str, Any]:
    """HEAD tells the same in headers. Only for whoever began it; a day without a new byte removes it."""
    upload = upload_for(request.user, upload_id)
    try:
        # Whoever lost the line at the last byte has nothing more to send that could end it.
        finish_if_complete(request.user, upload, wait_seconds=LONGEST_WAIT_SECONDS)
    except PartBusy as error:
        raise Refused("upload_busy", "This upload is being ended by another request.", status=423) from error
    _tell(response, upload)
    return upload_shape(upload)


@router.delete("/uploads/{upload_id}", response={204: None}, summary="Discard an upload")
def delete_upload(request: ApiRequest, upload_id: str, response: HttpResponse) -> Status[None]:
    """Its bytes at once. A document it has become stays. Also for the workspace's administrators."""
    discard(upload_for(request.user, upload_id, may_be_of_others=True))
    response["Tus-Resumable"] = tus.VERSION
    return Status(204, None)


def _tell(response: HttpResponse, upload: Upload) -> None:
    for name, value in tus.state_headers(upload).items():
        response[name] = value
