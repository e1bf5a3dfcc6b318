"""The values of planning: what is asked for, what is offered, and the Plan that comes of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, get_args

from apps.common.amounts import amount_text
from apps.llm.catalogue import Endpoint
from apps.usage.prices import PriceQuote

Reading = Literal["auto", "one_pass", "thorough"]
Preference = Literal["scout", "best"]
READINGS: tuple[Reading, ...] = get_args(Reading)
PassKind = Literal["one_pass", "read", "write"]

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class PageSize:
    """number: 1-based. tokens: `Page.tokens`, the packed page without its ordinal and number."""

    number: int
    tokens: int


@dataclass(frozen=True, slots=True)
class DocumentPages:
    """A selected document with the pages that have text, by number. kind: "pdf", "repository" or "text"."""

    ordinal: int
    document_id: str
    revision_id: str
    name: str
    kind: str
    pages: tuple[PageSize, ...]


@dataclass(frozen=True, slots=True)
class Choices:
    """model: "auto", a family ("scout", "maverick" …) or the id of an endpoint. prefers: the workspace's."""

    model: str = AUTO
    reading: Reading = "auto"
    prefers: Preference = "scout"


@dataclass(frozen=True, slots=True)
class EndpointOffer:
    """An endpoint that this workspace may call now. price: None when unknown, which is not free.

    note: why and since when it is not healthy, as a sentence for the reader.
    """

    endpoint: Endpoint
    healthy: bool = True
    price: PriceQuote | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class PageRange:
    """Consecutive pages of one document, both ends included."""

    ordinal: int
    first: int
    last: int

    def to_json(self) -> dict[str, int]:
        return {"ordinal": self.ordinal, "first": self.first, "last": self.last}


@dataclass(frozen=True, slots=True)
class PlannedPass:
    """One call. tokens: of its whole prompt."""

    kind: PassKind
    tokens: int
    pages: tuple[PageRange, ...]

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "tokens": self.tokens, "pages": [pages.to_json() for pages in self.pages]}


@dataclass(frozen=True, slots=True)
class PlanChoice:
    """Another way to ask the same, which would fit. Costs as in Plan."""

    model: str
    endpoint_id: str
    reading: str
    input_tokens: int
    cost_low: Decimal | None
    cost_high: Decimal | None

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "endpoint": self.endpoint_id,
            "reading": self.reading,
            "input_tokens": self.input_tokens,
            "cost_usd": _cost_to_json(self.cost_low, self.cost_high),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """How a question will be answered, or why it cannot be.

    code: None when it fits, else empty_selection, no_endpoint, unhealthy, over_rate_tier, does_not_fit,
    reading_not_available or over_budget. over_by: tokens too many for the endpoint that would hold most. model: the family.
    fallbacks: ids of the endpoints that are asked in its stead when it cannot answer, in this order.
    reason: one sentence. Costs in USD, None when the endpoint has no price: cost_low for a short answer to a prompt that the host has kept up to the question
    (where it charges less for that), cost_high for an answer of the full allowance with nothing kept; of the cheapest and the dearest endpoint named.
    """

    fits: bool
    reason: str
    code: str | None = None
    over_by: int = 0
    model: str = ""
    endpoint_id: str | None = None
    model_id: str = ""
    fallbacks: tuple[str, ...] = ()
    reading: str = "one_pass"
    passes: tuple[PlannedPass, ...] = ()
    input_tokens: int = 0
    answer_allowance: int = 0
    cost_low: Decimal | None = None
    cost_high: Decimal | None = None
    choices: tuple[PlanChoice, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON as `POST …/plan` gives it and as an answer stores it; money as strings."""
        return {
            "fits": self.fits,
            "over_by": self.over_by,
            "code": self.code,
            "reason": self.reason,
            "model": self.model,
            "endpoint": self.endpoint_id,
            "model_id": self.model_id,
            "fallbacks": list(self.fallbacks),
            "reading": self.reading,
            "passes": [planned.to_json() for planned in self.passes],
            "input_tokens": self.input_tokens,
            "answer_allowance": self.answer_allowance,
            "cost_usd": _cost_to_json(self.cost_low, self.cost_high),
            "choices": [choice.to_json() for choice in self.choices],
        }


def carried_characters(plan: dict[str, Any]) -> int:
    """How much of an answer's `raw` it took over from the cut one that it goes on with. plan: as stored."""
    return int((plan.get("continues") or {}).get("characters", 0))


def ranges(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Growing numbers as (first, last) runs: 1 2 3 7 → (1, 3), (7, 7)."""
    first = last = None
    for number in numbers:
        if last is not None and number == last + 1:
            last = number
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = number
    if first is not None and last is not None:
        yield first, last


def _cost_to_json(low: Decimal | None, high: Decimal | None) -> dict[str, str | None] | None:
    if low is None or high is None:
        return None
    return {"low": amount_text(low), "high": amount_text(high)}
