import pytest

from apps.llm.catalogue import load_catalogue
from apps.llm.probing import probe_endpoint
from tests.llm.conftest import MakeRequest
from tests.provider_server import ProviderServer


async def test_a_probe_tells_what_is_served_and_how_fast(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    provider_server.settings(models=["scout", "other"])
    result = await probe_endpoint(make_request().endpoint)
    assert result.reachable
    assert result.model_ids == ("scout", "other")
    assert result.serves_model is True
    assert 0 < result.latency_seconds < 5
    assert (result.code, result.sentence) == ("", "")
    assert provider_server.requests() == []


async def test_a_model_that_is_not_listed_is_said(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    provider_server.settings(models=["other"])
    result = await probe_endpoint(make_request().endpoint)
    assert (result.reachable, result.serves_model, result.code) == (True, False, "model_gone")
    assert "scout" in result.sentence


async def test_a_partner_suffix_is_not_part_of_the_listed_name(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    provider_server.settings(models=["scout"])
    assert (await probe_endpoint(make_request(endpoint={"model_id": "scout:novita"}).endpoint)).serves_model


@pytest.mark.parametrize(
    ("setting", "reachable", "code"),
    [
        ({"api_key": "right"}, True, "key_rejected"),
        ({"status": 503}, True, "busy"),
        ({"status": 404}, True, "model_gone"),
    ],
)
async def test_a_refusal_is_told_in_a_sentence(
    provider_server: ProviderServer,
    make_request: MakeRequest,
    setting: dict[str, object],
    reachable: bool,
    code: str,
) -> None:
    provider_server.settings(**setting)
    result = await probe_endpoint(make_request().endpoint, "wrong")
    assert (result.reachable, result.code) == (reachable, code)
    assert result.sentence.endswith(".")
    assert "wrong" not in repr(result)


async def test_nobody_listening_is_not_reachable(make_request: MakeRequest) -> None:
    result = await probe_endpoint(make_request(endpoint={"base_url": "http://127.0.0.1:9/v1"}).endpoint)
    assert (result.reachable, result.code) == (False, "connection")


async def test_the_built_in_quote_finder_is_always_there() -> None:
    assert (await probe_endpoint(load_catalogue()["quote-finder"])).serves_model
