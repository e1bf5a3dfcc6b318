import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from apps.llm.catalogue import CatalogueError, load_catalogue
from apps.llm.providers import PROVIDERS
from tests.provider_server import ProviderServer

ENTRY = {
    "provider": "custom",
    "base_url": "http://127.0.0.1:9/v1/",
    "model_id": "m",
    "family": "scout",
    "context_tokens": 1000,
    "max_output_tokens": 100,
}


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCANALYST_CATALOGUE", raising=False)
    for endpoint in load_catalogue().values():
        for name in (endpoint.api_key_env, endpoint.base_url_env):
            if name:
                monkeypatch.delenv(name, raising=False)


class Operator:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = folder / "catalogue.toml"
        self._monkeypatch = monkeypatch

    def writes(self, text: str) -> None:
        self.path.write_text(text)
        self._monkeypatch.setenv("DOCANALYST_CATALOGUE", str(self.path))

    def writes_entry(self, endpoint_id: str = "own", **fields: Any) -> None:
        entry = {key: value for key, value in {**ENTRY, **fields}.items() if value is not None}
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in entry.items())
        self.writes(f"[endpoints.{endpoint_id}]\n{lines}")


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    return Operator(tmp_path, monkeypatch)


def test_every_shipped_endpoint_is_whole_and_dated() -> None:
    catalogue = load_catalogue()
    for endpoint in catalogue.values():
        assert endpoint.checked_on is not None
        assert endpoint.protocol in PROVIDERS
        assert endpoint.family in {"scout", "maverick", "guard", "quotes"}
    providers = {endpoint.provider for endpoint in catalogue.values()}
    assert {"deepinfra", "openrouter", "novita", "huggingface", "vllm", "ollama"} <= providers
    retired = {endpoint.provider for endpoint in catalogue.values() if endpoint.retired_on}
    assert retired == {"meta", "groq", "together", "fireworks"}


def test_a_retired_endpoint_comes_back_by_the_operator_s_word(operator: Operator) -> None:
    assert load_catalogue()["groq-scout"].retired_on is not None
    operator.writes('[endpoints.groq-scout]\nretired_on = ""\n')
    assert load_catalogue()["groq-scout"].retired_on is None
    operator.path.unlink()
    assert load_catalogue()["groq-scout"].context_tokens == 131_072


def test_an_end_still_to_come_is_read(operator: Operator) -> None:
    operator.writes_entry(retired_on="2999-01-01")
    assert load_catalogue()["own"].retired_on == date(2999, 1, 1)


def test_one_s_own_servers_take_their_address_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://10.0.0.5:11434/v1/")
    catalogue = load_catalogue()
    assert catalogue["ollama-scout"].base_url == "http://10.0.0.5:11434/v1"
    assert catalogue["ollama-maverick"].base_url == "http://10.0.0.5:11434/v1"
    assert catalogue["ollama-scout"].corpus_role == "system"
    monkeypatch.setenv("OLLAMA_BASE_URL", "10.0.0.5")
    with pytest.raises(CatalogueError, match="OLLAMA_BASE_URL"):
        load_catalogue()


def test_the_operator_s_file_is_merged_key_by_key(operator: Operator) -> None:
    operator.writes("[endpoints.deepinfra-scout]\ncontext_tokens = 1000000\n")
    endpoint = load_catalogue()["deepinfra-scout"]
    assert (endpoint.context_tokens, endpoint.provider) == (1_000_000, "deepinfra")


def test_the_provider_server_s_own_entry_is_read(operator: Operator) -> None:
    server = ProviderServer()
    server.address = "http://127.0.0.1:8123"
    operator.writes(server.catalogue_entry(context_tokens=9000, supports_stream_usage=False))
    endpoint = load_catalogue()["test-scout"]
    assert (endpoint.base_url, endpoint.context_tokens) == ("http://127.0.0.1:8123/v1", 9000)


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"context_tokens": 0}, "context_tokens"),
        ({"context_tokens": "many"}, "context_tokens"),
        ({"context_tokens": 1.5}, "context_tokens"),
        ({"max_images": True}, "max_images"),
        ({"max_images": -1}, "max_images"),
        ({"max_output_tokens": 1000}, "max_output_tokens"),
        ({"model_id": None}, "model_id"),
        ({"model_id": ""}, "model_id"),
        ({"supports_tools": "yes"}, "supports_tools"),
        ({"protocol": "telnet"}, "protocol"),
        ({"corpus_role": "assistant"}, "corpus_role"),
        ({"base_url": "ftp://host"}, "base_url"),
        ({"base_url": "https://user:pw@host/v1"}, "base_url"),
        ({"base_url": "https://host/v1?key=secret"}, "base_url"),
        ({"base_url": ""}, "base_url"),
        ({"retired_on": "soon"}, "retired_on"),
        ({"retired_on": 7}, "retired_on"),
        ({"temperature": 1}, "temperature"),
        ({"extra_body": "x"}, "extra_body"),
    ],
)
def test_nonsense_is_refused_with_file_and_key(operator: Operator, fields: dict[str, Any], key: str) -> None:
    operator.writes_entry(**fields)
    with pytest.raises(CatalogueError) as refused:
        load_catalogue()
    assert str(operator.path) in str(refused.value)
    assert f"endpoints.own.{key}" in str(refused.value)
    assert "pw@" not in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["no toml [", "[endpoint.x]\n", "endpoints = 3\n", "[endpoints]\nx = 1\n", "[endpoints.Own]\n"]
)
def test_a_file_that_is_no_catalogue_is_refused_by_name(operator: Operator, text: str) -> None:
    operator.writes(text)
    with pytest.raises(CatalogueError) as refused:
        load_catalogue()
    assert str(operator.path) in str(refused.value)


def test_a_missing_file_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCANALYST_CATALOGUE", "/nowhere/catalogue.toml")
    with pytest.raises(CatalogueError, match=r"/nowhere/catalogue\.toml"):
        load_catalogue()


def test_what_the_program_sets_itself_is_not_taken_from_a_file(operator: Operator) -> None:
    operator.writes_entry()
    with operator.path.open("a") as file:
        file.write('[endpoints.own.extra_body]\nmodel = "other"\n')
    with pytest.raises(CatalogueError, match=r"own\.extra_body\.model"):
        load_catalogue()
