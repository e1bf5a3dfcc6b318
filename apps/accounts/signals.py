"""What other rooms may react to; this room imports none of them."""

from __future__ import annotations

from django.dispatch import Signal

first_run_completed = Signal()
"""The first account exists. Sent inside its transaction with `user` and `workspace_name`."""
