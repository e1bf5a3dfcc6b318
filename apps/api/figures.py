"""Figures of a document, and thumbnails of its pages."""

from __future__ import annotations

from typing import Any

from django.db.models import F
from django.http import HttpResponse
from ninja import Field, Query, Router, Schema

from apps.api.auth import ApiRequest
from apps.api.paging import Paging, page_of
from apps.api.schemas import ListPage
from apps.library.access import figure_for, revision_for
from apps.library.downloads import figure_response, thumbnail_response
from apps.library.figures import figure_rows
from apps.library.models import PageImage

router = Router(tags=["Documents"])

_PICTURE = {"responses": {200: {"description": "OK", "content": {"image/webp": {}, "image/png": {}}}}}


class FigureOut(Schema):
    """One place of a figure; the same digest may stand on several pages."""

    digest: str = Field(description="Of its pixels; names the picture.")
    page: int = Field(description="By position, from 1.")
    label: str
    width: int = Field(description="Pixels.")
    height: int
    box: list[float] = Field(
        description="[x0, y0, x1, y1] as fractions of the page as shown, origin top left."
    )
    tokens: int = Field(description="What Llama 4 would count for it.")


@router.get("/documents/{document_id}/figures", response=ListPage[FigureOut], summary="Pictures on its pages")
def list_figures(request: ApiRequest, document_id: str, paging: Query[Paging]) -> dict[str, Any]:
    """Without decorations: lines, logos that repeat, backgrounds, whole-page scans."""
    revision = revision_for(request.user, document_id)
    rows = figure_rows(revision).annotate(page_number=F("page__number"))
    return page_of(rows, ("page_number", "id"), paging, _figure_shape, name=f"figures:{revision.pk}")


def _figure_shape(image: PageImage) -> dict[str, Any]:
    return {
        "digest": image.digest,
        "page": image.page.number,
        "label": image.page.label,
        "width": image.width,
        "height": image.height,
        "box": image.box,
        "tokens": image.tokens,
    }


@router.get(
    "/documents/{document_id}/figures/{slug:digest}", summary="A figure as a picture", openapi_extra=_PICTURE
)
def get_figure(request: ApiRequest, document_id: str, digest: str) -> HttpResponse:
    """WebP or PNG, at its own resolution up to 2,048 pixels a side."""
    return figure_response(figure_for(request.user, document_id, digest), request=request)


@router.get(
    "/documents/{document_id}/pages/{int:number}/thumbnail",
    summary="A page as a thumbnail",
    openapi_extra=_PICTURE,
)
def get_page_thumbnail(request: ApiRequest, document_id: str, number: int) -> HttpResponse:
    """WebP of at most 4 kB."""
    return thumbnail_response(revision_for(request.user, document_id), number, request=request)
