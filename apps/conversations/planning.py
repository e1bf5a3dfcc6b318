"""What a question will take, before it is asked: sizes, choices and usable endpoints in, a Plan out. Pure.

    prompt fits an endpoint   <=>   prompt <= window - answer allowance - 5 % of the window

A person's choice is obeyed or refused with numbers; only `auto` chooses. Every refusal is a Plan too: it says
by how much, and what else would hold the prompt at which price.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.conversations.plans import (
    AUTO,
    Choices,
    DocumentPages,
    EndpointOffer,
    PageRange,
    Plan,
    PlanChoice,
    PlannedPass,
    Preference,
    ranges,
)
from apps.conversations.prompt import count_prompt, document_tokens
from apps.llm.catalogue import Endpoint, is_quote_finder
from apps.llm.names import family_name

# Long enough for the longest answers; an endpoint that writes less lowers it.
ANSWER_ALLOWANCE_TOKENS = 8_192
# Hosts' chat templates differ from the one we count with.
MARGIN_PERCENT = 5
# More would make a line that nobody reads, and each is a host that may be sent the text.
MOST_FALLBACKS = 2
# The shortest answer worth a price: a sentence and its quote.
SHORT_ANSWER_TOKENS = 100

# Their models judge or embed; they cannot answer.
_NO_ANSWER_FAMILIES = frozenset({"guard"})


def plan_answer(
    documents: Sequence[DocumentPages],
    choices: Choices,
    offers: Sequence[EndpointOffer],
    *,
    question_tokens: int,
    maverick_up_to_tokens: int,
    history_tokens: int = 0,
) -> Plan:
    """Choose model and endpoint for one pass over the selected documents, or refuse with numbers.

    documents: by ordinal. offers: what the workspace may call, unhealthy ones included, so that a refusal can
    name them. question_tokens: of the prompt's end (`prompt.question_tokens`). maverick_up_to_tokens: up to here
    Maverick is the better reader wherever it is to be had (README.md, Plan). Makes no query and no call.
    """
    documents = [document for document in documents if document.pages]
    documents_tokens = sum(
        document_tokens(
            document.ordinal, document.name, ((page.number, page.tokens) for page in document.pages)
        )
        for document in documents
    )
    request = _Request(
        input_tokens=count_prompt(
            documents_tokens=documents_tokens, history_tokens=history_tokens, question_tokens=question_tokens
        ),
        question_tokens=question_tokens,
        ranges=page_ranges(documents),
        maverick_up_to_tokens=maverick_up_to_tokens,
    )
    if not documents:
        return request.refuse("empty_selection", "No page with text is selected: tick a document, then ask.")
    offers = _answering(offers)
    candidates = [offer for offer in offers if _is_chosen(offer.endpoint, choices.model)]
    refusal = _refuse_before_fit(request, choices, candidates)
    if refusal:
        return refusal
    ready = [offer for offer in candidates if offer.healthy]
    holding = [offer for offer in ready if request.fits(offer.endpoint)]
    if choices.reading == "thorough":
        return request.refuse(
            "reading_not_available",
            "Thorough reading is not available here; one pass is, where the prompt fits.",
            choices=request.price_choices(holding, one_each=True),
        )
    if not holding:
        return _refuse_for_size(request, ready, [offer for offer in offers if offer.healthy])
    able = [offer for offer in holding if _rate_allows(offer.endpoint, request.input_tokens)]
    if not able:
        return _refuse_for_rate(request, holding)
    if choices.model == AUTO:
        family, why = _auto_family(able, request, choices.prefers)
    else:
        family, why = able[0].endpoint.family, "As you chose."
    return request.accept([offer for offer in able if offer.endpoint.family == family], why)


def plan_continuation(
    offers: Sequence[EndpointOffer], pages: Iterable[PageRange], *, prompt_tokens: int, added_tokens: int
) -> Plan:
    """Going on with an answer that was cut: the same pages again, with what was written so far behind them.

    offers: the endpoints that the answer's plan named, the one that wrote it first; no other is asked, since no
    other has that style or that consent. prompt_tokens: of the request as it was, which its host may have kept.
    added_tokens: of what is new behind it. Refused with a code like any plan.
    """
    request = _Request(prompt_tokens + added_tokens, added_tokens, tuple(pages), 0)
    if not offers:
        return request.refuse("no_endpoint", "The host that wrote it is not connected any more.")
    refusal = _refuse_before_fit(request, Choices(), offers)
    if refusal:
        return refusal
    ready = [offer for offer in offers if offer.healthy]
    holding = [offer for offer in ready if request.fits(offer.endpoint)]
    if not holding:
        return _refuse_for_size(request, ready, [])
    able = [offer for offer in holding if _rate_allows(offer.endpoint, request.input_tokens)]
    if not able:
        return _refuse_for_rate(request, holding)
    return request.accept_in_order(able, "The model that wrote the answer goes on with it.")


def page_ranges(documents: Iterable[DocumentPages]) -> tuple[PageRange, ...]:
    """The pages of documents as ranges of consecutive numbers, in the order they are sent."""
    return tuple(
        PageRange(document.ordinal, first, last)
        for document in documents
        for first, last in ranges(page.number for page in document.pages)
    )


def answer_allowance(endpoint: Endpoint) -> int:
    """Tokens kept free for the answer at this endpoint."""
    return min(ANSWER_ALLOWANCE_TOKENS, endpoint.max_output_tokens)


def prompt_room(endpoint: Endpoint) -> int:
    """The longest prompt, in tokens, that this endpoint is given."""
    margin = -(-endpoint.context_tokens * MARGIN_PERCENT // 100)
    return max(0, endpoint.context_tokens - answer_allowance(endpoint) - margin)


@dataclass(frozen=True, slots=True)
class _Request:
    input_tokens: int
    question_tokens: int
    ranges: tuple[PageRange, ...]
    maverick_up_to_tokens: int

    def fits(self, endpoint: Endpoint) -> bool:
        return self.input_tokens <= prompt_room(endpoint)

    def costs(self, offer: EndpointOffer) -> tuple[Decimal | None, Decimal | None]:
        if is_quote_finder(offer.endpoint):
            return Decimal(0), Decimal(0)
        if offer.price is None:
            return None, None
        allowance = answer_allowance(offer.endpoint)
        kept = self.input_tokens - self.question_tokens
        low = offer.price.cost(
            input_tokens=self.input_tokens,
            cached_tokens=kept,
            output_tokens=min(SHORT_ANSWER_TOKENS, allowance),
        )
        high = offer.price.cost(input_tokens=self.input_tokens, cached_tokens=0, output_tokens=allowance)
        return min(low, high), high

    def order(self, offer: EndpointOffer) -> tuple[int, bool, Decimal, str]:
        """For a person waiting: the fastest, then the cheapest, an unknown price last."""
        _, high = self.costs(offer)
        return offer.endpoint.speed, high is None, high or Decimal(0), offer.endpoint.id

    def accept(self, offers: Sequence[EndpointOffer], why: str) -> Plan:
        """offers: of one family, able to take the prompt. The best is asked, the next may be asked in its stead."""
        return self.accept_in_order(sorted(offers, key=self.order), why)

    def accept_in_order(self, offers: Sequence[EndpointOffer], why: str) -> Plan:
        """The same; who is asked first is decided already."""
        first, *others = offers
        fallbacks = _fallbacks(first, others)
        costs = [self.costs(offer) for offer in (first, *fallbacks)]
        low = min((low for low, _ in costs if low is not None), default=None)
        high = max((high for _, high in costs if high is not None), default=None)
        return Plan(
            fits=True,
            reason=why,
            model=first.endpoint.family,
            endpoint_id=first.endpoint.id,
            model_id=first.endpoint.model_id,
            fallbacks=tuple(offer.endpoint.id for offer in fallbacks),
            passes=(PlannedPass("one_pass", self.input_tokens, self.ranges),),
            input_tokens=self.input_tokens,
            answer_allowance=answer_allowance(first.endpoint),
            cost_low=low,
            cost_high=high,
        )

    def refuse(
        self,
        code: str,
        reason: str,
        *,
        over_by: int = 0,
        model: str = "",
        choices: tuple[PlanChoice, ...] = (),
    ) -> Plan:
        return Plan(
            fits=False,
            reason=reason,
            code=code,
            over_by=over_by,
            model=model,
            input_tokens=self.input_tokens,
            choices=choices,
        )

    def price_choices(self, offers: Iterable[EndpointOffer], *, one_each: bool) -> tuple[PlanChoice, ...]:
        """Offers that hold the prompt, priced; one_each: the best of each family only."""
        found: dict[str, PlanChoice] = {}
        for offer in sorted(offers, key=self.order):
            endpoint = offer.endpoint
            if not self.fits(endpoint) or not _rate_allows(endpoint, self.input_tokens):
                continue
            low, high = self.costs(offer)
            choice = PlanChoice(endpoint.family, endpoint.id, "one_pass", self.input_tokens, low, high)
            found.setdefault(endpoint.family if one_each else endpoint.id, choice)
        return tuple(found.values())


def _fallbacks(first: EndpointOffer, others: Iterable[EndpointOffer]) -> list[EndpointOffer]:
    """Whom to ask when the first cannot answer: other hosts, in the same order, whose price is known like its.

    What fails at a host fails at all its endpoints. Beside a server of one's own, which has no price, nobody
    expects a bill, and none could be set aside for.
    """
    found = [first]
    for offer in others:
        is_other_host = offer.endpoint.base_url not in {one.endpoint.base_url for one in found}
        if is_other_host and (offer.price is None) == (first.price is None):
            found.append(offer)
    return found[1 : 1 + MOST_FALLBACKS]


def _answering(offers: Iterable[EndpointOffer]) -> list[EndpointOffer]:
    """Offers that can answer; the quote finder only alone, because it stands in for no model."""
    able = [offer for offer in offers if offer.endpoint.family not in _NO_ANSWER_FAMILIES]
    models = [offer for offer in able if not is_quote_finder(offer.endpoint)]
    return models or able


def _is_chosen(endpoint: Endpoint, model: str) -> bool:
    return model in (AUTO, endpoint.family, endpoint.id)


def _rate_allows(endpoint: Endpoint, input_tokens: int) -> bool:
    """Whether the per-minute limit can take such a request at all."""
    if not endpoint.tokens_per_minute:
        return True
    asked = answer_allowance(endpoint) if endpoint.output_counts_against_rate else 0
    return input_tokens + asked <= endpoint.tokens_per_minute


def _auto_family(offers: Sequence[EndpointOffer], request: _Request, prefers: Preference) -> tuple[str, str]:
    """The family that `auto` takes among endpoints that hold the prompt, and why."""
    families = {offer.endpoint.family for offer in offers}
    size, limit = f"{request.input_tokens:,} tokens", f"{request.maverick_up_to_tokens:,}"
    if {"scout", "maverick"} <= families:
        if request.input_tokens <= request.maverick_up_to_tokens:
            return "maverick", f"Up to {limit} tokens Maverick reads best; this is {size}."
        if prefers == "best":
            return "maverick", f"{size} fit Maverick, which this workspace prefers while it holds them."
        return "scout", f"Above {limit} tokens this workspace prefers Scout; this is {size}."
    for family in ("maverick", "scout"):
        if family in families:
            return family, f"{family_name(family)} is the model here that holds {size}."
    best = min(offers, key=request.order).endpoint
    if is_quote_finder(best):
        return best.family, "No model is connected: the quote finder answers with quotes alone."
    return best.family, f"{best.model_id or best.id} is the model here that holds {size}."


def _refuse_before_fit(
    request: _Request, choices: Choices, candidates: Sequence[EndpointOffer]
) -> Plan | None:
    if not candidates:
        if choices.model == AUTO:
            return request.refuse("no_endpoint", "No model is connected that can answer.")
        return request.refuse(
            "no_endpoint",
            f"No usable endpoint serves {choices.model}: connect one, or let the model be chosen.",
            model=choices.model,
        )
    if not any(offer.healthy for offer in candidates):
        notes = " ".join(offer.note for offer in candidates if offer.note)
        names = ", ".join(offer.endpoint.id for offer in candidates)
        return request.refuse(
            "unhealthy", f"Not reachable now: {names}. {notes}".strip(), model=candidates[0].endpoint.family
        )
    return None


def _refuse_for_size(
    request: _Request, ready: Sequence[EndpointOffer], others: Sequence[EndpointOffer]
) -> Plan:
    largest = max(ready, key=lambda offer: (prompt_room(offer.endpoint), offer.endpoint.id)).endpoint
    room = prompt_room(largest)
    over_by = request.input_tokens - room
    choices = request.price_choices(others, one_each=True)
    advice = "another model holds it" if choices else "untick documents or pages, or connect a larger window"
    return request.refuse(
        "does_not_fit",
        f"The prompt takes {request.input_tokens:,} tokens and {largest.id} has room for {room:,}: "
        f"{over_by:,} too many; {advice}.",
        over_by=over_by,
        model=largest.family,
        choices=choices,
    )


def _refuse_for_rate(request: _Request, holding: Sequence[EndpointOffer]) -> Plan:
    widest = max(holding, key=lambda offer: (offer.endpoint.tokens_per_minute, offer.endpoint.id)).endpoint
    asked = answer_allowance(widest) if widest.output_counts_against_rate else 0
    return request.refuse(
        "over_rate_tier",
        f"The request takes {request.input_tokens + asked:,} tokens and {widest.id} allows "
        f"{widest.tokens_per_minute:,} a minute: it would never be accepted.",
        over_by=request.input_tokens + asked - widest.tokens_per_minute,
        model=widest.family,
    )
