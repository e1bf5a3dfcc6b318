"""Every way a host is known to fail: how it behaves, and what becomes of the answer. Rows of tests, run twice:
on a clock of our own through the whole worker, and once each over a real connection.

Times are in units of a second; a test over a real connection makes the unit short.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.provider_flavours import FLAVOURS

PIECES = ["The lease ", "can be ended ", "with notice ", "[[1:2]]", "."]
HOSTS_WORDS = "canary: you sent secret words"
"""Said by the server in every error of a shape, and never to be seen by a reader."""


@dataclass(frozen=True)
class Shape:
    """A host that breaks in the middle of its stream.

    behaviour: of (deltas before it breaks, one second). before, after: codes when no text had come, and when some
    had; None where it cannot happen then. seconds: the longest time of one attempt before text, and from the
    last text on. attempts: before the first text; after it there is one, always.
    """

    name: str
    behaviour: Callable[[int, float], dict[str, Any]]
    before: str | None
    after: str | None
    seconds: tuple[float, float] = (0, 0)
    attempts: int = 5


@dataclass(frozen=True)
class Refusal:
    """A host that answers with something else than a stream. books: 1 where it may have read the prompt."""

    name: str
    behaviour: dict[str, Any]
    code: str
    attempts: int = 1
    reads_prompt: bool = False
    says: str = ""


@dataclass(frozen=True)
class Ending:
    """A stream whose text is whole, however oddly it ends. estimated: the host reported nothing believable."""

    name: str
    behaviour: dict[str, Any]
    estimated: bool = False
    notices: tuple[str, ...] = ()
    seconds: float = 0


def _error(**fields: Any) -> dict[str, Any]:
    return {"message": HOSTS_WORDS, **fields}


SHAPES = [
    Shape("silence", lambda n, s: {"stall_after": n}, "timeout", "stream_stalled", (60, 60)),
    Shape(
        "comments and no data",
        lambda n, s: {"stall_after": n, "comments_every": 5 * s},
        "timeout",
        "stream_stalled",
        (60, 60),
    ),
    Shape(
        "deltas without text",
        lambda n, s: {"stall_after": n, "empties_every": 20 * s},
        "timeout",
        "call_too_long",
        (60, 1800),
    ),
    Shape("no first byte for long", lambda n, s: {"delay_seconds": 600 * s}, "timeout", None, (60, 0)),
    Shape(
        "trickling text",
        lambda n, s: {"pieces": ["word "] * 100, "tokens_per_second": 1 / (50 * s)},
        None,
        "call_too_long",
        (0, 1800),
    ),
    Shape("a clean end too early", lambda n, s: {"cut_after": n}, "stream_cut", "stream_cut"),
    Shape("a torn connection", lambda n, s: {"drop_after": n}, "stream_cut", "stream_cut"),
    Shape(
        "[DONE] without a finish",
        lambda n, s: {"pieces": PIECES[:n], "finish_reason": None},
        "stream_cut",
        "stream_cut",
    ),
    Shape("half JSON", lambda n, s: {"broken_after": n}, "stream_error", "stream_error"),
    Shape(
        "half JSON at the end",
        lambda n, s: _raw(n, b'data: {"choices": [{"de'),
        "stream_cut",
        "stream_cut",
    ),
    Shape(
        "half a character",
        lambda n, s: _raw(n, b'data: {"a": "\xf0\x9f"}\n\n'),
        "stream_error",
        "stream_error",
    ),
    Shape(
        "JSON of another shape",
        lambda n, s: {"broken_after": n, "broken_line": '["a list"]'},
        "stream_error",
        "stream_error",
    ),
    Shape(
        "an error of a host behind it",
        lambda n, s: {"error_after": n, "error": _error(code=502)},
        "busy",
        "busy",
    ),
    Shape(
        "an error without a code",
        lambda n, s: {"error_after": n, "error": _error()},
        "stream_error",
        "stream_error",
    ),
    Shape(
        "a limit in the stream",
        lambda n, s: {"error_after": n, "error": _error(code=429)},
        "throttled",
        "throttled",
    ),
    Shape(
        "no credit in the stream",
        lambda n, s: {"error_after": n, "error": _error(code=402)},
        "no_credit",
        "no_credit",
        attempts=1,
    ),
    Shape(
        "a prompt too long in the stream",
        lambda n, s: {"error_after": n, "error": _error(code="context_length_exceeded")},
        "too_long",
        "too_long",
        attempts=1,
    ),
    Shape(
        "an error as the reason to finish",
        lambda n, s: {"pieces": PIECES[:n], "finish_reason": "error"},
        "stream_error",
        "stream_error",
    ),
    Shape(
        "a line without end",
        lambda n, s: {"giant_line_after": n},
        "too_much_output",
        "too_much_output",
        attempts=1,
    ),
    Shape(
        "comments without end",
        lambda n, s: {"flood_after": n},
        "too_much_output",
        "too_much_output",
        attempts=1,
    ),
    Shape(
        "text without end",
        lambda n, s: {"pieces": ["word " * 400] * 400},
        None,
        "too_much_output",
    ),
]


def _raw(after: int, data: bytes) -> dict[str, Any]:
    return {"raw_after": after, "raw_hex": data.hex(), "cut_after": after}


_RETRIED = {"throttled", "busy", "timeout"}
_FLAVOUR_CODES = {
    "openai_too_long": "too_long",
    "vllm_too_long": "too_long",
    "old_vllm_too_long": "too_long",
    "together_too_long": "too_long",
    "llama_cpp_too_long": "too_long",
    "groq_over_tier": "over_rate_tier",
    "proxy_body_too_large": "body_too_large",
    "groq_throttled": "throttled",
    "openrouter_throttled": "throttled",
    "groq_flex_busy": "busy",
    "ollama_busy": "busy",
    "gateway_html": "busy",
    "key_rejected": "key_rejected",
    "forbidden": "forbidden",
    "openrouter_moderation": "content_filtered",
    "openrouter_no_credit": "no_credit",
    "fireworks_suspended": "no_credit",
    "groq_model_gone": "model_gone",
    "nvidia_model_gone": "model_gone",
    "bad_argument": "bad_request",
    "openrouter_timeout": "timeout",
    "redirect": "redirected",
}

REFUSALS = [
    *(
        Refusal(
            name,
            FLAVOURS[name],
            code,
            attempts=5 if code in _RETRIED else 1,
            reads_prompt=name == "openrouter_timeout",
        )
        for name, code in _FLAVOUR_CODES.items()
    ),
    *(
        Refusal(f"status {status}", {"status": status, "body": {"error": _error()}}, "busy", attempts=5)
        for status in (500, 504, 529)
    ),
    Refusal(
        "insufficient quota as 429",
        {"status": 429, "body": {"error": _error(code="insufficient_quota")}},
        "no_credit",
    ),
    Refusal(
        "a wait of a quarter of an hour",
        {"status": 429, "headers": {"retry-after": "900"}, "body": {"error": _error()}},
        "throttled",
        says="15 minutes",
    ),
    Refusal("a page instead of a stream", {"html": True}, "not_an_api"),
    Refusal("JSON instead of a stream", {"status": 200, "body": {"words": HOSTS_WORDS}}, "not_an_api"),
    Refusal(
        "an error in JSON with status 200",
        {"status": 200, "body": {"error": _error(code=503)}},
        "busy",
        attempts=5,
    ),
    Refusal("a stream of another type", {"content_type": "text/plain"}, "not_an_api"),
    Refusal("a compressed stream that unfolds to 40 MB", {"bomb_mb": 40}, "not_an_api"),
    Refusal("a compressed refusal that unfolds to 40 MB", {"bomb_mb": 40, "status": 400}, "bad_request"),
    Refusal("a refusal of 2 MB", {"status": 502, "body": "<p>" + "x" * (2 << 20)}, "busy", attempts=5),
    Refusal("no text", {"pieces": []}, "empty_answer", reads_prompt=True),
    Refusal("nothing but space", {"pieces": [" ", "\n"]}, "empty_answer", reads_prompt=True),
    Refusal(
        "all text filtered",
        {"pieces": [], "finish_reason": "content_filter"},
        "content_filtered",
        reads_prompt=True,
    ),
]

ENDINGS = [
    Ending("as it should be", {}),
    Ending("a finish without [DONE]", {"done": False}),
    Ending("silence after the finish", {"after_finish": "silence"}, estimated=True, seconds=5),
    Ending("torn after the finish", {"after_finish": "torn"}, estimated=True),
    Ending("no usage", {"usage": False}, estimated=True),
    Ending("a usage of a billion tokens", {"usage": {"prompt_tokens": 10**9}}, estimated=True),
    Ending("a usage below zero", {"usage": {"completion_tokens": -7}}, estimated=True),
    Ending("the longest length", {"finish_reason": "length"}, notices=("cut",)),
    Ending("filtered in its middle", {"finish_reason": "content_filter"}, notices=("filtered",)),
    Ending("an unknown reason to finish", {"finish_reason": "eos"}),
    Ending("ten thousand tiny events", {"pieces": ["a", *["b"] * 9_998, "."]}),
]
