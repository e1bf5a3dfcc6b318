import asyncio
import logging
from decimal import Decimal
from typing import Any

import pytest

from apps.llm.tokens import count_tokens, prompt_tokens
from apps.llm.types import Finished, RequestSent, TextDelta, Usage, Waiting
from tests.llm.conftest import KEY, MakeRequest, collect, text_of
from tests.provider_server import ProviderServer


async def test_an_answer_arrives_as_text_then_usage_then_finish(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    request = make_request()
    events, error = await collect(request)
    assert error is None
    assert events[0] == RequestSent(1, "test-scout")
    assert all(isinstance(event, TextDelta) for event in events[1:-2])
    text = text_of(events)
    assert (
        '<evidence>\n[[1:2]] "Either party may terminate early with 120 days’ written notice."\n</evidence>'
        in text
    )
    usage, finished = events[-2:]
    assert finished == Finished("stop")
    sent = [count_tokens(message["content"]) for message in provider_server.messages()]
    assert isinstance(usage, Usage)
    assert (usage.input_tokens, usage.estimated) == (prompt_tokens(sent), False)


async def test_the_body_is_the_request_and_carries_its_length(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    odd = 'a "quoted" \\ line\n\u2028 日本 🦙 \x01\n\n'
    endpoint = {"extra_body": {"provider": {"data_collection": "deny"}}}
    await collect(make_request("# Question\n", odd, endpoint=endpoint))
    messages = provider_server.messages()
    assert [message["role"] for message in messages] == ["system", "user"]
    assert messages[1]["content"] == "# Question\n" + odd
    (seen,) = provider_server.requests()
    assert seen["headers"]["content-length"] == str(seen["bytes"])
    assert "transfer-encoding" not in seen["headers"]
    assert b'"data_collection": "deny"' in provider_server.body()


async def test_a_body_above_the_memory_limit_arrives_whole_on_every_attempt(
    provider_server: ProviderServer, make_request: MakeRequest, short_waits: None
) -> None:
    provider_server.script({"status": 503, "sink": True}, {"sink": True})
    parts = ["🦙 page of text\n" * 10_000 + "\n"] * 20
    events, error = await collect(make_request(*parts))
    assert error is None
    assert sum(isinstance(event, RequestSent) for event in events) == 2
    assert provider_server.messages()[1]["content"] == "".join(parts)
    first, second = provider_server.requests()
    assert first["sha256"] == second["sha256"]
    assert first["bytes"] > 2 << 20


async def test_a_key_goes_into_the_header_and_nowhere_else(
    provider_server: ProviderServer, make_request: MakeRequest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    provider_server.settings(flavour="key_rejected")
    request = make_request()
    _, error = await collect(request)
    assert provider_server.requests()[0]["headers"]["authorization"] == f"Bearer {KEY}"
    assert error is not None
    assert error.code == "key_rejected"
    assert KEY not in f"{error!r} {error} {vars(error)} {request!r} {caplog.text}"
    assert "sk-…" not in f"{error!r}{error.sentence}"


async def test_without_a_key_no_authorization_is_sent(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    _, error = await collect(make_request(), api_key=None)
    assert error is None
    assert "authorization" not in provider_server.requests()[0]["headers"]


async def test_a_missing_key_is_told_before_anything_is_sent(
    provider_server: ProviderServer, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    events, error = await collect(make_request(endpoint={"api_key_env": "SOME_KEY"}), api_key=None)
    assert (events, error and error.code, error and error.reached_host) == ([], "no_key", False)
    assert provider_server.requests() == []
    monkeypatch.setenv("SOME_KEY", KEY)
    _, error = await collect(make_request(endpoint={"api_key_env": "SOME_KEY"}), api_key=None)
    assert error is None


@pytest.mark.parametrize("key", ["sk-1\nX-Evil: 1", "sk-é"])
async def test_a_key_that_no_header_can_carry_is_refused(
    provider_server: ProviderServer, make_request: MakeRequest, key: str
) -> None:
    _, error = await collect(make_request(), key)
    assert error is not None
    assert (error.code, error.reached_host) == ("key_rejected", False)
    assert key not in str(vars(error))
    assert provider_server.requests() == []


async def test_variables_meant_for_another_host_are_not_sent_along(
    provider_server: ProviderServer, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, f"leak-{name}")
    await collect(make_request())
    assert "leak-" not in str(provider_server.requests()[0]["headers"])


REFUSALS = [
    ("openai_too_long", "too_long"),
    ("vllm_too_long", "too_long"),
    ("old_vllm_too_long", "too_long"),
    ("together_too_long", "too_long"),
    ("llama_cpp_too_long", "too_long"),
    ("groq_over_tier", "over_rate_tier"),
    ("proxy_body_too_large", "body_too_large"),
    ("key_rejected", "key_rejected"),
    ("forbidden", "forbidden"),
    ("openrouter_moderation", "content_filtered"),
    ("openrouter_no_credit", "no_credit"),
    ("fireworks_suspended", "no_credit"),
    ("groq_model_gone", "model_gone"),
    ("nvidia_model_gone", "model_gone"),
    ("bad_argument", "bad_request"),
    ("redirect", "redirected"),
]


@pytest.mark.parametrize(("flavour", "code"), REFUSALS)
async def test_a_refusal_ends_the_call_at_once(
    provider_server: ProviderServer, make_request: MakeRequest, flavour: str, code: str
) -> None:
    provider_server.settings(flavour=flavour)
    events, error = await collect(make_request())
    assert events == [RequestSent(1, "test-scout")]
    assert error is not None
    assert (error.code, error.retryable, error.reached_host) == (code, False, True)
    assert error.sentence.endswith(".")
    assert error.next_step.endswith(".")


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ({"flavour": "groq_throttled", "headers": {}}, "throttled"),
        ({"flavour": "groq_flex_busy"}, "busy"),
        ({"flavour": "ollama_busy"}, "busy"),
        ({"flavour": "gateway_html"}, "busy"),
        ({"flavour": "openrouter_timeout"}, "timeout"),
        ({"error_after": 0}, "busy"),
        ({"error_after": 0, "error": {"message": "engine died"}}, "stream_error"),
        ({"cut_after": 0}, "stream_cut"),
        ({"drop_after": 0}, "stream_cut"),
        ({"broken_after": 0}, "stream_error"),
        ({"finish_reason": None, "text": ""}, "stream_cut"),
    ],
)
async def test_what_may_pass_is_tried_again_with_waits_that_are_told(
    provider_server: ProviderServer,
    make_request: MakeRequest,
    short_waits: None,
    behaviour: dict[str, Any],
    code: str,
) -> None:
    provider_server.script(behaviour, behaviour)
    events, error = await collect(make_request())
    assert error is None
    assert [event.attempt for event in events if isinstance(event, RequestSent)] == [1, 2, 3]
    waits = [event for event in events if isinstance(event, Waiting)]
    assert [wait.error.code for wait in waits] == [code, code]
    assert all(wait.error.reached_host and wait.reason for wait in waits)
    assert "120 days" in text_of(events)


async def test_after_five_attempts_the_last_error_is_raised(
    provider_server: ProviderServer, make_request: MakeRequest, short_waits: None
) -> None:
    provider_server.settings(status=503)
    events, error = await collect(make_request())
    assert error is not None
    assert error.code == "busy"
    assert len(provider_server.requests()) == 5
    assert sum(isinstance(event, Waiting) for event in events) == 4


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ({"error_after": 2}, "busy"),
        ({"cut_after": 2}, "stream_cut"),
        ({"drop_after": 2}, "stream_cut"),
        ({"finish_reason": None}, "stream_cut"),
        ({"finish_reason": "error"}, "stream_error"),
    ],
)
async def test_after_the_first_text_nothing_is_tried_again(
    provider_server: ProviderServer, make_request: MakeRequest, behaviour: dict[str, Any], code: str
) -> None:
    provider_server.settings(pieces=["One ", "two ", "three"], **behaviour)
    events, error = await collect(make_request())
    assert text_of(events).startswith("One two ")
    assert error is not None
    assert error.code == code
    assert len(provider_server.requests()) == 1


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ({"text": ""}, "empty_answer"),
        ({"text": " \n"}, "empty_answer"),
        ({"text": "", "finish_reason": "content_filter"}, "content_filtered"),
        ({"html": True}, "not_an_api"),
        ({"text": "word " * 20_000}, "too_much_output"),
    ],
)
async def test_what_is_no_answer_is_said_and_not_repeated(
    provider_server: ProviderServer, make_request: MakeRequest, behaviour: dict[str, Any], code: str
) -> None:
    provider_server.settings(**behaviour)
    _, error = await collect(make_request())
    assert error is not None
    assert error.code == code
    assert len(provider_server.requests()) == 1


@pytest.mark.parametrize(
    "line",
    [
        '["a list"]',
        "7",
        "null",
        '{"choices": "text"}',
        '{"choices": [7]}',
        '{"choices": [{"delta": "text"}]}',
        '{"choices": {"a": 1}}',
        '{"error": "engine died"}',
    ],
)
async def test_a_chunk_of_another_shape_is_an_error_of_the_stream(
    provider_server: ProviderServer, make_request: MakeRequest, line: str
) -> None:
    provider_server.settings(pieces=["One ", "two "], broken_after=1, broken_line=line)
    events, error = await collect(make_request())
    assert text_of(events) == "One "
    assert error is not None
    assert error.code == "stream_error"


@pytest.mark.parametrize(
    "usage", [{"prompt_tokens": "many"}, {"prompt_tokens": -1}, {"completion_tokens": None}]
)
async def test_usage_that_is_no_count_is_estimated(
    provider_server: ProviderServer, make_request: MakeRequest, usage: Any
) -> None:
    provider_server.settings(text="Fine.", usage=usage)
    events, error = await collect(make_request(input_tokens=9))
    assert error is None
    assert Usage(9, 0, count_tokens("Fine."), estimated=True) in events


async def test_a_refusal_before_the_body_was_read_is_understood(make_request: MakeRequest) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        while await reader.read(1 << 20):  # as proxies do, so that the answer is not lost
            pass
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        endpoint = {"base_url": f"http://127.0.0.1:{port}/v1"}
        _, error = await collect(make_request(*["x" * 1_000_000] * 20, endpoint=endpoint))
    assert error is not None
    assert error.code == "body_too_large"


@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_a_cut_or_filtered_answer_keeps_its_text(
    provider_server: ProviderServer, make_request: MakeRequest, reason: str
) -> None:
    provider_server.settings(text="Half an answer", finish_reason=reason)
    events, error = await collect(make_request())
    assert error is None
    assert text_of(events) == "Half an answer"
    assert events[-1] == Finished(reason)  # type: ignore[arg-type]


async def test_missing_usage_is_estimated_and_marked(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    provider_server.settings(text="Half an answer", usage=False)
    events, _ = await collect(make_request(input_tokens=1234))
    assert Usage(1234, 0, count_tokens("Half an answer"), estimated=True) in events


async def test_cached_tokens_and_the_host_s_own_cost_are_taken(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    usage = {
        "prompt_tokens": 90,
        "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 64},
        "cost": 0.00012,
    }
    provider_server.settings(usage=usage)
    events, _ = await collect(make_request())
    assert Usage(90, 64, 7, estimated=False, cost_usd=Decimal("0.00012")) in events


async def test_a_host_that_cannot_be_reached_was_not_reached(
    make_request: MakeRequest, short_waits: None
) -> None:
    events, error = await collect(make_request(endpoint={"base_url": "http://127.0.0.1:9/v1"}))
    assert error is not None
    assert (error.code, error.reached_host) == ("connection", False)
    assert all(not event.error.reached_host for event in events if isinstance(event, Waiting))


async def test_a_body_larger_than_the_host_accepts_never_leaves(
    provider_server: ProviderServer, make_request: MakeRequest
) -> None:
    _, error = await collect(make_request(endpoint={"max_body_bytes": 100}))
    assert error is not None
    assert (error.code, error.reached_host) == ("body_too_large", False)
    assert provider_server.requests() == []
