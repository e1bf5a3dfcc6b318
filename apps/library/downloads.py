"""Bytes of documents as responses: pictures we drew ourselves, and originals, which are only ever downloads."""

from __future__ import annotations

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpResponse

from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.sandbox import ChildDied, ChildFailed
from apps.library.models import Document, Page
from apps.library.pictures import ZOOM_DPI, page_picture


def picture_response(page: Page, dpi: int = ZOOM_DPI[0]) -> HttpResponse:
    """The page as WebP; Http404 when it cannot be drawn or its original is gone."""
    try:
        webp = page_picture(page.revision, page.number, dpi)
    except (IngestionError, ChildDied, ChildFailed, FileNotFoundError) as error:
        raise Http404("This page has no picture.") from error
    return HttpResponse(webp, content_type="image/webp")


def original_response(document: Document) -> FileResponse:
    """The file as it was brought; a browser must save it and can run nothing of it. Http404 when it is gone."""
    revision = document.current_revision
    if revision is None or not revision.storage_name:
        raise Http404
    try:
        stored = default_storage.open(revision.storage_name, "rb")
    except FileNotFoundError as error:
        raise Http404 from error
    return FileResponse(
        stored,
        as_attachment=True,
        filename=document.name,
        content_type=revision.content_type,
        headers={"Content-Security-Policy": "sandbox; default-src 'none'"},
    )
