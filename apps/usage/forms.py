from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict
from django.utils import timezone

from apps.usage.reports import GROUP_KEYS, GroupKey

LONGEST_PERIOD = timedelta(days=366)

LABELS: dict[GroupKey, str] = {
    "day": "Day",
    "user": "Person",
    "workspace": "Workspace",
    "model": "Model",
    "endpoint": "Endpoint",
}


class PeriodForm(forms.Form):
    """Which usage to show: `from` and `to` (UTC days, both inclusive) and what to group by.

    What is not given is this month, by day and model. Nothing of it is required in the address.
    """

    def __init__(self, data: QueryDict, *, keys: tuple[GroupKey, ...] = GROUP_KEYS) -> None:
        today = timezone.now().date()
        given = data.copy()
        given.setdefault("from", today.replace(day=1).isoformat())
        given.setdefault("to", today.isoformat())
        # Unticked boxes send nothing, so the form says with `grouped` that it was asked.
        if "group_by" not in given and "grouped" not in given:
            given.setlist("group_by", ["day", "model"])
        super().__init__(given)
        self.fields["from"] = _day("From")
        self.fields["to"] = _day("To")
        self.fields["group_by"] = forms.MultipleChoiceField(
            label="Group by",
            required=False,
            choices=[(key, LABELS[key]) for key in keys],
            widget=forms.CheckboxSelectMultiple,
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("from"), cleaned.get("to")
        if first and last and first > last:
            self.add_error("to", "The last day is before the first.")
        elif first and last and last - first >= LONGEST_PERIOD:
            self.add_error("to", f"Choose at most {LONGEST_PERIOD.days} days.")
        return cleaned

    @property
    def query(self) -> str:
        """This period and grouping, as the query of an address."""
        parts = [("from", self["from"].value()), ("to", self["to"].value()), ("grouped", "1")]
        return urlencode([*parts, *(("group_by", key) for key in self.keys)])

    @property
    def period(self) -> tuple[date, date]:
        return self.cleaned_data["from"], self.cleaned_data["to"]

    @property
    def keys(self) -> tuple[GroupKey, ...]:
        return tuple(key for key in GROUP_KEYS if key in self.cleaned_data["group_by"])


def _day(label: str) -> forms.DateField:
    return forms.DateField(
        label=label,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Write a day such as 2026-11-21."},
    )


class BudgetForm(forms.Form):
    """A monthly budget; empty returns to the installation's."""

    monthly_limit = forms.DecimalField(
        label="Monthly budget in USD",
        required=False,
        min_value=0,
        max_digits=14,
        decimal_places=2,
        widget=forms.NumberInput(attrs={"min": "0", "step": "0.01", "inputmode": "decimal"}),
        error_messages={"invalid": "Write an amount such as 25.00."},
    )
