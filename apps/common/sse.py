"""Server-sent events as bytes. Source: HTML Living Standard, 9.2 (text/event-stream)."""

from __future__ import annotations

import json
from typing import Any

EVENT_STREAM = "text/event-stream"
KEEPALIVE = b": still here\n\n"
RETRY = b"retry: 1000\n\n"


def event_bytes(name: str, data: str, event_id: str | None = None) -> bytes:
    """One event. data: JSON on one line, so that it needs a single `data:` field."""
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {name}\ndata: {data}\n\n".encode()


def to_json(value: Any) -> str:
    """Compact JSON without line breaks. Non-ASCII stays as it is: UTF-8 is the format's encoding."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
