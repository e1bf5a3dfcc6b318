"""What can go wrong between us and a model: the table of faults, and the one table from the wire to it.

A host's own words are never repeated to the reader: they may quote the prompt, the key, or an address. What the
reader gets is our sentence; `status` and `wire_code` are for the log.
"""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from apps.llm.types import Usage

Phase = Literal["connect", "timeout", "transport", "response", "stream"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of error: what happened, and what the reader can do.

    retryable: the same call may work a little later. other_host: it may work at another host at once; what may
    pass may also pass there. reads_prompt: the host may have read the prompt and bill it, though nothing came.
    """

    sentence: str
    next_step: str
    retryable: bool = False
    other_host: bool = False
    reads_prompt: bool = False


# What is left of an answer, by the moment of the fault; whatever came stays on the row and is billed.
KEPT_TEXT = "What had come is kept."
KEPT_NOTHING = "Nothing of an answer had come."


_ASK_AGAIN = "Ask again."
_TRY_LATER = "Try again in a few minutes, or choose another endpoint."
_CHECK_CONNECTION = "An administrator can check the key and the account under Connections."
_READ_LESS = "Select fewer documents, or choose another model."
_CORRECT_ADDRESS = "The operator can correct the address in the catalogue file or its variable."

FAULTS: Mapping[str, Fault] = {
    "too_long": Fault(
        "The prompt is longer than the model's window at this host.", _READ_LESS, other_host=True
    ),
    "over_rate_tier": Fault(
        "The prompt is larger than what the host's account may send in one minute, so it will never pass.",
        "Select fewer documents, choose another endpoint, or raise the account's tier.",
        other_host=True,
    ),
    "body_too_large": Fault(
        "The request is larger than the host accepts.", "Select fewer documents or pictures.", other_host=True
    ),
    "throttled": Fault(
        "The host asks to slow down: too many requests or tokens a minute.",
        _TRY_LATER,
        retryable=True,
        other_host=True,
    ),
    "busy": Fault("The host is busy or has a fault of its own.", _TRY_LATER, retryable=True, other_host=True),
    "key_rejected": Fault("The host does not accept the key.", _CHECK_CONNECTION, other_host=True),
    "forbidden": Fault("The host refuses this request for this account.", _CHECK_CONNECTION, other_host=True),
    "no_credit": Fault(
        "The account at the host has no credit left or is suspended.", _CHECK_CONNECTION, other_host=True
    ),
    "model_gone": Fault(
        "The host does not serve this model, or no longer.", "Choose another endpoint.", other_host=True
    ),
    "bad_request": Fault(
        "The host does not understand the request.",
        "Choose another endpoint, or report this.",
        other_host=True,
    ),
    "redirected": Fault(
        "The address of the endpoint points elsewhere; documents are not sent on to another address.",
        _CORRECT_ADDRESS,
        other_host=True,
    ),
    "not_an_api": Fault(
        "The address answers, but not as a model endpoint does.", _CORRECT_ADDRESS, other_host=True
    ),
    "timeout": Fault(
        "The host did not answer in time.", _TRY_LATER, retryable=True, other_host=True, reads_prompt=True
    ),
    "connection": Fault("The host cannot be reached.", _TRY_LATER, retryable=True, other_host=True),
    "stream_cut": Fault(
        "The connection broke off before the answer was complete.",
        _ASK_AGAIN,
        retryable=True,
        other_host=True,
        reads_prompt=True,
    ),
    "stream_stalled": Fault(
        "The host fell silent in the middle of the answer.",
        _ASK_AGAIN,
        retryable=True,
        other_host=True,
        reads_prompt=True,
    ),
    "stream_error": Fault(
        "The host broke the answer off with an error.",
        _ASK_AGAIN,
        retryable=True,
        other_host=True,
        reads_prompt=True,
    ),
    "call_too_long": Fault(
        "The answer took longer than one call may take.", "Ask a narrower question.", reads_prompt=True
    ),
    "empty_answer": Fault("The model returned an empty answer.", _ASK_AGAIN, reads_prompt=True),
    "content_filtered": Fault(
        "The host's content filter withheld the answer.",
        "Rephrase the question, or choose another endpoint.",
        reads_prompt=True,
    ),
    "too_much_output": Fault(
        "The host sent far more text than was asked for.",
        "Choose another endpoint.",
        other_host=True,
        reads_prompt=True,
    ),
    "no_place": Fault(
        "No place became free at the host: too many questions were waiting for it.",
        _TRY_LATER,
        other_host=True,
    ),
    "no_key": Fault("No key is set for this endpoint.", _CHECK_CONNECTION, other_host=True),
}

# After these every call fails alike until somebody mends the account or the catalogue (401, 402, 403, 404 and 410).
# A missing key is none of them: no host was asked, so nothing is known about it.
UNHEALTHY_CODES = frozenset({"key_rejected", "forbidden", "no_credit", "model_gone"})


class LLMError(Exception):
    """A call that failed, in words for the reader. Carries neither key, nor prompt, nor the host's own words.

    retryable, other_host: as in `Fault`. reached_host: the host saw the request and may bill it.
    status: HTTP status, 0 without one. retry_after_seconds: the wait the host asked for, None if it did not.
    usage: what the host reported of a call that failed all the same.
    """

    def __init__(
        self,
        code: str,
        *,
        reached_host: bool,
        sentence: str = "",
        status: int = 0,
        wire_code: str = "",
        retry_after_seconds: float | None = None,
        usage: "Usage | None" = None,
    ) -> None:
        fault = FAULTS[code]
        self.code = code
        self.sentence = sentence or fault.sentence
        self.next_step = fault.next_step
        self.retryable = fault.retryable
        self.other_host = fault.other_host
        self.reached_host = reached_host
        self.status = status
        self.wire_code = wire_code
        self.retry_after_seconds = retry_after_seconds
        self.usage = usage
        super().__init__(f"{code}: {self.sentence}")

    @property
    def makes_endpoint_unhealthy(self) -> bool:
        """Whether every call will fail like this one until somebody mends the account or the catalogue."""
        return self.code in UNHEALTHY_CODES

    @property
    def reads_prompt(self) -> bool:
        """Whether the host may have read the prompt, and bill it, though no text came.

        A host that answers with an error has not; one that says it ran out of time has (OpenRouter's 408).
        """
        return (
            self.reached_host and FAULTS[self.code].reads_prompt and (self.status < 400 or self.status == 408)
        )

    def tell(self, *, has_text: bool) -> str:
        """What happened, what was kept, what to do: the sentences under an answer that failed."""
        return f"{self.sentence} {KEPT_TEXT if has_text else KEPT_NOTHING} {self.next_step}"


@dataclass(frozen=True, slots=True)
class WireFault:
    """An error as it arrived. phase: what we were waiting for; stream: inside a stream that had status 200."""

    phase: Phase
    status: int = 0
    code: str = ""
    type: str = ""
    param: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class _Rule:
    """A row matches when each thing it names matches; marks are looked for in code and type."""

    gives: str
    phases: tuple[Phase, ...] = ("response", "stream")
    statuses: Container[int] = ()
    marks: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    message: re.Pattern[str] | None = None


_TOO_LONG = re.compile(
    r"context[ _-]?(?:length|window|size)|maximum context|max_new_tokens must be|prompt is too long"
    r"|(?:input|prompt)[^.]{0,80}(?:too long|too many tokens|exceeds? the (?:available )?context)"
    r"|max_model_len|longer than the maximum model length",
    re.IGNORECASE,
)
_NO_CREDIT = re.compile(
    r"insufficient (?:credit|balance|quota|fund)|account (?:is )?suspended", re.IGNORECASE
)
_FLAGGED = re.compile(r"moderation|flagged", re.IGNORECASE)

# The first row that matches decides. Context length stands before everything else with status 400, because vLLM
# and llama.cpp use a plain 400 for it; quota before throttling, because OpenAI's protocol sends both as 429.
_RULES: tuple[_Rule, ...] = (
    _Rule("connection", phases=("connect",)),
    _Rule("timeout", phases=("timeout",)),
    _Rule("stream_cut", phases=("transport",)),
    _Rule(
        "too_long", marks=("context_length_exceeded", "exceed_context_size_error", "context_window_exceeded")
    ),
    _Rule("too_long", statuses=(400, 422), params=("input_tokens", "input_text")),
    _Rule("over_rate_tier", statuses=(413,), marks=("rate_limit_exceeded", "tokens")),
    _Rule("body_too_large", statuses=(413,)),
    _Rule("too_long", statuses=(0, 400, 422, 500), message=_TOO_LONG),
    _Rule("no_credit", marks=("insufficient_quota", "insufficient_credits", "account_suspended")),
    _Rule("no_credit", statuses=(402, 412)),
    _Rule("no_credit", statuses=(403, 429), message=_NO_CREDIT),
    _Rule("content_filtered", marks=("content_filter", "content_policy_violation", "moderation")),
    _Rule("content_filtered", statuses=(403,), message=_FLAGGED),
    _Rule("key_rejected", statuses=(401,)),
    _Rule("key_rejected", marks=("invalid_api_key", "authentication_error")),
    _Rule("forbidden", statuses=(403,)),
    _Rule("model_gone", statuses=(404, 410)),
    _Rule("model_gone", statuses=(400,), marks=("model_not_found", "model_decommissioned")),
    _Rule("timeout", statuses=(408,)),
    _Rule("throttled", statuses=(429,)),
    _Rule("throttled", phases=("stream",), marks=("rate_limit_exceeded", "rate_limit_error")),
    _Rule("busy", statuses=(409, 425, 498, *range(500, 600))),
    _Rule("redirected", phases=("response",), statuses=range(300, 400)),
    _Rule("bad_request", phases=("response",)),
    _Rule("stream_error", phases=("stream",)),
)


def classify(fault: WireFault) -> str:
    """The code of an error as it arrived: a key of `FAULTS`."""
    return next(rule.gives for rule in _RULES if _matches(rule, fault))


def _matches(rule: _Rule, fault: WireFault) -> bool:
    return (
        fault.phase in rule.phases
        and (rule.statuses == () or fault.status in rule.statuses)
        and (not rule.marks or fault.code in rule.marks or fault.type in rule.marks)
        and (not rule.params or fault.param in rule.params)
        and (rule.message is None or rule.message.search(fault.message[:4000]) is not None)
    )
