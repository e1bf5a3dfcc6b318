"""Pictures: pages at two sizes, thumbnails, figures. With `revision` in the address they never change."""

from __future__ import annotations

import uuid

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from apps.common.http import HtmxRequest
from apps.library.access import figure_for, page_for, revision_for
from apps.library.downloads import figure_response, picture_response, thumbnail_response
from apps.library.pictures import ZOOM_DPI, forget_failure
from apps.workspaces.access import workspace_for


@require_safe
def picture(request: HtmxRequest, workspace_slug: str, document_id: uuid.UUID, number: int) -> HttpResponse:
    """The page as WebP; `dpi` chooses one of the two sizes."""
    workspace = workspace_for(request.user, workspace_slug)
    page = page_for(
        request.user, document_id, number, revision_id=request.GET.get("revision"), workspace=workspace
    )
    wanted = request.GET.get("dpi", "")
    dpi = int(wanted) if wanted in {str(one) for one in ZOOM_DPI} else ZOOM_DPI[0]
    return _lasting(request, picture_response(page, dpi, request=request))


@require_safe
def thumbnail(request: HtmxRequest, workspace_slug: str, document_id: uuid.UUID, number: int) -> HttpResponse:
    """The page as a small WebP for strips."""
    workspace = workspace_for(request.user, workspace_slug)
    revision = revision_for(
        request.user, document_id, revision_id=request.GET.get("revision"), workspace=workspace
    )
    return _lasting(request, thumbnail_response(revision, number, request=request))


@require_safe
def figure(request: HtmxRequest, workspace_slug: str, document_id: uuid.UUID, digest: str) -> HttpResponse:
    """A figure of the document, by the digest of its pixels."""
    workspace = workspace_for(request.user, workspace_slug)
    image = figure_for(
        request.user, document_id, digest, revision_id=request.GET.get("revision"), workspace=workspace
    )
    return _lasting(request, figure_response(image, request=request))


@require_POST
def try_picture_again(
    request: HtmxRequest, workspace_slug: str, document_id: uuid.UUID, number: int
) -> HttpResponse:
    """Draw a page that broke its child a moment ago once more, and show it; `next` is where it was looked at."""
    workspace = workspace_for(request.user, workspace_slug)
    page = page_for(
        request.user, document_id, number, revision_id=request.GET.get("revision"), workspace=workspace
    )
    forget_failure(page.revision, page.number)
    back = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        # Not `redirect`, which takes a word for the name of a view.
        return HttpResponseRedirect(back)
    url = reverse("library:page", args=[workspace.slug, document_id, page.number])
    return redirect(f"{url}?{request.GET.urlencode()}" if request.GET else url)


def _lasting(request: HtmxRequest, response: HttpResponse) -> HttpResponse:
    """A browser may keep what never changes; without a revision in the address it is not to keep anything."""
    if "revision" in request.GET and response.status_code in {200, 304}:
        response["Cache-Control"] = "private, max-age=86400, immutable"
    return response
