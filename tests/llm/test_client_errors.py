from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import openai
import pytest

from apps.llm.providers.openai_compatible import error_from_client

REQUEST = httpx2.Request("POST", "http://host/v1/chat/completions")


def status_error(status: int, body: object = None, **headers: str) -> openai.APIStatusError:
    response = httpx2.Response(
        status, request=REQUEST, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    return openai.APIStatusError("boom", response=response, body=body)


def connection_error(cause: Exception | None = None) -> openai.APIConnectionError:
    error = openai.APIConnectionError(request=REQUEST)
    error.__cause__ = cause
    return error


def timeout_error(cause: Exception | None = None) -> openai.APITimeoutError:
    error = openai.APITimeoutError(request=REQUEST)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "in_stream", "code", "reached_host"),
    [
        (connection_error(httpx2.ConnectError("no")), False, "connection", False),
        (timeout_error(httpx2.ConnectTimeout("no")), False, "connection", False),
        (timeout_error(httpx2.PoolTimeout("no")), False, "connection", False),
        (timeout_error(httpx2.ReadTimeout("no")), False, "timeout", True),
        (connection_error(httpx2.ReadError("no")), True, "stream_cut", True),
        (connection_error(httpx2.RemoteProtocolError("no")), True, "stream_cut", True),
        (httpx2.WriteError("no"), False, "stream_cut", True),
        (ValueError("no JSON"), True, "stream_error", True),
        (ValueError("no JSON"), False, "not_an_api", True),
        (openai.APIError("x", REQUEST, body={"code": 429}), True, "throttled", True),
        (openai.APIError("x", REQUEST, body="context length exceeded"), True, "too_long", True),
        (openai.APIError("x", REQUEST, body=None), True, "stream_error", True),
        (status_error(503), False, "busy", True),
        (status_error(400, {"error": {"code": "context_length_exceeded"}}), False, "too_long", True),
        (status_error(400, "<html>maximum context</html>"), False, "too_long", True),
        (status_error(400, ["odd"]), False, "bad_request", True),
    ],
)
def test_what_the_client_raises_becomes_one_of_ours(
    error: Exception, in_stream: bool, code: str, reached_host: bool
) -> None:
    mapped = error_from_client(error, in_stream=in_stream)
    assert (mapped.code, mapped.reached_host) == (code, reached_host)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (status_error(429, retry_after="7"), 7.0),
        (status_error(429, retry_after="1.5"), 1.5),
        (status_error(429, retry_after="-3"), 0.0),
        (status_error(429, retry_after_ms="250", retry_after="9"), 0.25),
        (status_error(429, retry_after="soon"), None),
        (status_error(429, retry_after="nan"), None),
        (status_error(429), None),
        (status_error(429, {"metadata": {"retry_after_seconds": 4}}), 4.0),
        (status_error(429, {"metadata": "odd"}), None),
    ],
)
def test_the_wait_a_host_names_is_read_leniently(error: Exception, seconds: float | None) -> None:
    assert error_from_client(error, in_stream=False).retry_after_seconds == seconds


def test_a_wait_named_as_a_date_is_read() -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    seconds = error_from_client(status_error(429, retry_after=moment), in_stream=False).retry_after_seconds
    assert seconds is not None
    assert 25 < seconds <= 30


def test_a_host_s_own_words_are_not_repeated() -> None:
    error = error_from_client(status_error(400, {"message": "you sent: secret text"}), in_stream=False)
    assert "secret" not in f"{error} {error!r} {vars(error)}"
