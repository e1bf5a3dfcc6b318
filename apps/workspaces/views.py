from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.common.http import HtmxRequest, Refused
from apps.workspaces import services
from apps.workspaces.access import RIGHT_OF_ROLE, Right, workspace_for
from apps.workspaces.forms import InvitationForm, RoleForm, WorkspaceForm
from apps.workspaces.invitations import open_invitations
from apps.workspaces.models import Role, Workspace

RIGHTS_IN_WORDS = [
    ("Open shared conversations, documents and citations", Right.VIEW),
    ("Upload, ask, share and delete what is one's own", Right.CONTRIBUTE),
    ("The name, people, the budget, usage, any document", Right.ADMINISTER),
    ("Name owners", Right.OWN),
]


@require_http_methods(["GET", "POST"])
def create(request: HtmxRequest) -> HttpResponse:
    """Anybody signed in may make a workspace: it holds nothing until they bring something."""
    form = WorkspaceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(services.create_workspace(request.user, form.cleaned_data["name"]))
        except Refused as refused:
            form.add_error("name", refused.sentence)
    return render(request, "workspaces/create.html", {"form": form}, status=422 if form.is_bound else 200)


@require_POST
def rename(request: HtmxRequest, workspace_slug: str) -> HttpResponse:
    workspace = workspace_for(request.user, workspace_slug, Right.ADMINISTER)
    form = WorkspaceForm(request.POST)
    if form.is_valid():
        services.rename_workspace(request.user, workspace, form.cleaned_data["name"])
    else:
        messages.error(request, "A workspace needs a name of up to 120 characters.")
    return redirect(workspace)


@require_safe
def people(request: HtmxRequest, workspace_slug: str) -> HttpResponse:
    workspace = workspace_for(request.user, workspace_slug)
    return show_people(request, workspace)


@require_POST
def change_role(request: HtmxRequest, workspace_slug: str, membership_id: str) -> HttpResponse:
    workspace = workspace_for(request.user, workspace_slug, Right.ADMINISTER)
    membership = get_object_or_404(workspace.memberships, pk=membership_id)
    form = RoleForm(request.POST, roles=list(Role))
    if not form.is_valid():
        return show_people(request, workspace, problem="Choose one of the roles.", status=422)
    try:
        services.change_role(request.user, membership, form.cleaned_data["role"])
    except Refused as refused:
        return show_people(request, workspace, problem=refused.sentence, status=refused.status)
    messages.success(request, f"{membership.user} is now {form.cleaned_data['role'].label.lower()}.")
    return redirect("workspaces:people", workspace.slug)


@require_POST
def remove(request: HtmxRequest, workspace_slug: str, membership_id: str) -> HttpResponse:
    """Remove a member; oneself too, which is leaving."""
    workspace = workspace_for(request.user, workspace_slug)
    membership = get_object_or_404(workspace.memberships.select_related("user"), pk=membership_id)
    try:
        services.remove_member(request.user, membership)
    except Refused as refused:
        return show_people(request, workspace, problem=refused.sentence, status=refused.status)
    if membership.user_id == request.user.pk:
        messages.success(request, f"You left {workspace.name}.")
        return redirect("home")
    messages.success(request, f"{membership.user} no longer has access.")
    return redirect("workspaces:people", workspace.slug)


def show_people(
    request: HtmxRequest,
    workspace: Workspace,
    *,
    problem: str = "",
    status: int = 200,
    form: InvitationForm | None = None,
    new_link: str = "",
    invited: str = "",
) -> HttpResponse:
    """The people page after whatever was tried. new_link: of the invitation just made, to `invited`."""
    roles = services.roles_to_give(workspace.held_right)
    may_administer = workspace.held_right >= Right.ADMINISTER
    context = {
        "workspace": workspace,
        "memberships": workspace.memberships.select_related("user").order_by("user__name", "user__email"),
        "roles": roles,
        "may_administer": may_administer,
        "invitations": open_invitations(workspace) if may_administer else [],
        "form": form or InvitationForm(roles=roles, initial={"role": Role.MEMBER}),
        "problem": problem,
        "new_link": new_link,
        "invited": invited,
        "all_roles": list(Role),
        "rights": [
            (words, [RIGHT_OF_ROLE[role] >= right for role in Role]) for words, right in RIGHTS_IN_WORDS
        ],
    }
    return render(request, "workspaces/people.html", context, status=status)
