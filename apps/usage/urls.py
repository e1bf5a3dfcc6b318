from __future__ import annotations

from django.urls import path

from apps.usage import views

app_name = "usage"
urlpatterns = [
    path("usage/", views.installation_usage, name="installation"),
    path("usage.csv", views.installation_csv, name="installation-csv"),
    path("w/<slug:workspace_slug>/usage/", views.workspace_usage, name="workspace"),
    path("w/<slug:workspace_slug>/usage.csv", views.workspace_csv, name="workspace-csv"),
    path("w/<slug:workspace_slug>/usage/budget/", views.set_budget, name="budget"),
]
