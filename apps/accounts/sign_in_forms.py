"""django-allauth's forms in this house's words: a label above each field, nothing inside it."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as allauth_forms

from apps.accounts.forms import PASSWORD_HELP


class Unprompted:
    """Drops placeholders, which repeat the label and vanish when they would help."""

    labels: dict[str, str] = {}
    help_texts: dict[str, str] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():  # type: ignore[attr-defined]
            field.widget.attrs.pop("placeholder", None)
            field.label = self.labels.get(name, field.label)
            field.help_text = self.help_texts.get(name, "")


class SignInForm(Unprompted, allauth_forms.LoginForm):  # type: ignore[misc]
    labels = {"login": "E-mail"}


class PasswordChangeForm(Unprompted, allauth_forms.ChangePasswordForm):  # type: ignore[misc]
    labels = {
        "oldpassword": "Current password",
        "password1": "New password",
        "password2": "New password again",
    }
    help_texts = {"password1": PASSWORD_HELP}


class PasswordResetForm(Unprompted, allauth_forms.ResetPasswordForm):  # type: ignore[misc]
    labels = {"email": "E-mail"}


class PasswordResetKeyForm(Unprompted, allauth_forms.ResetPasswordKeyForm):  # type: ignore[misc]
    labels = {"password1": "New password", "password2": "New password again"}
    help_texts = {"password1": PASSWORD_HELP}
