"""django-allauth's forms in this house's words: a label above each field, nothing inside it."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as allauth_forms


class Unprompted:
    """Drops placeholders, which repeat the label and vanish when they would help."""

    labels: dict[str, str] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():  # type: ignore[attr-defined]
            field.widget.attrs.pop("placeholder", None)
            field.label = self.labels.get(name, field.label)


class SignInForm(Unprompted, allauth_forms.LoginForm):
    labels = {"login": "E-mail"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = ""


class PasswordChangeForm(Unprompted, allauth_forms.ChangePasswordForm):
    labels = {
        "oldpassword": "Current password",
        "password1": "New password",
        "password2": "New password again",
    }


class PasswordResetForm(Unprompted, allauth_forms.ResetPasswordForm):
    labels = {"email": "E-mail"}


class PasswordResetKeyForm(Unprompted, allauth_forms.ResetPasswordKeyForm):
    labels = {"password1": "New password", "password2": "New password again"}
