"""What goes to a model and what comes back: frozen values, no behaviour."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from apps.llm.catalogue import Endpoint
from apps.llm.errors import LLMError

PromptPart = str
FinishReason = Literal["stop", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a request; its text is its parts joined without a separator.

    parts: strings, or a callable that produces them anew at each call. The callable runs in a thread, and parts
    are never all held at once, so a prompt of millions of tokens may come straight from the database. One
    packed page is one part; every part but a last one ends in a line end, and every part but a first one starts
    with neither white space nor `/`. "assistant": what the model itself wrote before.
    """

    role: Literal["system", "user", "assistant"]
    parts: Callable[[], Iterable[PromptPart]] | tuple[PromptPart, ...] = field(repr=False)

    def iter_parts(self) -> Iterable[PromptPart]:
        return self.parts() if callable(self.parts) else self.parts


@dataclass(frozen=True, slots=True)
class ChatImage:
    """A picture sent before the text of the last message, as a data URL: the one form that works everywhere."""

    media_type: Literal["image/jpeg", "image/png"]
    read: Callable[[], bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One call. input_tokens: counted by us for the whole request, template and pictures included."""

    endpoint: Endpoint
    messages: tuple[ChatMessage, ...]
    input_tokens: int
    max_output_tokens: int
    temperature: float = 0.0
    images: tuple[ChatImage, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call may go: the request as this endpoint takes it, and its key (None reads the environment's).

    account: whose account at the host the key belongs to. A host counts its limits by account.
    """

    request: ChatRequest
    api_key: str | None = field(default=None, repr=False)
    account: str = ""


@dataclass(frozen=True, slots=True)
class InLine:
    """The endpoint's limits are used up; the call waits its turn. ahead: calls that come before it.

    reason: what it waits for: a place among the calls at once, or the requests or tokens of a minute.
    """

    endpoint_id: str
    ahead: int
    reason: Literal["place", "requests", "tokens"] = "place"


@dataclass(frozen=True, slots=True)
class RequestSent:
    """An attempt starts. attempt: 1-based, counted over all endpoints."""

    attempt: int
    endpoint_id: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The attempt before failed; the next one starts after so many seconds, at `endpoint_id`.

    reason: a sentence for the reader. error: what ended the attempt, for the books and the log.
    """

    seconds: float
    reason: str
    error: LLMError
    endpoint_id: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. cached_tokens: the part of input_tokens that the host had kept.

    estimated: the host reported nothing and these are our counts. cost_usd: what the host says it charged, or
    None where it does not say.
    """

    input_tokens: int
    cached_tokens: int
    output_tokens: int
    estimated: bool
    cost_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    reason: FinishReason


Event = InLine | RequestSent | Waiting | TextDelta | Usage | Finished
"""In this order: InLine…, RequestSent, (Waiting, InLine…, RequestSent)…, TextDelta…, one Usage, one Finished."""
