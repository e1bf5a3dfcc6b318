from __future__ import annotations

from typing import Any

from django import forms

from apps.workspaces.models import Role


class WorkspaceForm(forms.Form):
    name = forms.CharField(
        label="Name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )


class RoleForm(forms.Form):
    """A role among those the person who gives it may give."""

    role = forms.TypedChoiceField(coerce=Role)

    def __init__(self, *args: Any, roles: list[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [(role.value, role.label) for role in roles]  # type: ignore[attr-defined]


class InvitationForm(RoleForm):
    email = forms.EmailField(
        label="E-mail", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    field_order = ["email", "role"]
