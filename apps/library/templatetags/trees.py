"""Values for the scripts of the token tree."""

from __future__ import annotations

import json
from collections.abc import Mapping

from django import template

register = template.Library()


@register.filter
def as_json(value: Mapping[str, object]) -> str:
    """For an attribute, which the template escapes."""
    return json.dumps(dict(value))
