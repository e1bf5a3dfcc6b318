from __future__ import annotations

from django import forms

from apps.library.passwords import LONGEST_PASSWORD
from apps.library.readings import OCR_CHOICES


class CorpusNameForm(forms.Form):
    name = forms.CharField(max_length=120, strip=True)


class DocumentNameForm(forms.Form):
    name = forms.CharField(max_length=255, strip=True)


class PasswordForm(forms.Form):
    """Spaces belong to a password."""

    password = forms.CharField(max_length=LONGEST_PASSWORD, strip=False)


class ReadAgainForm(forms.Form):
    """Which pages text recognition shall read."""

    ocr = forms.ChoiceField(choices=[(choice, choice) for choice in OCR_CHOICES])


class TickForm(forms.Form):
    """A box that is not ticked is not in the request at all, so its absence is an answer too."""

    is_ticked = forms.BooleanField(required=False)


class TreeForm(forms.Form):
    """A folder of a repository, ending in a slash, and where its list goes on."""

    path = forms.CharField(max_length=280, required=False, strip=False)
    first = forms.IntegerField(min_value=0, max_value=1_000_000, required=False)

    def clean_first(self) -> int:
        return self.cleaned_data["first"] or 0

    def clean_path(self) -> str:
        path: str = self.cleaned_data["path"]
        if path and not path.endswith("/"):
            raise forms.ValidationError("A folder ends in a slash.")
        return path


class PathTickForm(TickForm):
    """A folder, ending in a slash, or a file."""

    path = forms.CharField(max_length=280, strip=False)


class PageForm(forms.Form):
    """Where to go in a document: a number counted from 1, the label printed on the page, or lines of a file."""

    page = forms.CharField(max_length=320, strip=True)
