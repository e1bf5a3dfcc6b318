from __future__ import annotations

from django.urls import path

from apps.connections import views

app_name = "connections"
urlpatterns = [
    path("connections/", views.connection_list, name="list"),
    path("connections/<str:endpoint_id>/key/", views.save_key, name="save-key"),
    path("connections/<str:endpoint_id>/key/remove/", views.remove_key, name="remove-key"),
    path("connections/<str:endpoint_id>/enabled/", views.set_enabled, name="set-enabled"),
    path("connections/<str:endpoint_id>/test/", views.test, name="test"),
]
