"""The parts of the page header that depend on who looks and where they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import template
from django.template import RequestContext
from django.urls import reverse

from apps.workspaces.access import Right, workspaces_of
from apps.workspaces.models import Workspace

register = template.Library()


@dataclass(frozen=True)
class Place:
    """One link of the header; `is_here` when its page is the one being shown."""

    label: str
    url: str
    is_here: bool


@register.inclusion_tag("workspaces/_menu.html", takes_context=True)
def workspace_menu(context: RequestContext) -> dict[str, Any]:
    """The switcher: all workspaces of the person, the one in the context marked. One query."""
    return {"workspace": context.get("workspace"), "workspaces": workspaces_of(context["request"].user)}


@register.inclusion_tag("workspaces/_nav.html", takes_context=True)
def site_nav(context: RequestContext) -> dict[str, Any]:
    """The links at the right of the header and the person's menu. No query."""
    request = context["request"]
    return {
        "user": request.user,
        "places": places(request.user, context.get("workspace"), request.path),
        "csrf_token": context.get("csrf_token"),
        "themes": request.user._meta.get_field("theme").choices,
        "path": request.get_full_path() if request.method == "GET" else "",
    }


def places(user: Any, workspace: Workspace | None, path: str) -> list[Place]:
    """Where this person may go from here: only pages that would open for them."""
    names: list[tuple[str, str, list[str]]] = []
    if user.is_staff:
        names.append(("Connections", "connections:list", []))
    if workspace is not None:
        held = getattr(workspace, "held_right", Right.VIEW)
        if held >= Right.ADMINISTER:
            names.append(("Usage", "usage:workspace", [workspace.slug]))
        names.append(("Storage", "library:storage", [workspace.slug]))
        names.append(("People", "workspaces:people", [workspace.slug]))
    urls = [(label, reverse(name, args=arguments)) for label, name, arguments in names]
    return [Place(label, url, path.startswith(url)) for label, url in urls]
