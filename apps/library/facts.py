"""What a file says of itself and how it was read, from the row of a revision. No query."""

from __future__ import annotations

from typing import Any, TypedDict

from django.conf import settings

from apps.library.models import Revision


class Attachment(TypedDict):
    name: str
    size_bytes: int | None


def attachments(revision: Revision) -> list[Attachment]:
    """Files inside the file, listed and never opened; readings of old knew their names alone."""
    return [_attachment(one) for one in revision.facts.get("attachments", [])]


def _attachment(value: Any) -> Attachment:
    if isinstance(value, str):
        return {"name": value, "size_bytes": None}
    if isinstance(value, dict):
        return {"name": str(value.get("name", "")), "size_bytes": value.get("size_bytes", value.get("size"))}
    name, *rest = value
    return {"name": str(name), "size_bytes": rest[0] if rest else None}


def recognised_pages(revision: Revision) -> str:
    """Which pages text recognition reads: scans, all or never."""
    return str(revision.options.get("ocr") or ("scans" if settings.RECOGNISE_SCANS else "never"))
