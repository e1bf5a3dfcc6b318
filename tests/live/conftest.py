"""One installation with a model endpoint beside it, both real processes, for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.client import ApiClient
from tests.provider_server import ProviderServer
from tests.services import LiveStack, run_live_stack

EMAIL = "alice@example.org"
PASSWORD = "correct horse battery staple"
PRICE = 'input = "0.20"\noutput = "0.80"\n'


@dataclass
class House:
    stack: LiveStack
    provider: ProviderServer
    api: ApiClient


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with run_house(tmp_path_factory.mktemp("house")) as house:
        yield house


@contextmanager
def run_house(folder: Path, *, price: str = PRICE, **variables: str) -> Iterator[House]:
    """An installation in a folder, with a model endpoint, a person of a workspace, and her token.

    price: what a million tokens cost at the endpoint, as lines of prices.toml.
    """
    with ProviderServer() as provider:
        catalogue, prices = folder / "catalogue.toml", folder / "prices.toml"
        catalogue.write_text(
            provider.catalogue_entry("test-scout") + provider.catalogue_entry("test-maverick")
        )
        prices.write_text(
            "".join(
                f'[[prices]]\nendpoint = "{endpoint}"\nfrom = 2026-01-01\n{price}'
                for endpoint in ("test-scout", "test-maverick")
            )
        )
        environment = {
            "DOCANALYST_CATALOGUE": str(catalogue),
            "DOCANALYST_PRICES": str(prices),
            # Short, so that what a killed worker leaves behind is settled while a test waits.
            "DOCANALYST_ANSWER_CLAIM_SECONDS": "8",
            "DOCANALYST_INGEST_CLAIM_SECONDS": "8",
            **variables,
        }
        with run_live_stack(folder / "data", environment=environment) as stack:
            stack.manage(
                "create_user",
                EMAIL,
                "--password-stdin",
                "--workspace",
                "Tenancy",
                "--role",
                "owner",
                text_input=PASSWORD,
            )
            token = stack.manage("create_token", EMAIL).strip().splitlines()[-1]
            yield House(stack, provider, ApiClient(stack.url, token))


@pytest.fixture(autouse=True)
def _fresh_provider(house: House) -> None:
    house.provider.reset()
