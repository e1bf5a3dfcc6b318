"""Endpoints as people meet them: one card a host, with its address, its key and the models it serves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from apps.connections.services import EndpointState, endpoint_states, host_of
from apps.llm.catalogue import is_quote_finder
from apps.llm.names import provider_name

Status = Literal["ready", "unhealthy", "off", "no_key", "stale_key", "no_address", "retired"]

# Said beside the name of a program that people run themselves.
_WHERE = {"vllm": "your own server", "ollama": "on your own machine"}


@dataclass(frozen=True, slots=True)
class Host:
    """One host and its endpoints, in the catalogue's order. id: of its first endpoint."""

    states: tuple[EndpointState, ...]

    @property
    def id(self) -> str:
        return self.states[0].endpoint.id

    @property
    def title(self) -> str:
        endpoint = self.states[0].endpoint
        name, where = provider_name(endpoint), _WHERE.get(endpoint.provider)
        return f"{name}, {where}" if where else name

    @property
    def first(self) -> EndpointState:
        return self.states[0]

    @property
    def probed(self) -> EndpointState | None:
        return next((state for state in self.states if state.probed_at and state.facts), None)

    @property
    def may_be_tested(self) -> bool:
        return self.first.is_opted_in and self.first.api_key_source != "none"

    @property
    def has_saved_key(self) -> bool:
        return self.first.api_key_source == "installation" or self.first.is_key_stale

    @property
    def status(self) -> Status:
        """The state of the whole: ready when one of its models can be asked; judges count only among themselves."""
        if not self.first.is_opted_in:
            return "no_address"
        if all(state.is_retired and not state.is_connected for state in self.states):
            return "retired"
        if any(state.is_key_stale for state in self.states):
            return "stale_key"
        if self.first.api_key_source == "none":
            return "no_key"
        connected = [state for state in self.states if state.is_connected]
        if not connected:
            return "off"
        counted = [state for state in connected if state.endpoint.family != "guard"] or connected
        return "ready" if any(state.healthy for state in counted) else "unhealthy"


def hosts() -> list[Host]:
    """All hosts of the installation, the built-in quote finder left out: those in use first, retired ones last."""
    grouped: dict[tuple[str, str, str], list[EndpointState]] = {}
    for state in endpoint_states():
        if not is_quote_finder(state.endpoint):
            grouped.setdefault(host_of(state.endpoint), []).append(state)
    rank: dict[Status, int] = {"unhealthy": 0, "ready": 0, "stale_key": 0, "off": 1, "retired": 9}
    return sorted(
        (Host(tuple(states)) for states in grouped.values()), key=lambda host: rank.get(host.status, 2)
    )


def has_model(every: Iterable[Host]) -> bool:
    """Whether a language model is connected; else the quote finder answers."""
    return any(
        state.is_connected and state.endpoint.family != "guard" for host in every for state in host.states
    )
