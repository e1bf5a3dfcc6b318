from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from apps.accounts.models import User
from apps.accounts.signals import first_run_completed
from apps.workspaces.models import Workspace
from apps.workspaces.services import create_workspace
from apps.workspaces.signals import first_workspace_created


@receiver(first_run_completed)
def make_first_workspace(sender: type[User], *, user: User, workspace_name: str, **_: Any) -> None:
    workspace = create_workspace(user, workspace_name)
    first_workspace_created.send(Workspace, workspace=workspace, owner=user)
