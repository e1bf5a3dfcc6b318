"""Sizes and choices to a plan."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial

import pytest

from apps.conversations import planning
from apps.conversations.planning import answer_allowance, page_ranges, prompt_room
from apps.conversations.plans import Choices, DocumentPages, EndpointOffer, PageRange, PageSize, Plan
from apps.llm.catalogue import Endpoint
from apps.usage.prices import PriceQuote

plan_answer = partial(planning.plan_answer, maverick_up_to_tokens=128_000)

PRICE = PriceQuote(Decimal("0.10"), None, Decimal("0.30"), date(2026, 1, 1))


def endpoint(id: str, family: str, context: int, **changes: object) -> Endpoint:
    values: dict[str, object] = {
        "id": id,
        "provider": "custom",
        "base_url": "https://models.example/v1",
        "model_id": f"{family}-instruct",
        "family": family,
        "context_tokens": context,
        "max_output_tokens": 16_384,
        **changes,
    }
    return Endpoint(**values)  # type: ignore[arg-type]


SCOUT = endpoint("scout-a", "scout", 327_680)
SCOUT_LONG = endpoint("scout-long", "scout", 2_000_000, speed=4)
MAVERICK = endpoint("maverick-a", "maverick", 1_048_576)
MAVERICK_SHORT = endpoint("maverick-short", "maverick", 131_072)
OTHER = endpoint("other", "small", 8_192, max_output_tokens=2_048)
QUOTES = endpoint("quote-finder", "quotes", 20_000_000, protocol="quote_finder", base_url="")
GUARD = endpoint("guard", "guard", 163_840)


def corpus(tokens: int, pages: int = 10) -> list[DocumentPages]:
    """A document whose pages make a prompt of about so many tokens."""
    sizes = tuple(PageSize(number, tokens // pages) for number in range(1, pages + 1))
    return [DocumentPages(1, "d", "r", "lease.pdf", "pdf", sizes)]


def plan(
    tokens: int,
    endpoints: list[Endpoint],
    model: str = "auto",
    reading: str = "auto",
    prefers: str = "scout",
    price: PriceQuote | None = PRICE,
) -> Plan:
    choices = Choices(model, reading, prefers)  # type: ignore[arg-type]
    offers = [EndpointOffer(each, True, price) for each in endpoints]
    return plan_answer(corpus(tokens), choices, offers, question_tokens=100)


BOTH = [SCOUT, MAVERICK]


@pytest.mark.parametrize(
    ("tokens", "endpoints", "model", "prefers", "chosen"),
    [
        pytest.param(10_000, BOTH, "auto", "scout", "maverick-a", id="small: Maverick"),
        pytest.param(120_000, BOTH, "auto", "scout", "maverick-a", id="just below the limit: Maverick"),
        pytest.param(129_000, BOTH, "auto", "scout", "scout-a", id="above it: what is preferred, Scout"),
        pytest.param(129_000, BOTH, "auto", "best", "maverick-a", id="above it: what is preferred, best"),
        pytest.param(500_000, BOTH, "auto", "scout", "maverick-a", id="only Maverick holds it"),
        pytest.param(
            1_500_000, [SCOUT_LONG, MAVERICK], "auto", "best", "scout-long", id="only Scout holds it"
        ),
        pytest.param(10_000, [SCOUT], "auto", "best", "scout-a", id="no Maverick at all"),
        pytest.param(125_000, [SCOUT, MAVERICK_SHORT], "auto", "scout", "scout-a", id="Maverick too short"),
        pytest.param(4_000, [OTHER], "auto", "scout", "other", id="another model alone"),
        pytest.param(4_000, [OTHER, SCOUT], "auto", "scout", "scout-a", id="another model beside Scout"),
        pytest.param(10_000, [QUOTES], "auto", "scout", "quote-finder", id="the quote finder alone"),
        pytest.param(9_000_000, [QUOTES], "auto", "scout", "quote-finder", id="the quote finder holds all"),
        pytest.param(
            10_000, [QUOTES, SCOUT], "auto", "scout", "scout-a", id="no quote finder beside a model"
        ),
        pytest.param(10_000, [GUARD, SCOUT], "auto", "scout", "scout-a", id="a guard never answers"),
        pytest.param(10_000, BOTH, "scout", "best", "scout-a", id="chosen family"),
        pytest.param(200_000, BOTH, "maverick", "scout", "maverick-a", id="chosen family above the limit"),
        pytest.param(10_000, [SCOUT, SCOUT_LONG], "scout-long", "scout", "scout-long", id="chosen endpoint"),
    ],
)
def test_the_right_endpoint_is_taken(
    tokens: int, endpoints: list[Endpoint], model: str, prefers: str, chosen: str
) -> None:
    found = plan(tokens, endpoints, model=model, prefers=prefers)
    assert (found.fits, found.code, found.over_by) == (True, None, 0)
    assert found.endpoint_id == chosen
    assert found.model == next(each.family for each in endpoints if each.id == chosen)
    assert found.reading == "one_pass"
    assert found.reason
    assert [planned.kind for planned in found.passes] == ["one_pass"]
    assert found.passes[0].pages == (PageRange(1, 1, 10),)
    assert found.passes[0].tokens == found.input_tokens > tokens


@pytest.mark.parametrize(
    ("tokens", "endpoints", "model", "reading", "code", "words"),
    [
        pytest.param(10_000, [], "auto", "auto", "no_endpoint", "No model", id="nothing connected"),
        pytest.param(10_000, [GUARD], "auto", "auto", "no_endpoint", "No model", id="only a guard"),
        pytest.param(10_000, [SCOUT], "maverick", "auto", "no_endpoint", "maverick", id="chosen, not there"),
        pytest.param(10_000, [SCOUT], "no-such-id", "auto", "no_endpoint", "no-such-id", id="unknown id"),
        pytest.param(2_000_000, BOTH, "auto", "auto", "does_not_fit", "too many", id="nothing holds it"),
        pytest.param(
            500_000, BOTH, "scout", "one_pass", "does_not_fit", "another model", id="chosen too short"
        ),
        pytest.param(10_000, BOTH, "auto", "thorough", "reading_not_available", "Thorough", id="thorough"),
        pytest.param(0, BOTH, "auto", "auto", "empty_selection", "No page", id="no pages"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(
    tokens: int, endpoints: list[Endpoint], model: str, reading: str, code: str, words: str
) -> None:
    if tokens:
        found = plan(tokens, endpoints, model=model, reading=reading)
    else:
        offers = [EndpointOffer(each) for each in endpoints]
        empty = replace(corpus(10)[0], pages=())
        found = plan_answer([empty], Choices(), offers, question_tokens=100)
    assert (found.fits, found.code) == (False, code)
    assert words in found.reason
    assert found.endpoint_id is None
    assert found.passes == ()


DEAR = PriceQuote(Decimal("0.50"), None, Decimal("1.50"), date(2026, 1, 1))


def at(host: str, family: str = "scout", **changes: object) -> Endpoint:
    return endpoint(f"{family}-{host}", family, 327_680, base_url=f"https://{host}.example/v1", **changes)


@pytest.mark.parametrize(
    ("offers", "model", "named"),
    [
        pytest.param(
            [EndpointOffer(at("a", speed=1), price=PRICE), EndpointOffer(at("b", speed=2), price=DEAR)],
            "auto",
            ("scout-a", "scout-b"),
            id="another host of the same family",
        ),
        pytest.param(
            [EndpointOffer(at(host, speed=speed), price=PRICE) for speed, host in enumerate("abcd", 1)],
            "scout",
            ("scout-a", "scout-b", "scout-c"),
            id="two at most, in the order of choice",
        ),
        pytest.param(
            [EndpointOffer(at("a"), price=PRICE), EndpointOffer(at("b"), price=PRICE)],
            "scout-b",
            ("scout-b",),
            id="none for an endpoint that a person chose",
        ),
        pytest.param(
            [EndpointOffer(at("a"), price=PRICE), EndpointOffer(at("b", "maverick"), price=PRICE)],
            "scout",
            ("scout-a",),
            id="no other family",
        ),
        pytest.param(
            [EndpointOffer(at("a"), price=PRICE), EndpointOffer(at("b"), healthy=False, price=PRICE)],
            "auto",
            ("scout-a",),
            id="none that is known to fail",
        ),
        pytest.param(
            [EndpointOffer(at("a"), price=PRICE), EndpointOffer(at("b", context_tokens=16_384), price=PRICE)],
            "auto",
            ("scout-a",),
            id="none that does not hold the prompt",
        ),
        pytest.param(
            [
                EndpointOffer(at("a"), price=PRICE),
                EndpointOffer(at("b", tokens_per_minute=5_000), price=PRICE),
            ],
            "auto",
            ("scout-a",),
            id="none whose limits never take it",
        ),
        pytest.param(
            [EndpointOffer(at("a", speed=1)), EndpointOffer(at("b", speed=2), price=PRICE)],
            "auto",
            ("scout-a",),
            id="nothing to be billed beside one's own server",
        ),
        pytest.param(
            [EndpointOffer(at("a", speed=1), price=PRICE), EndpointOffer(at("b", speed=2))],
            "auto",
            ("scout-a",),
            id="none without a price beside a priced one",
        ),
        pytest.param(
            [
                EndpointOffer(at("a", speed=1), price=PRICE),
                EndpointOffer(replace(at("a"), id="x"), price=PRICE),
            ],
            "auto",
            ("scout-a",),
            id="not the same host again",
        ),
        pytest.param(
            [EndpointOffer(at("a"), price=PRICE), EndpointOffer(QUOTES, price=PRICE)],
            "auto",
            ("scout-a",),
            id="never the quote finder",
        ),
    ],
)
def test_the_plan_names_every_host_that_may_be_asked(
    offers: list[EndpointOffer], model: str, named: tuple[str, ...]
) -> None:
    found = plan_answer(corpus(10_000), Choices(model), offers, question_tokens=100)
    assert (found.endpoint_id, *found.fallbacks) == named
    assert found.to_json()["fallbacks"] == list(named[1:])


def test_the_price_covers_the_dearest_host_that_is_named() -> None:
    cheap, dear = EndpointOffer(at("a", speed=1), price=PRICE), EndpointOffer(at("b", speed=2), price=DEAR)
    alone = plan_answer(corpus(10_000), Choices(), [dear], question_tokens=100)
    both = plan_answer(corpus(10_000), Choices(), [cheap, dear], question_tokens=100)
    assert both.cost_high == alone.cost_high
    assert both.cost_low is not None
    assert alone.cost_low is not None
    assert both.cost_low < alone.cost_low


def test_the_fit_rule_holds_to_the_token() -> None:
    room = prompt_room(SCOUT)
    assert room == 327_680 - 8_192 - 16_384
    base = plan(10, [SCOUT], model="scout").input_tokens - 10
    sizes = (PageSize(1, room - base + 9),)  # one page less than ten: nine marker lines of its own fewer
    document = DocumentPages(1, "d", "r", "lease.pdf", "pdf", sizes)
    offers = [EndpointOffer(SCOUT, True, PRICE)]
    exact = plan_answer([document], Choices("scout"), offers, question_tokens=100)
    slack = room - exact.input_tokens
    grown = replace(document, pages=(PageSize(1, sizes[0].tokens + slack),))
    fitting = plan_answer([grown], Choices("scout"), offers, question_tokens=100)
    assert (fitting.fits, fitting.input_tokens) == (True, room)
    over = plan_answer(
        [replace(document, pages=(PageSize(1, sizes[0].tokens + slack + 1),))],
        Choices("scout"),
        offers,
        question_tokens=100,
    )
    assert (over.fits, over.code, over.over_by) == (False, "does_not_fit", 1)
    assert "303,105" in over.reason
    assert "303,104" in over.reason


def test_a_short_writer_lowers_the_allowance() -> None:
    assert answer_allowance(OTHER) == 2_048
    assert prompt_room(OTHER) == 8_192 - 2_048 - 410


def test_a_refused_choice_names_what_would_fit_with_its_price() -> None:
    found = plan(500_000, BOTH, model="scout")
    [choice] = found.choices
    assert (choice.model, choice.endpoint_id) == ("maverick", "maverick-a")
    assert choice.cost_high is not None
    assert found.over_by == found.input_tokens - prompt_room(SCOUT)


def test_among_endpoints_of_a_family_the_fastest_then_the_cheapest_comes_first() -> None:
    fast = replace(SCOUT, id="fast", speed=1)
    cheap = replace(SCOUT, id="cheap")
    unpriced = replace(SCOUT, id="also-unpriced")
    dear = PriceQuote(Decimal(1), None, Decimal(1), date(2026, 1, 1))
    offers = [
        EndpointOffer(unpriced, True, None),
        EndpointOffer(SCOUT, True, dear),
        EndpointOffer(cheap, True, PRICE),
        EndpointOffer(fast, True, dear),
        EndpointOffer(MAVERICK, True, PRICE),
    ]
    found = plan_answer(corpus(200_000), Choices(), offers, question_tokens=100)
    assert found.endpoint_id == "fast"
    assert plan_answer(corpus(200_000), Choices(), offers[:3], question_tokens=100).endpoint_id == "cheap"
    assert plan_answer(corpus(200_000), Choices(), offers[:2], question_tokens=100).endpoint_id == "scout-a"


def test_an_unhealthy_endpoint_is_passed_over_or_named() -> None:
    sick = EndpointOffer(MAVERICK, False, PRICE, note="The key was refused since 12:01.")
    found = plan_answer(
        corpus(1_000), Choices(), [sick, EndpointOffer(SCOUT, True, PRICE)], question_tokens=9
    )
    assert found.endpoint_id == "scout-a"
    found = plan_answer(corpus(1_000), Choices(), [sick], question_tokens=9)
    assert (found.fits, found.code) == (False, "unhealthy")
    assert "The key was refused since 12:01." in found.reason


def test_a_request_above_the_rate_tier_is_not_sent_there() -> None:
    limited = replace(SCOUT, tokens_per_minute=30_000)
    assert plan(20_000, [limited]).fits
    found = plan(40_000, [limited])
    assert (found.code, found.over_by) == ("over_rate_tier", found.input_tokens - 30_000)
    counting = replace(limited, output_counts_against_rate=True)
    assert plan(25_000, [counting]).code == "over_rate_tier"
    assert plan(40_000, [limited, replace(SCOUT, id="free")]).endpoint_id == "free"


def test_costs_are_exact_and_span_the_short_and_the_full_answer() -> None:
    found = plan(10_000, [SCOUT])
    tokens = found.input_tokens
    assert found.cost_low == (tokens * Decimal("0.10") + 100 * Decimal("0.30")) / 1_000_000
    assert found.cost_high == (tokens * Decimal("0.10") + 8_192 * Decimal("0.30")) / 1_000_000
    cached = PriceQuote(Decimal("0.10"), Decimal("0.05"), Decimal("0.30"), date(2026, 1, 1))
    found = plan(10_000, [SCOUT], price=cached)
    stable = tokens - 100
    assert (
        found.cost_low
        == (stable * Decimal("0.05") + 100 * Decimal("0.10") + 100 * Decimal("0.30")) / 1_000_000
    )


def test_an_endpoint_without_price_costs_unknown_and_the_quote_finder_nothing() -> None:
    assert plan(10_000, [SCOUT], price=None).cost_high is None
    found = plan(10_000, [QUOTES], price=None)
    assert (found.cost_low, found.cost_high) == (Decimal(0), Decimal(0))
    assert "quote finder" in found.reason


def test_pages_without_text_split_the_ranges() -> None:
    pages = tuple(PageSize(number, 5) for number in (2, 3, 4, 7, 9, 10))
    first = DocumentPages(3, "d", "r", "a.pdf", "pdf", pages)
    second = DocumentPages(5, "e", "s", "b.pdf", "pdf", (PageSize(1, 5),))
    assert page_ranges([first, second]) == (
        PageRange(3, 2, 4),
        PageRange(3, 7, 7),
        PageRange(3, 9, 10),
        PageRange(5, 1, 1),
    )


@pytest.mark.parametrize("tokens", [10_000, 500_000, 2_000_000])
@pytest.mark.parametrize("model", ["auto", "scout", "nothing"])
@pytest.mark.parametrize("price", [PRICE, None])
def test_a_plan_is_stored_as_plain_json(tokens: int, model: str, price: PriceQuote | None) -> None:
    found = plan(tokens, BOTH, model=model, price=price)
    stored = found.to_json()
    assert json.loads(json.dumps(stored)) == stored
    if found.cost_low is None or found.cost_high is None:
        assert stored["cost_usd"] is None
    else:
        assert {key: Decimal(text) for key, text in stored["cost_usd"].items()} == {
            "low": found.cost_low,
            "high": found.cost_high,
        }


def test_the_conversation_counts() -> None:
    offers = [EndpointOffer(SCOUT, True, PRICE)]
    without = plan_answer(corpus(1_000), Choices(), offers, question_tokens=100)
    with_history = plan_answer(corpus(1_000), Choices(), offers, question_tokens=100, history_tokens=777)
    assert with_history.input_tokens == without.input_tokens + 777
