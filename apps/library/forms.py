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


class PageForm(forms.Form):
    """Where to go in a document: a number counted from 1, or the label printed on the page."""

    page = forms.CharField(max_length=300, strip=True)
