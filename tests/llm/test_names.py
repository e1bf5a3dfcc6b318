from dataclasses import replace

import pytest

from apps.llm.catalogue import is_quote_finder, load_catalogue
from apps.llm.names import family_name, provider_name


@pytest.mark.parametrize(
    ("family", "name"),
    [("scout", "Scout"), ("guard", "Llama Guard"), ("quotes", "Quote finder"), ("behemoth", "Behemoth")],
)
def test_a_family_has_one_name(family: str, name: str) -> None:
    assert family_name(family) == name


def test_every_shipped_host_has_a_name_of_its_own() -> None:
    for endpoint in load_catalogue().values():
        assert provider_name(endpoint) not in (endpoint.provider, "")
        assert provider_name(endpoint) not in endpoint.base_url


def test_an_unknown_host_is_called_by_its_address() -> None:
    endpoint = load_catalogue()["deepinfra-scout"]
    own = replace(endpoint, provider="custom", base_url="https://gpu.example.org:8000/v1")
    assert provider_name(own) == "gpu.example.org:8000"
    assert provider_name(replace(own, base_url="")) == "custom"


def test_one_endpoint_of_the_catalogue_is_the_quote_finder() -> None:
    assert [each.id for each in load_catalogue().values() if is_quote_finder(each)] == ["quote-finder"]
