import re
from pathlib import Path

import pytest

from apps.llm import errors
from apps.llm.errors import FAULTS, LLMError, WireFault, classify
from tests.provider_flavours import FLAVOURS

TABLE = [
    # phase, status, code, type, param, message -> code of ours
    (WireFault("connect"), "connection"),
    (WireFault("timeout"), "timeout"),
    (WireFault("transport"), "stream_cut"),
    (WireFault("response", 400, code="context_length_exceeded"), "too_long"),
    (WireFault("response", 400, code="400", type="BadRequestError", param="input_tokens"), "too_long"),
    (WireFault("response", 400, code="400", type="BadRequestError", param="input_text"), "too_long"),
    (WireFault("response", 400, message="This model's maximum context length is 8192 tokens"), "too_long"),
    (WireFault("response", 422, message="inputs tokens + max_new_tokens must be <= 8193"), "too_long"),
    (WireFault("response", 400, type="exceed_context_size_error"), "too_long"),
    (WireFault("response", 500, message="prompt is too long: context size exceeded"), "too_long"),
    (WireFault("response", 400, message="the input exceeds the available context size"), "too_long"),
    (WireFault("response", 413, code="rate_limit_exceeded", type="tokens"), "over_rate_tier"),
    (WireFault("response", 413), "body_too_large"),
    (WireFault("response", 413, message="context length"), "body_too_large"),
    (WireFault("response", 429), "throttled"),
    (WireFault("response", 429, code="rate_limit_exceeded", type="tokens"), "throttled"),
    (WireFault("response", 429, code="insufficient_quota"), "no_credit"),
    (WireFault("response", 402), "no_credit"),
    (WireFault("response", 412), "no_credit"),
    (WireFault("response", 403, message="Insufficient balance"), "no_credit"),
    (WireFault("response", 401), "key_rejected"),
    (WireFault("response", 400, code="invalid_api_key"), "key_rejected"),
    (WireFault("response", 403), "forbidden"),
    (WireFault("response", 403, message="your input was flagged"), "content_filtered"),
    (WireFault("response", 400, code="content_filter"), "content_filtered"),
    (WireFault("response", 404, code="model_not_found"), "model_gone"),
    (WireFault("response", 404, type="NotFoundError"), "model_gone"),
    (WireFault("response", 410), "model_gone"),
    (WireFault("response", 400, code="model_not_found"), "model_gone"),
    (WireFault("response", 408), "timeout"),
    (WireFault("response", 498, code="capacity_exceeded"), "busy"),
    *((WireFault("response", status), "busy") for status in (409, 500, 502, 503, 504, 524, 529)),
    *((WireFault("response", status), "redirected") for status in (301, 302, 307, 308)),
    (WireFault("response", 400, message="temperature must be a number"), "bad_request"),
    (WireFault("response", 422), "bad_request"),
    (WireFault("response", 418), "bad_request"),
    (WireFault("stream"), "stream_error"),
    (WireFault("stream", 400), "stream_error"),
    (WireFault("stream", message="maximum context length is 8192"), "too_long"),
    (WireFault("stream", 429), "throttled"),
    (WireFault("stream", type="rate_limit_error"), "throttled"),
    (WireFault("stream", 502), "busy"),
    (WireFault("stream", 402), "no_credit"),
]
RETRYABLE = {"throttled", "busy", "timeout", "connection", "stream_cut", "stream_stalled", "stream_error"}


@pytest.mark.parametrize(("fault", "code"), TABLE, ids=lambda value: str(value)[:90])
def test_each_error_on_the_wire_has_one_meaning(fault: WireFault, code: str) -> None:
    assert classify(fault) == code


def test_only_what_may_pass_is_retryable() -> None:
    assert {code for code, fault in FAULTS.items() if fault.retryable} == RETRYABLE


@pytest.mark.parametrize("code", FAULTS)
def test_each_error_says_what_happened_and_what_to_do(code: str) -> None:
    error = LLMError(code, reached_host=True)
    assert error.sentence.endswith(".")
    assert error.next_step.endswith(".")


@pytest.mark.parametrize("code", ["redirected", "not_an_api"])
def test_a_wrong_address_is_the_operators_to_correct(code: str) -> None:
    assert "catalogue file" in LLMError(code, reached_host=True).next_step


def test_every_meaning_can_happen() -> None:
    given = {rule.gives for rule in errors._RULES}
    room = Path(errors.__file__).parent
    sources = "".join(path.read_text() for path in room.rglob("*.py") if path.name != "errors.py")
    raised = set(re.findall(r'"([a-z_]+)"', sources))
    assert set(FAULTS) <= given | raised


def test_endpoints_are_unhealthy_only_for_what_stays() -> None:
    unhealthy = {code for code in FAULTS if LLMError(code, reached_host=True).makes_endpoint_unhealthy}
    assert unhealthy == {"key_rejected", "no_credit", "forbidden", "model_gone"}


def test_a_huge_message_is_classified_in_no_time() -> None:
    assert classify(WireFault("response", 400, message="input " * 1_000_000)) == "bad_request"


def test_the_server_knows_a_flavour_for_every_refusal_of_the_table() -> None:
    assert {400, 401, 402, 403, 404, 408, 410, 412, 413, 422, 429, 498, 502, 503} <= {
        flavour["status"] for flavour in FLAVOURS.values()
    }
