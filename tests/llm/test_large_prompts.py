import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace

import psutil

from apps.llm.gateway import stream_chat
from apps.llm.types import ChatMessage, TextDelta
from tests.llm.conftest import MakeRequest
from tests.provider_server import ProviderServer

PAGES = 9_500
PAGE = (
    'A line of plain text with a "quoted" word and a number, 12345, to make up the length of a page.\n' * 48
)


def iter_pages() -> Iterator[str]:
    for number in range(1, PAGES + 1):
        emoji = "🦙" if number == PAGES // 2 else ""
        yield f"[[1:{number}]]\n{PAGE}{emoji}end\n\n"


async def test_ten_million_tokens_are_handed_over_without_holding_them(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    """The limits are several times what is measured on an idle machine, and a fraction of what a joined string costs."""
    provider_server.settings(sink=True)
    plain = make_request()
    request = replace(plain, messages=(plain.messages[0], ChatMessage("user", iter_pages)))
    async for _ in stream_chat(plain):
        pass
    process = psutil.Process()
    before = highest = process.memory_info().rss
    longest = 0.0

    async def watch() -> None:
        nonlocal highest, longest
        while True:
            started = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - started)
            highest = max(highest, process.memory_info().rss)

    watching = asyncio.create_task(watch())
    started = time.monotonic()
    async for event in stream_chat(request):
        if isinstance(event, TextDelta):
            break
    took = time.monotonic() - started
    watching.cancel()
    assert provider_server.requests()[-1]["bytes"] > 44_000_000
    assert took < 10
    assert highest - before < 64 * 1024 * 1024
    assert longest < 0.5
