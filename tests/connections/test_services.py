from __future__ import annotations

import logging
import uuid
from dataclasses import replace
from datetime import date, timedelta

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries, Settings

from apps.accounts.models import User
from apps.common.http import Refused
from apps.connections import services
from apps.connections.keys import decrypt_key, encrypt_key
from apps.connections.models import Connection
from apps.connections.services import (
    EndpointState,
    api_key_for,
    endpoint_states,
    mark_unhealthy,
    usable_endpoints_for,
)
from apps.llm.catalogue import load_catalogue
from apps.workspaces.models import AuditEntry, Workspace
from tests.connections.conftest import CANARY


def ids(states: list[EndpointState]) -> list[str]:
    return [state.endpoint.id for state in states]


def state_of(endpoint_id: str, workspace: Workspace | None = None) -> EndpointState:
    return next(state for state in endpoint_states(workspace) if state.endpoint.id == endpoint_id)


def test_without_any_key_the_quote_finder_answers(workspace: Workspace) -> None:
    assert ids(usable_endpoints_for(workspace)) == ["quote-finder"]


def test_a_key_in_the_environment_connects_the_models_of_its_host(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPINFRA_API_KEY", CANARY)
    states = usable_endpoints_for(workspace)
    assert ids(states) == ["deepinfra-scout", "deepinfra-maverick"]
    assert {state.api_key_source for state in states} == {"environment"}
    assert api_key_for("deepinfra-scout", workspace.pk) == CANARY


def test_a_saved_key_connects_them_too_and_wins_over_the_environment(
    workspace: Workspace, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPINFRA_API_KEY", "from-the-environment")
    services.save_key(operator, "deepinfra-scout", f"  {CANARY}\n")
    assert api_key_for("deepinfra-maverick", workspace.pk) == CANARY
    assert state_of("deepinfra-scout").api_key_source == "installation"
    services.remove_key(operator, "deepinfra-maverick")
    assert api_key_for("deepinfra-scout", workspace.pk) == "from-the-environment"


def test_a_workspaces_own_key_is_its_own(workspace: Workspace, operator: User) -> None:
    services.save_key(operator, "deepinfra-scout", "of-all")
    services.save_key(operator, "deepinfra-scout", "of-acme", workspace=workspace)
    assert api_key_for("deepinfra-scout", workspace.pk) == "of-acme"
    assert api_key_for("deepinfra-scout", uuid.uuid4()) == "of-all"
    assert api_key_for("deepinfra-scout", None) == "of-all"


def test_a_workspace_sends_only_where_it_allows(workspace: Workspace, operator: User) -> None:
    services.save_key(operator, "deepinfra-scout", CANARY)
    services.save_key(operator, "novita-scout", CANARY)
    workspace.allowed_endpoints = ["novita-scout"]
    assert ids(usable_endpoints_for(workspace)) == ["novita-scout"]


@pytest.mark.parametrize(
    ("allowed", "usable"),
    [([], []), (["openrouter-scout"], []), (["quote-finder"], ["quote-finder"])],
    ids=["nothing allowed", "only one without a key", "only the quote finder"],
)
def test_the_quote_finder_never_steps_in_for_a_model(
    workspace: Workspace, operator: User, allowed: list[str], usable: list[str]
) -> None:
    services.save_key(operator, "deepinfra-scout", CANARY)
    workspace.allowed_endpoints = allowed
    assert ids(usable_endpoints_for(workspace)) == usable


def test_an_unhealthy_model_stays_listed_and_the_quote_finder_stays_out(
    workspace: Workspace, operator: User
) -> None:
    services.save_key(operator, "deepinfra-scout", CANARY)
    for endpoint_id in ("deepinfra-scout", "deepinfra-maverick"):
        mark_unhealthy(endpoint_id, "no_credit", "The account has no credit left.")
    states = usable_endpoints_for(workspace)
    assert ids(states) == ["deepinfra-scout", "deepinfra-maverick"]
    assert not any(state.healthy for state in states)
    assert states[0].sentence == "The account has no credit left."
    assert states[0].unhealthy_since is not None


@pytest.mark.parametrize(
    "code", ["throttled", "busy", "timeout", "connection", "too_long", "bad_request", "no_key"]
)
def test_what_passes_by_itself_marks_nothing(db: None, code: str) -> None:
    assert mark_unhealthy("deepinfra-scout", code, "Later.") is False
    assert not Connection.objects.exists()


def test_a_second_failure_keeps_since_when_it_fails(db: None) -> None:
    mark_unhealthy("deepinfra-scout", "key_rejected", "First.")
    began = timezone.now() - timedelta(hours=1)
    Connection.objects.update(unhealthy_since=began)
    mark_unhealthy("deepinfra-scout", "no_credit", "Second.")
    row = Connection.objects.get()
    assert (row.unhealthy_since, row.probe_sentence) == (began, "Second.")


def test_one_workspaces_empty_account_leaves_the_others_alone(workspace: Workspace, operator: User) -> None:
    services.save_key(operator, "deepinfra-scout", "of-all")
    services.save_key(operator, "deepinfra-scout", "of-acme", workspace=workspace)
    mark_unhealthy("deepinfra-scout", "no_credit", "Empty.", workspace_id=workspace.pk)
    assert state_of("deepinfra-scout", workspace).healthy is False
    assert state_of("deepinfra-scout").healthy is True


def test_a_new_key_starts_with_a_clean_record(workspace: Workspace, operator: User) -> None:
    services.save_key(operator, "deepinfra-scout", "wrong")
    mark_unhealthy("deepinfra-scout", "key_rejected", "Wrong.")
    services.save_key(operator, "deepinfra-scout", CANARY)
    assert state_of("deepinfra-scout").healthy is True


def test_an_endpoint_can_be_switched_off_and_on(workspace: Workspace, operator: User) -> None:
    services.save_key(operator, "deepinfra-scout", CANARY)
    services.set_enabled(operator, "deepinfra-scout", False)
    assert ids(usable_endpoints_for(workspace)) == ["deepinfra-maverick"]
    services.set_enabled(operator, "deepinfra-scout", True)
    assert ids(usable_endpoints_for(workspace)) == ["deepinfra-scout", "deepinfra-maverick"]


def test_a_workspace_cannot_switch_on_what_the_operator_switched_off(
    workspace: Workspace, operator: User
) -> None:
    services.save_key(operator, "deepinfra-scout", CANARY)
    services.set_enabled(operator, "deepinfra-scout", False)
    services.set_enabled(operator, "deepinfra-scout", True, workspace=workspace)
    assert "deepinfra-scout" not in ids(usable_endpoints_for(workspace))


def test_a_retired_host_is_used_only_once_somebody_enables_it(
    workspace: Workspace, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", CANARY)
    assert ids(usable_endpoints_for(workspace)) == ["quote-finder"]
    mark_unhealthy("groq-scout", "model_gone", "Gone.")
    assert ids(usable_endpoints_for(workspace)) == ["quote-finder"]
    services.set_enabled(operator, "groq-scout", True)
    assert ids(usable_endpoints_for(workspace)) == ["groq-scout"]


def test_an_end_still_to_come_does_not_retire_yet() -> None:
    endpoint = load_catalogue()["deepinfra-scout"]
    assert services.is_retired(replace(endpoint, retired_on=date.today()))
    assert not services.is_retired(replace(endpoint, retired_on=date.today() + timedelta(days=1)))


def test_a_guard_alone_does_not_retire_the_quote_finder(workspace: Workspace, operator: User) -> None:
    services.save_key(operator, "deepinfra-guard-4", CANARY)
    for endpoint_id in ("deepinfra-scout", "deepinfra-maverick"):
        services.set_enabled(operator, endpoint_id, False)
    assert state_of("deepinfra-guard-4").is_connected
    assert ids(usable_endpoints_for(workspace)) == ["quote-finder"]


def test_a_server_of_ones_own_is_used_only_when_its_address_is_named(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert state_of("ollama-scout").is_connected is False
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://127.0.0.1:11434/v1")
    assert ids(usable_endpoints_for(workspace)) == ["ollama-scout", "ollama-maverick"]


def test_a_key_is_never_sent_to_another_address_than_it_was_given_for(
    workspace: Workspace, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_BASE_URL", "https://gpu.example.org/v1")
    services.save_key(operator, "vllm-scout", CANARY)
    assert api_key_for("vllm-scout", workspace.pk) == CANARY
    monkeypatch.setenv("VLLM_BASE_URL", "https://elsewhere.example.org/v1")
    assert api_key_for("vllm-scout", workspace.pk) is None


def test_a_key_cannot_be_moved_to_another_endpoint_in_the_database(db: None) -> None:
    catalogue = load_catalogue()
    token = encrypt_key(CANARY, catalogue["deepinfra-scout"])
    assert decrypt_key(token, catalogue["deepinfra-scout"]) == CANARY
    assert decrypt_key(token, catalogue["novita-scout"]) is None


def test_field_keys_rotate_and_a_lost_one_closes_the_key(
    workspace: Workspace, operator: User, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    services.save_key(operator, "deepinfra-scout", CANARY)
    newer = Fernet.generate_key().decode()
    settings.FIELD_KEYS = [newer, *settings.FIELD_KEYS]
    assert api_key_for("deepinfra-scout", None) == CANARY
    settings.FIELD_KEYS = [newer]
    assert api_key_for("deepinfra-scout", None) is None
    assert state_of("deepinfra-scout").is_key_stale is True
    assert CANARY not in caplog.text


@pytest.mark.parametrize("key", ["", "   ", "two words", "schlüssel", "a\x00b", "a\nb", "k" * 5000])
def test_what_cannot_be_a_key_is_refused(db: None, operator: User, key: str) -> None:
    with pytest.raises(Refused) as refused:
        services.save_key(operator, "deepinfra-scout", key)
    assert (refused.value.code, refused.value.status) == ("bad_key", 422)
    assert not Connection.objects.exists()


def test_a_key_is_nowhere_in_rows_logs_or_reprs(
    workspace: Workspace, operator: User, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        services.save_key(operator, "deepinfra-scout", CANARY)
        states = endpoint_states(workspace)
        services.remove_key(operator, "deepinfra-scout")
        services.save_key(operator, "deepinfra-scout", CANARY)
    assert CANARY not in caplog.text
    assert CANARY not in repr(states)
    assert CANARY not in repr([vars(row) for row in Connection.objects.all()])
    assert CANARY not in repr([vars(entry) for entry in AuditEntry.objects.all()])


def test_every_change_of_a_connection_is_on_record(db: None, operator: User) -> None:
    services.save_key(operator, "deepinfra-scout", CANARY)
    services.set_enabled(operator, "deepinfra-scout", False)
    services.remove_key(operator, "deepinfra-scout")
    services.remove_key(operator, "deepinfra-scout")
    entries = AuditEntry.objects.order_by("pk")
    assert [(entry.action, entry.actor_id, entry.details) for entry in entries] == [
        ("connection.save_key", operator.pk, {"endpoint": "deepinfra-scout"}),
        ("connection.disable", operator.pk, {"endpoint": "deepinfra-scout"}),
        ("connection.remove_key", operator.pk, {"endpoint": "deepinfra-scout"}),
    ]


def test_listing_endpoints_is_one_query(
    workspace: Workspace, operator: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for endpoint_id in ("deepinfra-scout", "novita-scout", "openrouter-scout"):
        services.save_key(operator, endpoint_id, CANARY)
    with django_assert_num_queries(1):
        usable_endpoints_for(workspace)
