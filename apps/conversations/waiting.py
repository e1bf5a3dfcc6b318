"""What is said while an answer waits: for its turn at a host, for another attempt, for another host. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from apps.llm.types import InLine, Waiting

_FOR = {
    "place": "a free place at {host}",
    "requests": "the next minute at {host}, which takes so many requests in one",
    "tokens": "the next minute at {host}, which takes so many tokens in one",
}


def turn_sentence(event: InLine, host: str) -> str:
    """“Waiting for a free place at DeepInfra, 2 questions before yours”."""
    questions = "question" if event.ahead == 1 else "questions"
    before = f", {event.ahead} {questions} before yours" if event.ahead else ", yours is next"
    return f"Waiting for {_FOR[event.reason].format(host=host)}{before}"


def attempt_sentence(event: Waiting, host: str, *, is_other: bool) -> str:
    """Why the last attempt ended, and when and where the next one begins."""
    if is_other:
        return f"{event.reason} Asking {host} now, as the plan said."
    return f"{event.reason} Trying again in {event.seconds:.0f} s."


def asked_in_turn(hosts: Sequence[str], sentence: str) -> str:
    """The end of an answer that no host gave; `sentence` is about the last one."""
    if len(hosts) < 2:
        return sentence
    return f"{', '.join(hosts[:-1])} and {hosts[-1]} were asked in turn. At the last: {sentence}"
