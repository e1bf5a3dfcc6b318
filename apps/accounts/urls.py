from __future__ import annotations

from django.urls import path

from apps.accounts import views

app_name = "accounts"
urlpatterns = [
    path("first-run/<str:token>/", views.first_run, name="first-run"),
    path("profile/", views.profile, name="profile"),
    path("profile/theme/", views.theme, name="theme"),
    path("profile/tokens/", views.create_token, name="create-token"),
    path("profile/tokens/<uuid:token_id>/revoke/", views.revoke_token, name="revoke-token"),
]
