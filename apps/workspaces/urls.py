"""Namespace `workspaces`, put together in docanalyst/urls.py with the workspace's own page, which shows corpora
and therefore lives in a room above this one."""

from __future__ import annotations

from django.urls import path

from apps.workspaces import invitation_views, views

urlpatterns = [
    path("new-workspace/", views.create, name="create"),
    path("w/<slug:workspace_slug>/rename/", views.rename, name="rename"),
    path("w/<slug:workspace_slug>/people/", views.people, name="people"),
    path("w/<slug:workspace_slug>/people/<uuid:membership_id>/role/", views.change_role, name="change-role"),
    path("w/<slug:workspace_slug>/people/<uuid:membership_id>/remove/", views.remove, name="remove"),
    path("w/<slug:workspace_slug>/people/invitations/", invitation_views.invite, name="invite"),
    path(
        "w/<slug:workspace_slug>/people/invitations/<uuid:invitation_id>/revoke/",
        invitation_views.revoke,
        name="revoke-invitation",
    ),
    path("invitation/<str:token>/", invitation_views.accept, name="accept-invitation"),
]
