from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from apps.accounts.models import User

LONGEST_PASSWORD = 256
PASSWORD_HELP = "At least 8 characters; a few words in a row are easy to keep in mind."  # noqa: S105


class NewPasswordField(forms.CharField):
    """A password to be; the rules are checked by the form, which knows whose it is."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", "Password")
        kwargs.setdefault("help_text", PASSWORD_HELP)
        super().__init__(
            strip=False,
            max_length=LONGEST_PASSWORD,
            widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
            **kwargs,
        )


class NewAccountForm(forms.Form):
    """Name and password of an account whose address is known, or asked for by a field of a subclass."""

    name = forms.CharField(
        label="Your name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = NewPasswordField()

    def __init__(self, *args: Any, email: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known_email = email

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if password := cleaned.get("password"):
            email = cleaned.get("email", self.known_email)
            try:
                validate_password(password, User(email=email, name=cleaned.get("name", "")))
            except ValidationError as error:
                self.add_error("password", error)
        return cleaned


class FirstRunForm(NewAccountForm):
    email = forms.EmailField(
        label="E-mail", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )
    workspace_name = forms.CharField(label="Name of the first workspace", max_length=120)
    field_order = ["name", "email", "password", "workspace_name"]


class ThemeForm(forms.Form):
    theme = forms.ChoiceField(choices=User._meta.get_field("theme").choices or (), widget=forms.RadioSelect)


class ProfileForm(ThemeForm):
    name = forms.CharField(
        label="Name", max_length=120, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )


class TokenForm(forms.Form):
    name = forms.CharField(
        label="What is it for?", max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
