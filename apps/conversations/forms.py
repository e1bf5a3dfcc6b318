from __future__ import annotations

from django import forms

from apps.conversations.plans import READINGS
from apps.conversations.services import LONGEST_QUESTION


class QuestionForm(forms.Form):
    """A question with the reader's choices. An empty text is let through: a plan needs none."""

    text = forms.CharField(required=False, strip=True, max_length=LONGEST_QUESTION)
    model = forms.CharField(required=False, max_length=80, empty_value="auto")
    reading = forms.ChoiceField(required=False, choices=[(reading, reading) for reading in READINGS])
    parent_answer = forms.UUIDField(required=False)
    idempotency_key = forms.CharField(required=False, max_length=80)

    def clean_reading(self) -> str:
        return self.cleaned_data["reading"] or "auto"


class TitleForm(forms.Form):
    title = forms.CharField(max_length=200, strip=True)


class ShareForm(forms.Form):
    is_shared = forms.BooleanField(required=False)
