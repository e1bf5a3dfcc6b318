"""What takes the room of a workspace, and unfinished uploads, which can be discarded."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.common.http import HtmxRequest
from apps.library.models import Upload
from apps.library.quotas import largest_documents, member_room, member_rooms, workspace_room
from apps.library.resumable import discard, expires_at, received_bytes, unfinished_uploads, upload_for
from apps.workspaces.access import Right, workspace_for


@require_safe
def storage(request: HtmxRequest, workspace_slug: str) -> HttpResponse:
    """Everybody sees the sum and the largest documents, a member also their own, administrators what each brought."""
    workspace = workspace_for(request.user, workspace_slug)
    may_administer = workspace.held_right >= Right.ADMINISTER
    if may_administer:
        uploads = Upload.objects.filter(workspace=workspace, document=None, corpus__deleted_at=None)
    else:
        uploads = unfinished_uploads(request.user, workspace=workspace)
    context = {
        "workspace": workspace,
        "room": workspace_room(workspace),
        "own": member_room(workspace, request.user) if workspace.held_right >= Right.CONTRIBUTE else None,
        "members": member_rooms(workspace) if may_administer else None,
        "largest": largest_documents(workspace),
        "uploads": [_shown(upload) for upload in uploads.select_related("corpus", "owner")],
    }
    return render(request, "library/storage.html", context)


@require_POST
def discard_upload(request: HtmxRequest, workspace_slug: str, upload_id: uuid.UUID) -> HttpResponse:
    workspace = workspace_for(request.user, workspace_slug)
    upload = upload_for(request.user, upload_id, workspace=workspace, may_be_of_others=True)
    discard(upload)
    messages.success(request, f"The unfinished upload “{upload.name}” is discarded.")
    if "corpus" in request.POST:
        return redirect(
            f"{reverse('library:corpus', args=[workspace.slug, upload.corpus_id])}?pane=documents"
        )
    return redirect("library:storage", workspace.slug)


def _shown(upload: Upload) -> dict[str, Any]:
    return {"row": upload, "received": received_bytes(upload), "expires_at": expires_at(upload)}
