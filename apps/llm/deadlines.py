"""How long a call may take, phase by phase; each figure can be set from the environment, in seconds."""

import os
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. A gap is measured between data events: a host's comments do not keep a silent stream alive."""

    connect: float
    first_token: float
    first_token_per_100k: float  # reading a long prompt takes a host from seconds to minutes
    gap: float
    call: float

    def first_token_for(self, input_tokens: int) -> float:
        return self.first_token + self.first_token_per_100k * input_tokens / 100_000


@cache
def deadlines() -> Deadlines:
    """The deadlines of this process. Raises ValueError with the variable's name on nonsense."""
    return Deadlines(
        connect=_seconds("DOCANALYST_LLM_CONNECT_SECONDS", 5),
        first_token=_seconds("DOCANALYST_LLM_FIRST_TOKEN_SECONDS", 60),
        first_token_per_100k=_seconds("DOCANALYST_LLM_FIRST_TOKEN_SECONDS_PER_100K", 30),
        gap=_seconds("DOCANALYST_LLM_GAP_SECONDS", 60),
        call=_seconds("DOCANALYST_LLM_CALL_SECONDS", 1800),
    )


def _seconds(name: str, default: float) -> float:
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        raise ValueError(f"{name} is {value!r}; write seconds, more than 0 and at most 86400.")
    return seconds
