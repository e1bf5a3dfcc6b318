"""Values for the scripts and forms of repositories."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from django import template

register = template.Library()


@register.filter
def as_json(value: Mapping[str, object]) -> str:
    """For an attribute, which the template escapes."""
    return json.dumps(dict(value))


@register.filter
def as_lines(values: Iterable[str] | None) -> str:
    """One a line, for a textarea."""
    return "\n".join(values or ())
