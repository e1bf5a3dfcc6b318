from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.usage import links
from apps.usage.models import Budget
from apps.workspaces.models import AuditEntry, Membership, Role, Workspace
from tests.usage.conftest import Booking

WORKSPACE_PAGES = ["usage:workspace", "usage:workspace-csv"]
INSTALLATION_PAGES = ["usage:installation", "usage:installation-csv"]


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture(autouse=True)
def _no_links() -> Iterator[None]:
    kept = list(links._resolvers)
    links._resolvers.clear()
    yield
    links._resolvers[:] = kept


@pytest.mark.parametrize("name", WORKSPACE_PAGES)
def test_usage_is_for_those_who_administer_the_workspace(
    name: str, workspace: Workspace, alice: User, bob: User, charlie: User, operator: User
) -> None:
    url = reverse(name, args=[workspace.slug])
    assert signed_in(alice).get(url).status_code == 200
    assert signed_in(bob).get(url).status_code == 403
    assert signed_in(charlie).get(url).status_code == 404
    assert signed_in(operator).get(url).status_code == 404
    assert Client().get(url).status_code == 302
    assert signed_in(alice).post(url).status_code == 405


def test_an_admin_sees_usage_and_an_unknown_workspace_is_not_found(workspace: Workspace, bob: User) -> None:
    Membership.objects.filter(user=bob).update(role=Role.ADMIN)
    assert signed_in(bob).get(reverse("usage:workspace", args=[workspace.slug])).status_code == 200
    assert signed_in(bob).get(reverse("usage:workspace", args=["unheard-of"])).status_code == 404


@pytest.mark.parametrize("name", INSTALLATION_PAGES)
def test_usage_of_all_workspaces_is_for_instance_administrators(
    name: str, workspace: Workspace, alice: User, operator: User
) -> None:
    url = reverse(name)
    assert signed_in(operator).get(url).status_code == 200
    assert signed_in(alice).get(url).status_code == 403
    assert Client().get(url).status_code == 302
    assert signed_in(operator).post(url).status_code == 405


def test_the_page_shows_totals_people_and_a_chart(workspace: Workspace, alice: User, book: Booking) -> None:
    book(cost="1.25", user_id=alice.pk, input_tokens=412_345)
    book(cost="0.25", user_id=uuid.uuid4())
    url = reverse("usage:workspace", args=[workspace.slug])
    page = signed_in(alice).get(url, {"grouped": "1", "group_by": ["user"]}).content.decode()
    assert "412,345" in page
    assert "$1.50" in page
    assert "somebody removed" in page
    assert '<rect class="series-1"' in page
    assert "style=" not in page


def test_an_installation_page_names_workspaces(workspace: Workspace, operator: User, book: Booking) -> None:
    book(cost="1.25")
    book(cost="0.10", workspace_id=uuid.uuid4())
    page = signed_in(operator).get(reverse("usage:installation"), {"grouped": "1", "group_by": ["workspace"]})
    assert "Acme" in page.content.decode()
    assert "a removed workspace" in page.content.decode()


def test_another_workspaces_usage_is_nowhere_on_the_page(
    workspace: Workspace, alice: User, book: Booking
) -> None:
    book(cost="777", workspace_id=uuid.uuid4())
    page = signed_in(alice).get(reverse("usage:workspace", args=[workspace.slug])).content.decode()
    assert "777" not in page
    assert "Nothing was asked in this period" in page


@pytest.mark.parametrize(
    "query",
    [
        {"from": "soon"},
        {"to": "2026-02-31"},
        {"from": "2026-11-02", "to": "2026-11-01"},
        {"from": "2020-01-01", "to": "2026-01-01"},
        {"from": "9999-12-31", "to": "0001-01-01"},
        {"group_by": "workspace"},
        {"group_by": "password"},
        {"from": "2026-11-01\x00"},
    ],
    ids=str,
)
def test_nonsense_in_the_address_is_refused_in_the_form(
    workspace: Workspace, alice: User, query: dict[str, str]
) -> None:
    for name in WORKSPACE_PAGES:
        response = signed_in(alice).get(reverse(name, args=[workspace.slug]), query)
        assert response.status_code == 422
        assert b"errors" in response.content


def test_csv_is_a_download_with_guarded_names(workspace: Workspace, alice: User, book: Booking) -> None:
    User.objects.filter(pk=alice.pk).update(name="=cmd()")
    book(cost="1.25", user_id=alice.pk)
    response = signed_in(alice).get(
        reverse("usage:workspace-csv", args=[workspace.slug]), {"grouped": "1", "group_by": ["user"]}
    )
    assert response["Content-Type"].startswith("text/csv")
    assert response["Content-Disposition"].startswith("attachment;")
    (line,) = csv.DictReader(io.StringIO(response.content.decode()))
    assert line["user"] == "'=cmd()"
    assert Decimal(line["cost_usd"]) == Decimal("1.25")
    assert AuditEntry.objects.filter(action="usage.export", workspace_id=workspace.pk).exists()


def test_the_dearest_questions_are_links_only_where_they_may_be_opened(
    workspace: Workspace, alice: User, book: Booking
) -> None:
    own, private = uuid.uuid4(), uuid.uuid4()
    book(cost="3", conversation_id=own)
    book(cost="2", conversation_id=private)
    asked: list[tuple[User, set[uuid.UUID]]] = []

    def resolver(user: User, ids: object) -> dict[uuid.UUID, str]:
        asked.append((user, set(ids)))  # type: ignore[call-overload]
        return {own: f"/w/acme/conversations/{own}/"}

    links.register_conversation_links(resolver)
    page = signed_in(alice).get(reverse("usage:workspace", args=[workspace.slug])).content.decode()
    assert f'href="/w/acme/conversations/{own}/"' in page
    assert str(private) not in page
    assert asked == [(alice, {own, private})]


def test_a_budget_is_set_by_admins_alone(
    workspace: Workspace, alice: User, bob: User, charlie: User, operator: User
) -> None:
    url = reverse("usage:budget", args=[workspace.slug])
    assert signed_in(bob).post(url, {"monthly_limit": "5"}).status_code == 403
    assert signed_in(charlie).post(url, {"monthly_limit": "5"}).status_code == 404
    assert signed_in(operator).post(url, {"monthly_limit": "5"}).status_code == 404
    assert signed_in(alice).get(url).status_code == 405
    assert not Budget.objects.exists()
    assert signed_in(alice).post(url, {"monthly_limit": "5"}).status_code == 302
    assert Budget.objects.get().monthly_limit == 5
    assert signed_in(alice).post(url, {"monthly_limit": ""}).status_code == 302
    assert not Budget.objects.exists()


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity", "many", "1.001", "1e20", "1" * 30])
def test_a_nonsense_budget_is_refused_in_the_form(workspace: Workspace, alice: User, amount: str) -> None:
    url = reverse("usage:budget", args=[workspace.slug])
    response = signed_in(alice).post(url, {"monthly_limit": amount})
    assert response.status_code == 422
    assert b"errors" in response.content
    assert not Budget.objects.exists()


def test_the_page_takes_the_same_number_of_queries_however_much_was_asked(
    workspace: Workspace, alice: User, book: Booking
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client, url = signed_in(alice), reverse("usage:workspace", args=[workspace.slug])
    counts = []
    for _ in range(2):
        for number in range(8):
            book(cost="0.5", user_id=uuid.uuid4(), endpoint_id=f"host-{number}")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(url, {"grouped": "1", "group_by": ["day", "user", "endpoint"]})
        counts.append(len(queries))
    assert counts[0] == counts[1]
