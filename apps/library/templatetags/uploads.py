"""What somebody began to upload and has not finished, and sizes as the limits say them."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import RequestContext

from apps.library.models import Corpus
from apps.library.resumable import received_bytes, unfinished_uploads

register = template.Library()

MIB = 1024**2


@register.inclusion_tag("library/_upload_rows.html", takes_context=True)
def upload_rows(context: RequestContext, corpus: Corpus) -> dict[str, Any]:
    """The list in which uploads show themselves, with what is left from another time. One query."""
    return {
        "unfinished": [
            {"row": one, "received": received_bytes(one)}
            for one in unfinished_uploads(context["request"].user, corpus=corpus)
        ],
        "workspace": corpus.workspace,
        "csrf_token": context.get("csrf_token"),
    }


@register.filter
def mebibytes(size_bytes: int) -> str:
    """1234567 → “1.2”, 327155712 → “312”."""
    value = size_bytes / MIB
    return f"{value:,.1f}" if value < 10 else f"{value:,.0f}"


@register.filter
def room(size_bytes: int) -> str:
    """Mebibytes, or gibibytes from ten of them on: “312 MiB”, “50 GiB”."""
    return (
        f"{mebibytes(size_bytes)} MiB"
        if size_bytes < 10 * 1024 * MIB
        else f"{size_bytes / MIB / 1024:,.1f} GiB"
    )
