"""One installation with a model endpoint beside it, both real processes: shared by modules, emptied for each."""

from __future__ import annotations

import shutil
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


MAKE_PERSON = f"""
from django.core.management import call_command
{{before}}
call_command("create_user", {EMAIL!r}, "--password-stdin", "--workspace", "Tenancy", "--role", "owner")
call_command("create_token", {EMAIL!r})
"""
EMPTY = 'call_command("flush", verbosity=0, interactive=False)'


@dataclass
class House:
    stack: LiveStack
    provider: ProviderServer
    api: ApiClient

    def begin_anew(self) -> None:
        """Forget everybody and everything, as after a first start; the person of a workspace comes anew.

        What workers still hold in hand finds its rows gone.
        """
        for folder in ("files", "uploads"):
            for path in (self.stack.data_dir / folder).iterdir():
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
        self.api = ApiClient(self.stack.url, make_person(self.stack, EMPTY))


@pytest.fixture(scope="module")
def house(shared_house: House) -> House:
    shared_house.begin_anew()
    return shared_house


def make_person(stack: LiveStack, before: str = "") -> str:
    """Her token. One command, because each takes seconds to start."""
    said = stack.manage("shell", "-v0", "-c", MAKE_PERSON.format(before=before), text_input=PASSWORD)
    return said.strip().splitlines()[-1]


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
            yield House(stack, provider, ApiClient(stack.url, make_person(stack)))


@pytest.fixture(autouse=True)
def _fresh_provider(house: House) -> None:
    house.provider.reset()
