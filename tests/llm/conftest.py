from collections.abc import Callable, Iterator

import pytest

from apps.llm import gateway
from apps.llm.catalogue import Endpoint
from apps.llm.deadlines import deadlines
from apps.llm.errors import LLMError
from apps.llm.gateway import stream_chat
from apps.llm.types import ChatMessage, ChatRequest, Event, TextDelta
from tests.provider_server import ProviderServer

KEY = "sk-canary-0123456789"
PAGE_1 = "[[1:1]]\nThis lease is made between the Landlord and the Tenant.\n\n"
PAGE_2 = "[[1:2]]\nEither party may terminate early with 120 days’ written notice.\n\n"
QUESTION = "# Question\nHow much notice to terminate early?\n\n"
REMINDER = "# Reminder\nQuote first, then cite.\n"


@pytest.fixture(scope="session")
def running_provider_server() -> Iterator[ProviderServer]:
    with ProviderServer() as server:
        yield server


@pytest.fixture
def provider_server(running_provider_server: ProviderServer) -> ProviderServer:
    running_provider_server.reset()
    return running_provider_server


MakeRequest = Callable[..., ChatRequest]


@pytest.fixture
def make_request(provider_server: ProviderServer) -> MakeRequest:
    """A request to the provider server: `make_request(max_output_tokens=…, endpoint={…fields})`."""

    def make(
        *parts: str,
        endpoint: dict[str, object] | None = None,
        input_tokens: int = 50,
        max_output_tokens: int = 256,
    ) -> ChatRequest:
        fields: dict[str, object] = {
            "id": "test-scout",
            "provider": "custom",
            "base_url": provider_server.base_url,
            "model_id": "scout",
            "family": "scout",
            "context_tokens": 100_000,
            "max_output_tokens": 8192,
            **(endpoint or {}),
        }
        return ChatRequest(
            endpoint=Endpoint(**fields),  # type: ignore[arg-type]
            messages=(
                ChatMessage("system", ("You answer from the documents.\n\n",)),
                ChatMessage(
                    "user", parts or ("# Document 1: lease.pdf\n", PAGE_1, PAGE_2, QUESTION, REMINDER)
                ),
            ),
            input_tokens=input_tokens,
            max_output_tokens=max_output_tokens,
        )

    return make


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "FIRST_WAIT_SECONDS", 0.01)


@pytest.fixture
def set_deadlines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """`set_deadlines(gap=0.2)`: what an operator sets in the environment."""

    def set_them(**seconds: float) -> None:
        for name, value in seconds.items():
            monkeypatch.setenv(f"DOCANALYST_LLM_{name.upper()}_SECONDS", str(value))
        deadlines.cache_clear()

    yield set_them
    monkeypatch.undo()
    deadlines.cache_clear()


async def collect(request: ChatRequest, api_key: str | None = KEY) -> tuple[list[Event], LLMError | None]:
    events: list[Event] = []
    try:
        async for event in stream_chat(request, api_key):
            events.append(event)
    except LLMError as error:
        return events, error
    return events, None


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))
