from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts import services
from apps.accounts.first_run import FirstAccount, complete_first_run, is_first_run
from apps.accounts.forms import FirstRunForm, ProfileForm, ThemeForm, TokenForm
from apps.common.http import HtmxRequest
from apps.common.limits import client_address, seconds_until_free
from apps.common.views import too_many_requests

# Both forms of the profile have a name, and an id must be there once.
TOKEN_IDS = "token_%s"  # noqa: S105 (a pattern of HTML ids)


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def first_run(request: HttpRequest, token: str) -> HttpResponse:
    wait = seconds_until_free("first-run", client_address(request), limit=20, window_seconds=60)
    if wait:
        return too_many_requests(request, wait)
    if not is_first_run(token):
        raise Http404
    form = FirstRunForm(request.POST or None, initial={"workspace_name": "First workspace"})
    if request.method == "POST" and form.is_valid():
        user = complete_first_run(FirstAccount(**form.cleaned_data))
        if user is None:
            raise Http404
        services.sign_in(request, user)
        return redirect("home")
    return render(request, "accounts/first_run.html", {"form": form}, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
def profile(request: HtmxRequest) -> HttpResponse:
    form = ProfileForm(request.POST) if request.method == "POST" else None
    if form and form.is_valid():
        services.change_profile(request.user, **form.cleaned_data)
        messages.success(request, "Profile saved.")
        return redirect("accounts:profile")
    return _profile(request, form=form)


@require_POST
def theme(request: HtmxRequest) -> HttpResponse:
    form = ThemeForm(request.POST)
    if form.is_valid():
        services.change_profile(request.user, **form.cleaned_data)
    if request.htmx:
        return HttpResponse(status=204)
    target = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return redirect(target if is_ours else "home")


@never_cache
@require_POST
def create_token(request: HtmxRequest) -> HttpResponse:
    """Show the new token in the answer itself: it is never stored readable, so there is nowhere to redirect to."""
    form = TokenForm(request.POST, auto_id=TOKEN_IDS)
    if not form.is_valid():
        return _profile(request, token_form=form)
    _, readable = services.issue_token(request.user, form.cleaned_data["name"])
    return _profile(request, new_token=readable)


@require_POST
def revoke_token(request: HtmxRequest, token_id: str) -> HttpResponse:
    token = get_object_or_404(request.user.api_tokens, pk=token_id)
    services.revoke_token(request.user, token)
    messages.success(request, f"“{token.name}” no longer opens the API.")
    return redirect("accounts:profile")


def _profile(
    request: HtmxRequest,
    *,
    form: ProfileForm | None = None,
    token_form: TokenForm | None = None,
    new_token: str = "",
) -> HttpResponse:
    bound = form or token_form
    context = {
        "form": form or ProfileForm(initial={"name": request.user.name, "theme": request.user.theme}),
        "token_form": token_form or TokenForm(auto_id=TOKEN_IDS),
        "tokens": request.user.api_tokens.all(),
        "new_token": new_token,
    }
    is_invalid = bound is not None and bound.is_bound
    return render(request, "accounts/profile.html", context, status=422 if is_invalid else 200)
