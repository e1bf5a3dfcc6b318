from __future__ import annotations

import logging

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.connections import services
from apps.connections.models import Connection
from apps.connections.services import api_key_for, mark_unhealthy
from tests.connections.conftest import CANARY, ModelsHost

LIST = "/connections/"
CHANGES = ["save-key", "remove-key", "set-enabled", "test"]


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def address(name: str, endpoint_id: str = "deepinfra-scout") -> str:
    return reverse(f"connections:{name}", args=[endpoint_id])


def test_connections_are_for_instance_administrators(workspace: object, alice: User, operator: User) -> None:
    assert signed_in(operator).get(LIST).status_code == 200
    assert signed_in(alice).get(LIST).status_code == 403
    assert Client().get(LIST).status_code == 302
    assert signed_in(operator).post(LIST).status_code == 405


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_for_instance_administrators(
    name: str, workspace: object, alice: User, operator: User
) -> None:
    assert signed_in(alice).post(address(name), {"key": CANARY}).status_code == 403
    assert Client().post(address(name), {"key": CANARY}).status_code == 302
    assert not Connection.objects.exists()
    assert signed_in(operator).get(address(name)).status_code == 405
    for unknown in ("unheard-of", "quote-finder", "..", "%00"):
        assert signed_in(operator).post(f"/connections/{unknown}/{name}/").status_code == 404


@pytest.mark.parametrize("name", CHANGES)
def test_changes_need_a_token(name: str, db: None, operator: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(operator)
    assert client.post(address(name), {"key": CANARY}).status_code == 403


def test_without_a_model_the_page_says_how_to_connect_one(db: None, operator: User) -> None:
    page = signed_in(operator).get(LIST).content.decode()
    assert "No language model is connected" in page
    assert "DEEPINFRA_API_KEY" in page
    assert "Retired since 6 Jul 2026" in page
    assert "style=" not in page


def test_a_key_goes_in_and_never_comes_out(
    db: None, operator: User, caplog: pytest.LogCaptureFixture
) -> None:
    client = signed_in(operator)
    with caplog.at_level(logging.DEBUG):
        response = client.post(address("save-key"), {"key": CANARY}, follow=True)
    assert api_key_for("deepinfra-scout", None) == CANARY
    page = response.content.decode()
    assert "saved here, encrypted" in page
    assert "No language model is connected" not in page
    assert CANARY not in page
    assert CANARY not in caplog.text
    assert CANARY not in client.get(LIST).content.decode()


def test_a_key_in_the_environment_is_named_not_shown(
    db: None, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPINFRA_API_KEY", CANARY)
    page = signed_in(operator).get(LIST).content.decode()
    assert "from <code>DEEPINFRA_API_KEY</code>" in page
    assert CANARY not in page


def test_what_cannot_be_a_key_is_refused_beside_its_field_without_repeating_it(
    db: None, operator: User
) -> None:
    response = signed_in(operator).post(address("save-key"), {"key": f"{CANARY} and more"})
    assert response.status_code == 422
    page = response.content.decode()
    assert 'id="deepinfra-scout-problem"' in page
    assert CANARY not in page


def test_a_key_can_be_removed(db: None, operator: User) -> None:
    services.save_key(operator, "deepinfra-scout", CANARY)
    assert signed_in(operator).post(address("remove-key")).status_code == 302
    assert api_key_for("deepinfra-scout", None) is None


def test_an_endpoint_can_be_switched_off_and_on(db: None, operator: User) -> None:
    services.save_key(operator, "deepinfra-scout", CANARY)
    client = signed_in(operator)
    client.post(address("set-enabled"), {"is_enabled": "0"})
    assert Connection.objects.get(endpoint_id="deepinfra-scout").is_enabled is False
    client.post(address("set-enabled"), {"is_enabled": "1"})
    assert Connection.objects.get(endpoint_id="deepinfra-scout").is_enabled is True


def test_an_unhealthy_host_says_why_and_since_when(db: None, operator: User) -> None:
    services.save_key(operator, "deepinfra-scout", CANARY)
    mark_unhealthy("deepinfra-scout", "no_credit", "The account has <no> credit left.")
    mark_unhealthy("deepinfra-maverick", "no_credit", "Empty.")
    page = signed_in(operator).get(LIST).content.decode()
    assert "The account has &lt;no&gt; credit left. Since" in page


def test_a_test_shows_what_the_host_serves(db: None, operator: User, models_host: ModelsHost) -> None:
    models_host.ids.append("<script>alert(1)</script>")
    url = address("test", "vllm-scout")
    assert signed_in(operator).post(url).url == f"{LIST}#vllm-scout"  # type: ignore[attr-defined]
    card = signed_in(operator).post(url, headers={"HX-Request": "true"}).content.decode()
    assert card.lstrip().startswith('<section class="card host" id="vllm-scout"')
    assert "lists 3 models" in card
    assert "Served here" in card
    assert "<script>" not in card
