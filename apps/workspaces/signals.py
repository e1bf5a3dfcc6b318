"""What rooms above may react to."""

from __future__ import annotations

from django.dispatch import Signal

first_workspace_created = Signal()
"""The first run made its workspace. Sent with `workspace` and `owner`, inside the transaction."""
