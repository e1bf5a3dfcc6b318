"""Where the windows of the two Llama 4 models end, to mark them on the meter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apps.connections.services import usable_endpoints_for
from apps.library.corpora import CorpusRow, Meter, corpus_meter
from apps.llm.catalogue import Endpoint, load_catalogue
from apps.llm.names import family_name
from apps.workspaces.models import Workspace

MARKED_FAMILIES = ("maverick", "scout")

# The bar is drawn in units of its own and stretched to its place.
BAR_UNITS = 1000


@dataclass(frozen=True)
class WindowMark:
    """The largest window of a family. at: 0–BAR_UNITS along the bar. is_connected: it can be asked now."""

    family: str
    name: str
    tokens: int
    at: int
    is_connected: bool


@dataclass(frozen=True)
class MeterBar:
    """The meter of a corpus with its marks. scale_tokens: what the whole bar stands for."""

    meter: Meter
    scale_tokens: int
    selected: int
    marks: tuple[WindowMark, ...]

    @property
    def exceeded(self) -> tuple[WindowMark, ...]:
        """The marks that the selection has passed."""
        return tuple(mark for mark in self.marks if self.meter.selected_tokens > mark.tokens)


def meter_bar(workspace: Workspace, rows: Sequence[CorpusRow]) -> MeterBar:
    """The bar for what a person has ticked. One query."""
    meter = corpus_meter(rows)
    windows = family_windows(workspace)
    scale = max([meter.all_tokens, *(tokens for tokens, _ in windows.values()), 1])
    marks = tuple(
        WindowMark(family, family_name(family), tokens, round(BAR_UNITS * tokens / scale), is_connected)
        for family, (tokens, is_connected) in sorted(windows.items(), key=lambda item: item[1][0])
    )
    selected = round(BAR_UNITS * meter.selected_tokens / scale)
    return MeterBar(meter, scale, max(selected, 4) if meter.selected_tokens else 0, marks)


def family_windows(workspace: Workspace) -> dict[str, tuple[int, bool]]:
    """Family → (largest window in tokens, whether this workspace can call an endpoint with it). One query.

    Where none can be called, the largest window of those still in service: what connecting one would give.
    """
    connected = _largest(state.endpoint for state in usable_endpoints_for(workspace))
    listed = _largest(endpoint for endpoint in load_catalogue().values() if endpoint.retired_on is None)
    return {
        family: (connected[family], True) if family in connected else (tokens, False)
        for family, tokens in listed.items()
    }


def _largest(endpoints: Iterable[Endpoint]) -> dict[str, int]:
    largest: dict[str, int] = {}
    for endpoint in endpoints:
        if endpoint.family in MARKED_FAMILIES:
            largest[endpoint.family] = max(largest.get(endpoint.family, 0), endpoint.context_tokens)
    return largest
