from __future__ import annotations

from typing import Any

from django import forms

from apps.library.git_forms import GlobsField
from apps.library.ingestion.guards import IngestionError
from apps.library.ingestion.tree.globs import check_globs
from apps.library.ingestion.tree.paths import LONGEST_KEPT
from apps.library.what_is_read import MOST_RESTORED, TOO_MANY_RESTORED, Choice


class PathsField(GlobsField):
    """Paths as they are, one a line; a path may begin or end with a space."""

    def to_python(self, value: Any) -> Any:
        return tuple(line for line in str(value or "").replace("\r\n", "\n").split("\n") if line)


class ChoiceForm(forms.Form):
    """Which files of a repository are read."""

    include = GlobsField()
    exclude = GlobsField()
    # The page sends back all that was taken in so far.
    restored = PathsField(max_length=MOST_RESTORED * (LONGEST_KEPT + 1))

    def clean(self) -> dict[str, Any]:
        cleaned = {"include": (), "exclude": (), "restored": ()} | self.cleaned_data
        try:
            check_globs([*cleaned["include"], *cleaned["exclude"]])
        except IngestionError as error:
            raise forms.ValidationError(error.sentence, code=error.code) from error
        if len(cleaned["restored"]) > MOST_RESTORED:
            raise forms.ValidationError(TOO_MANY_RESTORED)
        return cleaned

    def choice(self) -> Choice:
        restored = tuple(sorted(set(self.cleaned_data["restored"])))
        return Choice(self.cleaned_data["include"], self.cleaned_data["exclude"], restored)


class SkippedForm(forms.Form):
    """Which of the skipped paths are listed."""

    reason = forms.CharField(max_length=60, required=False)
    q = forms.CharField(max_length=200, required=False, strip=True)
    first = forms.IntegerField(min_value=0, max_value=10_000_000, required=False)

    def clean_first(self) -> int:
        return self.cleaned_data["first"] or 0


class RestoreForm(forms.Form):
    """One skipped path, or all with one reason."""

    path = forms.CharField(max_length=1024, required=False, strip=False)
    reason = forms.CharField(max_length=60, required=False)

    def clean(self) -> dict[str, Any]:
        named = [value for value in self.cleaned_data.values() if value]
        if len(named) != 1:
            raise forms.ValidationError("Name a path or a reason.")
        return self.cleaned_data
