"""Many questions in one moment against a budget that holds one of them, and the books held against the host's."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any

from tests.factories import pdf_bytes
from tests.live.client import ApiError
from tests.live.conftest import House
from tests.live.viewers import CLAUSES

AT_ONCE = 20
INPUT, CACHED_INPUT, OUTPUT = Decimal("1.2345"), Decimal("0.3456"), Decimal("987.6543")
PRICE = f'input = "{INPUT}"\ncached_input = "{CACHED_INPUT}"\noutput = "{OUTPUT}"\n'
"""The allowance of an answer costs far more than a short answer: a hundred short ones still leave room for one."""
QUESTION = "How can the lease end?"


@dataclass
class Race:
    """A workspace whose budget holds one question at a time, and as many conversations as ask at once."""

    house: House
    workspace: str
    conversations: list[str]
    chance: random.Random

    def run(self) -> tuple[list[str], list[ApiError]]:
        """Ask everywhere in one moment: the answers that were accepted, and how the others were refused.

        The host answers once all have asked, in some pieces, and says that it had some of the prompt already.
        """
        pieces = [f"word{number} " for number in range(self.chance.randint(3, 30))]
        cached = {"prompt_tokens_details": {"cached_tokens": self.chance.randint(0, 500)}}
        provider = self.house.provider
        provider.script({"pieces": pieces, "usage": cached, "held": True})
        together = threading.Barrier(len(self.conversations))

        def ask(conversation: str) -> str | ApiError:
            together.wait()
            path = f"/conversations/{conversation}/questions"
            try:
                return str(self.house.api.post(path, {"text": QUESTION})["answer_id"])
            except ApiError as refused:
                return refused

        with ThreadPoolExecutor(len(self.conversations)) as pool:
            found = list(pool.map(ask, self.conversations))
        # Not before: an answer that ends makes room for the next question.
        provider.wait_for(lambda request: "usage" not in request and request.get("is_held"), seconds=30)
        provider.release()
        return [one for one in found if isinstance(one, str)], [
            one for one in found if isinstance(one, ApiError)
        ]


def make_race(house: House, seed: int) -> Race:
    api = house.api
    workspace = api.post("/workspaces", {"name": "Small"})["id"]
    corpus = api.post(f"/workspaces/{workspace}/corpora", {"name": "Lease"})["id"]
    [document] = api.wait_until_read([api.upload(corpus, "lease.pdf", pdf_bytes(CLAUSES * 6))["id"]])
    assert document["status"] == "ready"
    highest = Decimal(api.post(f"/corpora/{corpus}/plan", {"text": QUESTION})["cost_usd"]["high"])
    limit = (2 * highest - Decimal("0.01")).quantize(Decimal("0.01"), ROUND_DOWN)
    in_shell(
        house,
        "from apps.usage.models import Budget",
        f"Budget.objects.create(workspace_id='{workspace}', monthly_limit='{limit}')",
    )
    conversations = [api.post(f"/corpora/{corpus}/conversations")["id"] for _ in range(AT_ONCE)]
    return Race(house, workspace, conversations, random.Random(seed))


def run_races(house: House, rounds: int, seed: int) -> None:
    """Let exactly one question through in each round; afterwards every book says what the host served."""
    race = make_race(house, seed)
    answers = []
    for number in range(rounds):
        accepted, refused = race.run()
        assert len(accepted) == 1, f"round {number}: {len(accepted)} were accepted"
        assert {(one.status, "over_budget" in str(one.body)) for one in refused} == {(409, True)}
        answers.append(house.api.wait_for_answer(accepted[0]))
        assert answers[-1]["status"] == "done", answers[-1]

    served = served_cost(house.provider.requests())
    booked = house.api.get(f"/usage?workspace={race.workspace}")["items"]
    assert len(house.provider.requests()) == rounds
    assert sum(Decimal(answer["usage"]["cost_usd"]) for answer in answers) == served
    assert sum(Decimal(row["cost_usd"]) for row in booked) == served
    assert sum(row["entries"] for row in booked) == rounds
    still_held = in_shell(
        house,
        "from apps.usage.models import Reservation",
        f"print(Reservation.objects.filter(workspace_id='{race.workspace}', settled_at=None).count())",
    )
    assert still_held.strip() == "0"
    print(f"\n{rounds} times {AT_ONCE} at once: one accepted each time; served and booked {served} USD")


def served_cost(requests: Iterable[dict[str, Any]]) -> Decimal:
    """What the host's own counts cost, in USD, exactly."""
    total = Decimal(0)
    for request in requests:
        usage = request["usage"]
        cached = min(usage["prompt_tokens_details"]["cached_tokens"], usage["prompt_tokens"])
        total += (usage["prompt_tokens"] - cached) * INPUT + cached * CACHED_INPUT
        total += usage["completion_tokens"] * OUTPUT
    return total / 1_000_000


def in_shell(house: House, *statements: str) -> str:
    return house.stack.manage("shell", "-v", "0", "-c", "; ".join(statements))
