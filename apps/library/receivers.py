from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from apps.accounts.models import User
from apps.library.sample_corpus import add_samples
from apps.workspaces.models import Workspace
from apps.workspaces.signals import first_workspace_created


@receiver(first_workspace_created)
def fill_first_workspace(sender: type[Workspace], *, workspace: Workspace, owner: User, **_: Any) -> None:
    add_samples(owner, workspace)
