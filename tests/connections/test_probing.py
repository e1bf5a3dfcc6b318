from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.connections import services
from apps.connections.models import Connection
from apps.connections.probing import probe, probe_host
from apps.connections.services import endpoint_states, mark_unhealthy
from apps.connections.tasks import probe_unhealthy
from tests.connections.conftest import CANARY, ModelsHost


def vllm() -> Connection:
    return Connection.objects.get(endpoint_id="vllm-scout")


def fail_a_while_ago() -> None:
    mark_unhealthy("vllm-scout", "no_credit", "Empty.")
    Connection.objects.update(probed_at=timezone.now() - timedelta(minutes=2))


def test_a_look_keeps_what_the_host_serves(db: None, operator: User, models_host: ModelsHost) -> None:
    services.save_key(operator, "vllm-scout", CANARY)
    (seen,) = probe_host("vllm-scout")
    assert seen.result.reachable is True
    assert models_host.seen_keys == [f"Bearer {CANARY}"]
    row = vllm()
    assert (row.is_healthy, row.probe_facts["serves_model"], row.probe_facts["ids_count"]) == (True, True, 2)
    assert row.probe_facts["latency_ms"] >= 0
    assert row.probed_at is not None


def test_a_host_that_refuses_the_key_is_unhealthy_and_its_words_are_not_kept(
    db: None, operator: User, models_host: ModelsHost
) -> None:
    services.save_key(operator, "vllm-scout", CANARY)
    models_host.status = 401
    probe(vllm())
    row = vllm()
    assert row.is_healthy is False
    assert row.unhealthy_since is not None
    assert row.probe_sentence == "The host does not accept the key."
    assert CANARY not in repr(vars(row))


def test_a_host_that_does_not_list_the_model_is_unhealthy(db: None, models_host: ModelsHost) -> None:
    models_host.ids = ["another"]
    probe_host("vllm-scout")
    assert (vllm().is_healthy, vllm().probe_facts["serves_model"]) == (False, False)


def test_a_host_that_is_not_there_is_unhealthy(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_BASE_URL", "http://127.0.0.1:9/v1")
    probe_host("vllm-scout")
    assert (vllm().is_healthy, vllm().probe_facts["reachable"]) == (False, False)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_host_stays_what_it_was(db: None, models_host: ModelsHost, status: int) -> None:
    models_host.status = status
    probe_host("vllm-scout")
    assert vllm().is_healthy is None
    mark_unhealthy("vllm-scout", "no_credit", "Empty.")
    probe_host("vllm-scout")
    assert vllm().is_healthy is False


def test_an_address_nobody_named_is_never_looked_at(db: None) -> None:
    assert probe_host("ollama-scout") == []
    assert not Connection.objects.exists()


def test_an_unhealthy_endpoint_is_well_again_once_a_look_succeeds(db: None, models_host: ModelsHost) -> None:
    fail_a_while_ago()
    probe_unhealthy()
    row = vllm()
    assert (row.is_healthy, row.unhealthy_since) == (True, None)
    (state,) = (state for state in endpoint_states() if state.endpoint.id == "vllm-scout")
    assert state.healthy is True


def test_it_is_looked_at_once_a_minute_at_most(db: None, models_host: ModelsHost) -> None:
    models_host.status = 401
    fail_a_while_ago()
    for _ in range(3):
        probe_unhealthy()
    assert len(models_host.seen_keys) == 1
    mark_unhealthy("vllm-scout", "key_rejected", "Still.")
    Connection.objects.update(probed_at=timezone.now() - timedelta(seconds=61))
    probe_unhealthy()
    assert len(models_host.seen_keys) == 2


def test_healthy_endpoints_are_left_alone(db: None, models_host: ModelsHost) -> None:
    probe_host("vllm-scout")
    Connection.objects.update(probed_at=timezone.now() - timedelta(hours=1))
    probe_unhealthy()
    assert len(models_host.seen_keys) == 1
