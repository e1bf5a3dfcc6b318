"""The word a workspace has in its address."""

from __future__ import annotations

import re
import secrets
import unicodedata

from apps.workspaces.models import Workspace

LONGEST_BASE = 48
# An address may also carry an id where a slug stands, so no slug may look like one.
LOOKS_LIKE_AN_ID = re.compile(r"^[0-9a-f]{32}$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def slug_base(name: str) -> str:
    """Letters and digits of a name as far as ASCII has them; `workspace` when nothing is left."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    base = re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:LONGEST_BASE].strip("-")
    return "workspace" if not base or LOOKS_LIKE_AN_ID.match(base) else base


def free_slug(name: str) -> str:
    """A slug nobody has: the name's own, or with a few random digits behind it. One query.

    Two people may be given the same one in the same moment; the unique index then refuses the second.
    """
    base = slug_base(name)
    if not Workspace.objects.filter(slug=base).exists():
        return base
    return f"{base}-{secrets.token_hex(3)}"
