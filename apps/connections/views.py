from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from apps.common.http import HtmxRequest, Refused
from apps.connections import services
from apps.connections.access import endpoint_for, require_instance_administrator
from apps.connections.hosts import Host, has_model, hosts
from apps.connections.probing import probe_host


@require_safe
def connection_list(request: HtmxRequest) -> HttpResponse:
    require_instance_administrator(request.user)
    return _list(request)


@require_POST
@sensitive_post_parameters("key")
def save_key(request: HtmxRequest, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_for(request.user, endpoint_id)
    try:
        services.save_key(request.user, endpoint.id, request.POST.get("key", ""))
    except Refused as refused:
        return _list(request, refused_host=_host(endpoint.id).id, problem=refused.sentence)
    messages.success(request, "The key is kept, encrypted. Test it to see that the host accepts it.")
    return redirect(_address(endpoint.id))


@require_POST
def remove_key(request: HtmxRequest, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_for(request.user, endpoint_id)
    services.remove_key(request.user, endpoint.id)
    messages.success(request, "The key is gone.")
    return redirect(_address(endpoint.id))


@require_POST
def set_enabled(request: HtmxRequest, endpoint_id: str) -> HttpResponse:
    endpoint = endpoint_for(request.user, endpoint_id)
    services.set_enabled(request.user, endpoint.id, request.POST.get("is_enabled") == "1")
    return redirect(_address(endpoint.id))


@require_POST
def test(request: HtmxRequest, endpoint_id: str) -> HttpResponse:
    """Look whether the host answers; nothing of anybody's documents is sent."""
    endpoint = endpoint_for(request.user, endpoint_id)
    probe_host(endpoint.id)
    if request.htmx:
        return render(request, "connections/_host.html", {"host": _host(endpoint.id)})
    return redirect(_address(endpoint.id))


def _list(request: HtmxRequest, *, refused_host: str = "", problem: str = "") -> HttpResponse:
    every = hosts()
    retired = [host for host in every if host.status == "retired"]
    context = {
        "hosts": [host for host in every if host.status != "retired"],
        "retired": retired,
        "is_retired_open": any(host.id == refused_host for host in retired),
        "has_model": has_model(every),
        "refused_host": refused_host,
        "problem": problem,
    }
    return render(request, "connections/list.html", context, status=422 if problem else 200)


def _host(endpoint_id: str) -> Host:
    return next(host for host in hosts() if any(state.endpoint.id == endpoint_id for state in host.states))


def _address(endpoint_id: str) -> str:
    return f"{reverse('connections:list')}#{_host(endpoint_id).id}"
