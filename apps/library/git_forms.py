from __future__ import annotations

from typing import Any

from django import forms

from apps.library.git.addresses import LONGEST_REF, LONGEST_URL
from apps.library.git_services import GitRequest
from apps.library.passwords import LONGEST_TOKEN

LONGEST_GLOBS = 20_000


class GlobsField(forms.CharField):
    """Patterns of paths, one a line; cleaned to a tuple."""

    def __init__(self, *, max_length: int = LONGEST_GLOBS, **options: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})
        super().__init__(required=False, max_length=max_length, widget=widget, **options)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        return tuple(line.strip() for line in text.splitlines() if line.strip())

    def run_validators(self, value: Any) -> None:
        super().run_validators("\n".join(value))


class TokenField(forms.CharField):
    """Write-only: what was typed is never drawn again."""

    def __init__(self, **options: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": "off"})
        super().__init__(required=False, max_length=LONGEST_TOKEN, widget=widget, **options)


class GitForm(forms.Form):
    """A repository to be fetched; what an address is, is for git/addresses.py to say."""

    url = forms.CharField(
        label="Address",
        max_length=LONGEST_URL,
        widget=forms.URLInput(attrs={"placeholder": "https://host/path"}),
    )
    ref = forms.CharField(
        label="Branch, tag or commit", max_length=LONGEST_REF, required=False,
        help_text="Empty for the default branch.",
    )  # fmt: skip
    token = TokenField(
        label="Token",
        help_text="For private repositories. Kept encrypted, sent to this host alone, never shown again. "
        "Where the host wants a user name: user:token.",
    )
    include = GlobsField(
        label="Read only", help_text="Patterns such as src/ or *.md, one a line; empty for all files."
    )
    exclude = GlobsField(label="Leave out", help_text="Patterns, one a line.")

    def asked(self) -> GitRequest:
        return GitRequest(**self.cleaned_data)


class FetchAgainForm(forms.Form):
    """Fields that are not sent leave what is kept as it is; an empty token does, too."""

    ref = forms.CharField(max_length=LONGEST_REF, required=False)
    token = TokenField()

    @property
    def ref_given(self) -> str | None:
        return self.cleaned_data["ref"] if "ref" in self.data else None

    @property
    def token_given(self) -> str | None:
        return self.cleaned_data["token"] or None
