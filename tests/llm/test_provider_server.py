import io
import json
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from typing import Any

import psutil
import pytest
from PIL import Image

from apps.common.markers import MARKER
from apps.llm.errors import LLMError
from apps.llm.gateway import stream_chat
from apps.llm.tokens import image_tokens
from apps.llm.types import ChatImage, ChatRequest, TextDelta, Usage
from tests.llm.conftest import PAGE_1, PAGE_2, QUESTION, REMINDER, MakeRequest
from tests.llm.llama_reference import ROOT, reference_count
from tests.provider_replies import find_pages, find_question
from tests.provider_server import ProviderServer


async def ask(request: ChatRequest) -> tuple[str, Usage]:
    events = [event async for event in stream_chat(request)]
    (usage,) = [event for event in events if isinstance(event, Usage)]
    return "".join(event.text for event in events if isinstance(event, TextDelta)), usage


async def test_it_reports_the_tokens_that_llama_counts_for_the_body_it_received(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    hard = "[[1:3]]\n/usr/bin – naïve café\r\n\r\n🦙🦙 <|eot|> x = 12345678901\n\n"
    _, usage = await ask(make_request(PAGE_1, hard, QUESTION, REMINDER))
    assert usage.input_tokens == reference_count(provider_server.messages())


async def test_its_reply_quotes_the_prompt_and_cites_its_markers(make_request: MakeRequest) -> None:
    text, _ = await ask(make_request())
    assert '[[1:2]] "Either party may terminate early with 120 days’ written notice."' in text
    assert {match[0] for match in MARKER.finditer(text)} == {"[[1:2]]"}


async def test_its_reply_to_a_follow_up_cites_pages_and_not_earlier_turns(make_request: MakeRequest) -> None:
    history = "# Conversation so far\nThe reader asked:\nMay I terminate early?\n\nYou answered:\n[[1:1]] Yes, terminate early with notice.\n\n"
    text, _ = await ask(make_request(PAGE_1, PAGE_2, history, QUESTION, REMINDER))
    assert {match[0] for match in MARKER.finditer(text)} == {"[[1:2]]"}


async def test_it_spoils_quotes_and_markers_when_told(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    provider_server.script({"alter_quotes": True}, {"invent_quotes": True}, {"unknown_markers": True})
    altered, _ = await ask(make_request())
    assert '"Either party may terminate early with 121 days’ written notice."' in altered
    invented, _ = await ask(make_request())
    assert '[[1:2]] "purple elephants' in invented
    unknown, _ = await ask(make_request())
    assert {match[0] for match in MARKER.finditer(unknown)} == {"[[99999:7]]"}


async def test_it_splits_deltas_where_told(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    provider_server.settings(split=1, text="See [[1:2]].")
    events = [event async for event in stream_chat(make_request()) if isinstance(event, TextDelta)]
    assert [event.text for event in events] == list("See [[1:2]].")


async def test_it_refuses_what_is_longer_than_its_window(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    provider_server.settings(context_tokens=20)
    with pytest.raises(LLMError) as refused:
        await ask(make_request())
    assert refused.value.code == "too_long"


async def test_pictures_come_before_the_text_and_are_counted(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    file = io.BytesIO()
    Image.new("RGB", (595, 842), "white").save(file, "PNG")
    plain = make_request()
    _, without = await ask(plain)
    _, with_picture = await ask(replace(plain, images=(ChatImage("image/png", file.getvalue),)))
    picture, text = provider_server.messages()[1]["content"]
    assert picture["image_url"]["url"].startswith("data:image/png;base64,")
    assert text["text"].startswith("# Document 1")
    assert with_picture.input_tokens == without.input_tokens + image_tokens(595, 842)


def test_pages_and_question_are_found_in_a_joined_prompt() -> None:
    prompt = "".join(
        (
            'Rules: [[3:12]] "a quote"\n\n# Document 1: a.pdf\n',
            PAGE_1,
            "# Document 2: b\n",
            PAGE_2.replace("1:2", "2:1"),
            "# Conversation so far\nYou answered:\n[[2:1]] says so.\n[[1:1]]\n\n",
            QUESTION,
            REMINDER,
        )
    )
    pages = [(page.marker, page.text[:12]) for page in find_pages(prompt)]
    assert pages == [("[[1:1]]", "This lease i"), ("[[2:1]]", "Either party")]
    assert find_question(prompt) == "How much notice to terminate early?"


def test_it_ends_with_its_parent() -> None:
    code = "import os, tests.provider_server as t; print(t.ProviderServer().start().pid, flush=True); os._exit(0)"
    pid = int(subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True).stdout)
    ends = time.monotonic() + 5
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_requests_are_listed_with_what_was_received(provider_server: ProviderServer) -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
    request = urllib.request.Request(f"{provider_server.base_url}/chat/completions", data=body)
    with urllib.request.urlopen(request, timeout=5) as response:
        lines = response.read().decode().split("\n\n")
    assert lines[-2] == "data: [DONE]"
    chunks: list[dict[str, Any]] = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    seen = provider_server.wait_for(lambda one: one["finished"])
    assert seen["bytes"] == len(body)
    assert provider_server.body() == body
    assert seen["disconnected_at"] is None
