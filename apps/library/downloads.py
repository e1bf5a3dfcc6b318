"""Bytes of documents as responses: pictures we drew ourselves, and originals, which are only ever downloads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import cast

from asgiref.sync import sync_to_async
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpResponse

from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.sandbox import ChildDied, ChildFailed
from apps.library.models import Document, Page
from apps.library.pictures import ZOOM_DPI, PicturesBusy, page_picture


class StreamedFile(FileResponse):
    """A file that leaves piece by piece under ASGI too; Django would read all of it into memory first."""

    # Each piece costs a step into a thread and back.
    block_size = 256 * 1024

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = iter(cast("Iterator[bytes]", self.streaming_content))
        next_piece = sync_to_async(lambda: next(pieces, None))
        while (piece := await next_piece()) is not None:
            yield piece


def picture_response(page: Page, dpi: int = ZOOM_DPI[0]) -> HttpResponse:
    """The page as WebP; 503 when too many are being drawn, Http404 when it cannot be or its original is gone."""
    try:
        webp = page_picture(page.revision, page.number, dpi)
    except PicturesBusy:
        return HttpResponse(status=503, headers={"Retry-After": "5"})
    except (IngestionError, ChildDied, ChildFailed, FileNotFoundError) as error:
        raise Http404("This page has no picture.") from error
    return HttpResponse(webp, content_type="image/webp")


def original_response(document: Document) -> StreamedFile:
    """The file as it was brought; a browser must save it and can run nothing of it. Http404 when it is gone."""
    revision = document.current_revision
    if revision is None or not revision.storage_name:
        raise Http404
    try:
        stored = default_storage.open(revision.storage_name, "rb")
    except FileNotFoundError as error:
        raise Http404 from error
    return StreamedFile(
        stored,
        as_attachment=True,
        filename=document.name,
        content_type=revision.content_type,
        headers={
            "Content-Security-Policy": "sandbox; default-src 'none'",
            # Said, so that GZipMiddleware does not spend seconds on bytes that are compressed already.
            "Content-Encoding": "identity",
        },
    )
