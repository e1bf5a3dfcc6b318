"""Links to other sites: whom they lead to, and which of them are followed at all."""

from __future__ import annotations

from urllib.parse import urlsplit

OUTWARD_SCHEMES = {"http", "https", "mailto"}


def outward_host(target: str) -> str | None:
    """Whom an address leads to, as people should read it (host, or the mail address); None when it may not be followed."""
    if any(character.isspace() or not character.isprintable() for character in target) or "\\" in target:
        return None
    try:
        parts = urlsplit(target)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in OUTWARD_SCHEMES:
        return None
    if parts.scheme == "mailto":
        return parts.path if "@" in parts.path else None
    if not host or "@" in parts.netloc:
        # What stands before an @ reads like a host and is none.
        return None
    try:
        # Letters that look like others are shown as what they are.
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return None
