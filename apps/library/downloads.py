"""Bytes of documents as responses: pictures we drew ourselves, and originals, which are only ever downloads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import cast

from asgiref.sync import sync_to_async
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header

from apps.library.code_viewer import CodeFile
from apps.library.figures import figure_bytes
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.sandbox import ChildDied, ChildFailed
from apps.library.models import Document, Page, PageImage, Revision
from apps.library.pictures import ZOOM_DPI, PicturesBusy, page_picture, page_thumbnail


class StreamedFile(FileResponse):
    """A file that leaves piece by piece under ASGI too; Django would read all of it into memory first."""

    # Each piece costs a step into a thread and back.
    block_size = 256 * 1024

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = iter(cast("Iterator[bytes]", self.streaming_content))
        next_piece = sync_to_async(lambda: next(pieces, None))
        while (piece := await next_piece()) is not None:
            yield piece


def picture_response(
    page: Page, dpi: int = ZOOM_DPI[0], *, request: HttpRequest | None = None
) -> HttpResponse:
    """The page as WebP; 503 when too many are being drawn, Http404 when it cannot be or its original is gone.

    request: answered with 304 when it has the picture already.
    """
    revision = page.revision
    return _drawn(
        f"{_content(revision)}-{page.number}-{dpi}",
        lambda: page_picture(revision, page.number, dpi),
        request=request,
    )


def thumbnail_response(
    revision: Revision, number: int, *, request: HttpRequest | None = None
) -> HttpResponse:
    """As picture_response, of a page (1-based) that need not be stored; Http404 for one that is not there."""
    if not 1 <= number <= revision.page_count:
        raise Http404
    return _drawn(
        f"{_content(revision)}-{number}-thumbnail",
        lambda: page_thumbnail(revision, number),
        request=request,
    )


def figure_response(image: PageImage, *, request: HttpRequest | None = None) -> HttpResponse:
    """A figure as WebP or PNG; Http404 when its bytes are gone. request: as picture_response."""
    content_type = "image/png" if image.storage_name.endswith(".png") else "image/webp"
    return _drawn(image.digest, lambda: figure_bytes(image), content_type, request=request)


def _content(revision: Revision) -> str:
    """Names the bytes that are drawn."""
    return f"{revision.sha256[:32]}{'-repaired' if revision.repaired_name else ''}"


def _drawn(
    tag: str, draw: Callable[[], bytes], content_type: str = "image/webp", *, request: HttpRequest | None
) -> HttpResponse:
    etag = f'"{tag}"'
    if request is not None:
        known = get_conditional_response(request, etag=etag)
        if known is not None:
            return known
    try:
        content = draw()
    except PicturesBusy:
        return HttpResponse(status=503, headers={"Retry-After": "5"})
    except (IngestionError, ChildDied, ChildFailed, FileNotFoundError) as error:
        raise Http404("This page has no picture.") from error
    return HttpResponse(
        content,
        content_type=content_type,
        # Said, so that GZipMiddleware does not spend time on bytes that are compressed already.
        headers={"ETag": etag, "Content-Encoding": "identity"},
    )


def file_text_response(file: CodeFile) -> HttpResponse:
    """A file of a repository as it was read: decoded, line ends as "\\n", secrets masked. Only ever a download."""
    pages = Page.objects.filter(
        revision_id=file.page.revision_id,
        number__range=(file.first_page, file.first_page + file.page_count - 1),
    )
    texts = pages.order_by("number").values_list("text", flat=True)
    return HttpResponse(
        "".join(texts).encode(),
        content_type="text/plain; charset=utf-8",
        headers={
            "Content-Disposition": content_disposition_header(True, file.name) or "attachment",
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )


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
