from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.forms import NewAccountForm
from apps.accounts.services import sign_in
from apps.common.http import HtmxRequest, Refused
from apps.common.limits import client_address, seconds_until_free
from apps.common.views import too_many_requests
from apps.workspaces import invitations
from apps.workspaces.access import Right, workspace_for
from apps.workspaces.forms import InvitationForm
from apps.workspaces.services import roles_to_give
from apps.workspaces.views import show_people


@never_cache
@require_POST
def invite(request: HtmxRequest, workspace_slug: str) -> HttpResponse:
    """Show the link in the answer itself: it is never stored readable, so there is nowhere to redirect to."""
    workspace = workspace_for(request.user, workspace_slug, Right.ADMINISTER)
    form = InvitationForm(request.POST, roles=roles_to_give(workspace.held_right))
    if not form.is_valid():
        return show_people(request, workspace, form=form, status=422)
    try:
        invitation, token = invitations.invite(
            request.user, workspace, form.cleaned_data["email"], form.cleaned_data["role"]
        )
    except Refused as refused:
        return show_people(request, workspace, problem=refused.sentence, status=refused.status)
    link = settings.PUBLIC_URL + reverse("workspaces:accept-invitation", args=[token])
    return show_people(request, workspace, new_link=link, invited=invitation.email)


@require_POST
def revoke(request: HtmxRequest, workspace_slug: str, invitation_id: str) -> HttpResponse:
    workspace = workspace_for(request.user, workspace_slug, Right.ADMINISTER)
    invitation = get_object_or_404(workspace.invitations, pk=invitation_id)
    invitations.revoke(request.user, invitation)
    messages.success(request, f"The invitation of {invitation.email} no longer works.")
    return redirect("workspaces:people", workspace.slug)


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def accept(request: HttpRequest, token: str) -> HttpResponse:
    """Join as who is signed in, or with a new account. A link that ended is answered alike however it ended."""
    wait = seconds_until_free("invitation", client_address(request), limit=30, window_seconds=60)
    if wait:
        return too_many_requests(request, wait)
    invitation = invitations.find_invitation(token)
    if invitation is None:
        return render(request, "workspaces/invitation_ended.html", status=410)
    user = request.user if request.user.is_authenticated else None
    form = NewAccountForm(request.POST or None, email=invitation.email) if user is None else None
    problem, status = "", 200
    if request.method == "POST" and (form is None or form.is_valid()):
        try:
            if user is not None:
                invitations.accept(invitation, user)
            elif form is not None:
                sign_in(request, invitations.accept_with_new_account(invitation, **form.cleaned_data))
            return redirect(invitation.workspace)
        except Refused as refused:
            problem, status = refused.sentence, refused.status
    elif request.method == "POST":
        status = 422
    context = {
        "invitation": invitation,
        "form": form,
        "problem": problem,
        "is_other_address": user is not None and user.email.casefold() != invitation.email.casefold(),
    }
    return render(request, "workspaces/invitation.html", context, status=status)
