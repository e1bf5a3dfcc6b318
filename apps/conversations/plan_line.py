"""A Plan in the words of the line under the question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.connections.services import EndpointState
from apps.conversations.plans import Plan, PlanChoice
from apps.llm.names import family_name, provider_name


@dataclass(frozen=True)
class PricedChoice:
    """Another way to ask, as a button: what it is called and what it costs."""

    model: str
    name: str
    low: Decimal | None
    high: Decimal | None


@dataclass(frozen=True)
class PlanLine:
    """What asking now would take. endpoint_name: host, with the country as far as it is known.

    fallback_names: the hosts that are asked in its stead, likewise.
    """

    plan: Plan
    model_name: str
    endpoint_name: str
    fallback_names: tuple[str, ...]
    choices: tuple[PricedChoice, ...]

    @property
    def passes(self) -> int:
        return len(self.plan.passes)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Ids of every endpoint that this line names; an answer is asked of no other in the first one's stead."""
        return tuple(filter(None, (self.plan.endpoint_id, *self.plan.fallbacks)))

    @property
    def is_free(self) -> bool:
        return self.plan.cost_high == 0

    @property
    def button(self) -> str:
        """What the button says it will do."""
        return f"Ask in {self.passes} passes" if self.passes > 1 else "Ask"


def plan_line(plan: Plan, states: Sequence[EndpointState]) -> PlanLine:
    by_id = {state.endpoint.id: state for state in states}
    chosen = by_id.get(plan.endpoint_id or "")
    return PlanLine(
        plan=plan,
        model_name=family_name(plan.model) if plan.model else "",
        endpoint_name=host_name(chosen) if chosen else (plan.endpoint_id or ""),
        fallback_names=tuple(host_name(by_id[one]) for one in plan.fallbacks if one in by_id),
        choices=tuple(_priced(choice, by_id.get(choice.endpoint_id)) for choice in plan.choices),
    )


def host_name(state: EndpointState) -> str:
    """“DeepInfra, US”; without the country where nobody has stated it, by its address where it has no name."""
    name = provider_name(state.endpoint)
    country = state.country or state.endpoint.country
    return f"{name}, {country}" if country else name


def _priced(choice: PlanChoice, state: EndpointState | None) -> PricedChoice:
    host = f" at {host_name(state)}" if state else ""
    return PricedChoice(
        model=choice.endpoint_id,
        name=f"{family_name(choice.model)}{host}",
        low=choice.cost_low,
        high=choice.cost_high,
    )
