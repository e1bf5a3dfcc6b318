"""Every address of the installation."""

from __future__ import annotations

from django.urls import include, path

from apps.common import health, views
from apps.library import shelf
from apps.workspaces.urls import urlpatterns as workspace_urls
from docanalyst.metrics import metrics

# A workspace's page shows its corpora, which live in a room above workspaces: the two meet here.
shelf_urls = [path("w/<slug:workspace_slug>/", shelf.workspace_detail, name="detail")]

urlpatterns = [
    path("", shelf.home, name="home"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("leave/", views.leave, name="leave"),
    path("accounts/", include("apps.accounts.sign_in_urls")),
    path("", include("apps.accounts.urls")),
    path("", include(([*workspace_urls, *shelf_urls], "workspaces"))),
    path("", include("apps.library.urls")),
    path("", include("apps.conversations.urls")),
    path("", include("apps.usage.urls")),
    path("", include("apps.connections.urls")),
    path("", include("apps.api.urls")),
]

handler400 = "apps.common.views.bad_request"
handler403 = "apps.common.views.permission_denied"
handler404 = "apps.common.views.page_not_found"
handler429 = "apps.common.views.too_many_requests"
handler500 = "apps.common.views.server_error"
