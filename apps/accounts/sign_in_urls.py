"""The part of django-allauth that is used. Its names are its own, because it reverses them itself."""

from __future__ import annotations

from allauth.account import views
from django.urls import path, re_path

from apps.accounts import sign_in_forms as forms

urlpatterns = [
    path("login/", views.LoginView.as_view(form_class=forms.SignInForm), name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    # Closed: it says so, and allauth names it on the sign-in page.
    path("signup/", views.signup, name="account_signup"),
    path(
        "password/change/",
        views.PasswordChangeView.as_view(form_class=forms.PasswordChangeForm),
        name="account_change_password",
    ),
    path(
        "password/reset/",
        views.PasswordResetView.as_view(form_class=forms.PasswordResetForm),
        name="account_reset_password",
    ),
    path("password/reset/done/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.PasswordResetFromKeyView.as_view(form_class=forms.PasswordResetKeyForm),
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]
