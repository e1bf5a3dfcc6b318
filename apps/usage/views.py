from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from apps.common.http import HtmxRequest
from apps.connections.access import require_instance_administrator
from apps.usage import budgets, reports, screen
from apps.usage.csv_export import usage_csv
from apps.usage.forms import BudgetForm, PeriodForm
from apps.usage.reports import GROUP_KEYS, GroupKey
from apps.workspaces.access import Right, workspace_for
from apps.workspaces.audit import record
from apps.workspaces.models import Workspace

# Inside one workspace, grouping by workspace says nothing.
WORKSPACE_KEYS: tuple[GroupKey, ...] = tuple(key for key in GROUP_KEYS if key != "workspace")


@require_safe
def workspace_usage(request: HtmxRequest, workspace_slug: str) -> HttpResponse:
    workspace = workspace_for(request.user, workspace_slug, Right.ADMINISTER)
    return _usage(request, workspace)


@require_safe
def installation_usage(request: HtmxRequest) -> HttpResponse:
    """All workspaces together, for those who run the installation: figures and names, no content."""
    require_instance_administrator(request.user)
    return _usage(request, None)


@require_safe
def workspace_csv(request: HtmxRequest, workspace_slug: str) -> HttpResponse:
    workspace = workspace_for(request.user, workspace_slug, Right.ADMINISTER)
    return _csv(request, workspace)


@require_safe
def installation_csv(request: HtmxRequest) -> HttpResponse:
    require_instance_administrator(request.user)
    return _csv(request, None)


@require_POST
def set_budget(request: HtmxRequest, workspace_slug: str) -> HttpResponse:
    workspace = workspace_for(request.user, workspace_slug, Right.ADMINISTER)
    form = BudgetForm(request.POST)
    if not form.is_valid():
        return _usage(request, workspace, budget_form=form)
    budgets.set_monthly_limit(request.user, workspace, form.cleaned_data["monthly_limit"])
    messages.success(request, "The budget holds from the next question on.")
    return redirect("usage:workspace", workspace.slug)


def _usage(
    request: HtmxRequest, workspace: Workspace | None, *, budget_form: BudgetForm | None = None
) -> HttpResponse:
    form = PeriodForm(request.GET, keys=WORKSPACE_KEYS if workspace else GROUP_KEYS)
    context: dict[str, Any] = {"workspace": workspace, "form": form}
    if form.is_valid():
        context |= _figures(request, workspace, form)
    if workspace is not None:
        state = budgets.budget_state(workspace)
        own = budgets.own_limit(workspace)
        context |= {
            "budget": state,
            "own_limit": own,
            "budget_form": budget_form or BudgetForm(initial={"monthly_limit": own}),
        }
    is_refused = not form.is_valid() or budget_form is not None
    return render(request, "usage/usage.html", context, status=422 if is_refused else 200)


def _figures(request: HtmxRequest, workspace: Workspace | None, form: PeriodForm) -> dict[str, Any]:
    ids = _ids(workspace)
    first, last = form.period
    rows = reports.usage_rows(ids, first, last, form.keys)
    until, running = reports.complete_until(ids)
    return {
        "columns": screen.column_labels(form.keys),
        "rows": screen.shown_rows(rows, form.keys),
        "row_count": len(rows),
        "total": reports.total_row(ids, first, last),
        "chart": screen.chart_of(ids, first, last, form.keys),
        "dearest": screen.dearest(request.user, ids, first, last),
        "presets": screen.presets((first, last), form.keys),
        "complete_until": until,
        "running": running,
        "first": first,
        "last": last,
        "csv_query": form.query,
    }


def _csv(request: HtmxRequest, workspace: Workspace | None) -> HttpResponse:
    form = PeriodForm(request.GET, keys=WORKSPACE_KEYS if workspace else GROUP_KEYS)
    if not form.is_valid():
        return _usage(request, workspace)
    first, last = form.period
    rows = reports.usage_rows(_ids(workspace), first, last, form.keys)
    text = usage_csv(rows, form.keys, screen.names_of(rows, form.keys))
    record(request.user, "usage.export", workspace=workspace, rows=len(rows))
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="usage-{first}-{last}.csv"'
    return response


def _ids(workspace: Workspace | None) -> list[uuid.UUID] | None:
    return None if workspace is None else [workspace.pk]
