"""A running installation for benchmarks: many answers and streams per member, a provider that reads nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.live.client import ApiClient
from tests.provider_server import ProviderServer
from tests.services import LiveStack, run_live_stack

EMAIL = "alice@example.org"
PASSWORD = "correct horse battery staple"
WORDS = "The notice runs for one hundred and twenty days and ends with a month. "


@dataclass
class BenchHouse:
    stack: LiveStack
    provider: ProviderServer
    api: ApiClient
    token: str


@contextmanager
def run_bench_house(folder: Path, **environment: str) -> Iterator[BenchHouse]:
    """An installation with one member, whose limits are out of the way, and the endpoint `test-scout`."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProviderServer() as provider:
        catalogue = folder / "catalogue.toml"
        # Places for everybody: what is measured is our own time, not the wait for an endpoint's limits.
        catalogue.write_text(provider.catalogue_entry("test-scout", concurrency=1_000))
        variables = {
            "DOCANALYST_CATALOGUE": str(catalogue),
            "DOCANALYST_ANSWERS_PER_MEMBER": "500",
            "DOCANALYST_ASKS_PER_MINUTE": "10000",
            "DOCANALYST_STREAMS_PER_MEMBER": "5000",
            "DOCANALYST_STREAMS_PER_PROCESS": "5000",
            **environment,
        }
        with run_live_stack(folder / "data", environment=variables) as stack:
            arguments = (EMAIL, "--password-stdin", "--workspace", "Bench", "--role", "owner")
            stack.manage("create_user", *arguments, text_input=PASSWORD)
            token = stack.manage("create_token", EMAIL).strip().splitlines()[-1]
            yield BenchHouse(stack, provider, ApiClient(stack.url, token), token)


def prose_pages(count: int, words: int = 450) -> list[str]:
    """Texts for pages made by code, each a little different; a page of 450 words has about 570 tokens."""
    body = WORDS.split()
    return [
        f"Clause {number}.\n" + " ".join(body[(number + index) % len(body)] for index in range(words))
        for number in range(1, count + 1)
    ]
