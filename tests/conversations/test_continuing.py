"""Going on with an answer that its longest length cut: the whole text, its price, its bill."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connection
from redis import Redis

from apps.common.http import Refused
from apps.common.redis import sync_redis
from apps.common.templatetags.words import money
from apps.connections.models import Connection
from apps.conversations import answering, services
from apps.conversations.continuing import continue_answer, plan_to_continue
from apps.conversations.export import export_answer
from apps.conversations.models import Answer, ReadingPass
from apps.conversations.outcome import mentions_of
from apps.conversations.prompt import GO_ON
from apps.conversations.reaping import reap_answers
from apps.conversations.snapshots import fold_events, snapshot_of_row
from apps.conversations.stream import parse_entry, stream_key
from apps.llm.errors import LLMError
from apps.llm.providers.scripted import Script
from apps.llm.tokens import count_tokens
from apps.usage.budgets import set_monthly_limit
from apps.usage.models import LedgerEntry, Reservation
from tests.conversations.conftest import Desk
from tests.llm.llama_reference import reference_count

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]

WHOLE = (
    "<evidence>\n"
    '[[1:2]] "Either party may terminate with 120 days written notice"\n'
    '[[1:3]] "The rent is 1,950 euros a month and is due on the third working day"\n'
    "</evidence>\n"
    "It can be ended with 120 days' notice [[1:2]].\n\n"
    "```\nnotice = 120\nrent = 1950\n```\n\n- The rent is 1,950 euros a month [[1:3]].\n"
)
CUTS = {
    "in a tag": "<evid",
    "in a quote": '[[1:3]] "The rent is 1,9',
    "behind the evidence": "</evidence>\n",
    "in a word": "It can be en",
    "in a marker": "days' notice [[1:",
    "in code": "notice = 120\nren",
    "behind a block": "```\n\n",
}


@pytest.fixture(autouse=True)
def _redis(redis_client: Redis) -> None:
    # Clients outlive a test; the loop's pool belongs to the loop and stays.
    sync_redis.cache_clear()


def run(answer: Answer) -> Answer:
    answering.run_answer(str(answer.pk))
    return Answer.objects.get(pk=answer.pk)


def cut_answer(desk: Desk, script: Script, before: str) -> Answer:
    script.reply(before, finish_reason="length")
    return run(services.ask_question(desk.alice, desk.conversation, "How can the lease end?"))


def cut_at(name: str) -> int:
    return WHOLE.index(CUTS[name]) + len(CUTS[name])


def in_pieces(text: str, size: int = 7) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def facts(answer: Answer) -> list[object]:
    """What a reader has of an answer, whoever wrote which part of it."""
    return [
        answer.text,
        [(row.position, row.marker, row.quote, row.verdict, row.boxes) for row in answer.evidence.all()],
        [(row.offset, row.marker, row.verdict) for row in answer.mentions.all()],
        [html.replace(str(answer.pk), "ID") for html in snapshot_of_row(answer).blocks],
    ]


@pytest.mark.parametrize("repeats", [True, False], ids=["repeats", "goes on exactly"])
@pytest.mark.parametrize("name", CUTS)
def test_the_whole_is_what_one_call_would_have_written(
    desk: Desk, script: Script, name: str, repeats: bool
) -> None:
    script.reply(WHOLE)
    in_one = run(services.ask_question(desk.alice, desk.conversation, "How can the lease end?"))
    cut = cut_answer(desk, script, WHOLE[: cut_at(name)])
    last_line = cut.raw.rstrip().rfind("\n") + 1
    script.reply(*in_pieces(WHOLE[last_line if repeats else len(cut.raw) :]))

    whole = run(continue_answer(desk.alice, cut))

    assert (whole.status, whole.raw) == (Answer.Status.DONE, WHOLE)
    assert facts(whole) == facts(in_one)
    assert [notice["code"] for notice in whole.notices] == []
    events = [parse_entry(entry) for entry in sync_redis().xrange(stream_key(whole.pk))]
    snapshot, end = fold_events(events)
    row = snapshot_of_row(whole)
    assert (snapshot.text, snapshot.blocks, snapshot.evidence) == (row.text, row.blocks, row.evidence)
    assert end is events[-1]
    position = 0
    for delta in (json.loads(event.data) for event in events if event.name == "delta"):
        assert delta["offset"] == position
        position += len(delta["text"])
    cut.refresh_from_db()
    assert cut.raw == WHOLE[: cut_at(name)]


def test_what_is_written_can_be_read_before_a_worker_comes(desk: Desk, script: Script) -> None:
    cut = cut_answer(desk, script, WHOLE[: cut_at("in code")])
    whole = continue_answer(desk.alice, cut)

    events = [parse_entry(entry) for entry in sync_redis().xrange(stream_key(whole.pk))]
    snapshot, _ = fold_events(events)
    assert "It can be ended" in snapshot.text
    assert "Either party may terminate" in snapshot.evidence[0]
    services.stop_answer(desk.alice, whole)
    whole.refresh_from_db()
    assert (whole.status, whole.text) == (Answer.Status.STOPPED, cut.text)
    assert facts(whole) == facts(cut)


def test_its_price_is_known_before_and_its_bill_is_for_the_new_part_alone(desk: Desk, script: Script) -> None:
    before, after = WHOLE[: cut_at("in a marker")], WHOLE[cut_at("in a marker") :]
    cut = cut_answer(desk, script, before)
    plan = plan_to_continue(cut)
    script.reply(after)
    whole = run(continue_answer(desk.alice, cut))

    assert plan.fits
    assert plan.input_tokens > cut.plan["input_tokens"] + count_tokens(before)
    assert plan.cost_high == Decimal(plan.input_tokens + 20 * 4096).scaleb(-6)
    assert Reservation.objects.get(answer_id=whole.pk).amount == plan.cost_high
    assert Reservation.objects.get(answer_id=whole.pk).settled_at is not None
    entry = LedgerEntry.objects.get(answer_id=whole.pk)
    assert (entry.input_tokens, entry.output_tokens) == (plan.input_tokens, count_tokens(after))
    assert whole.output_tokens == count_tokens(after)
    assert ReadingPass.objects.get(answer=whole).output == after
    assert whole.cost_usd == Decimal(plan.input_tokens + 20 * count_tokens(after)).scaleb(-6)


def test_the_request_is_the_same_prompt_then_what_was_written_then_the_wish(
    desk: Desk, script: Script
) -> None:
    cut = cut_answer(desk, script, WHOLE[: cut_at("in code")] + "<|eot|>")
    script.reply("ends.")
    run(continue_answer(desk.alice, cut))

    first, second = script.requests
    asked = [(one.role, "".join(one.iter_parts())) for one in first.messages]
    went_on = [(one.role, "".join(one.iter_parts())) for one in second.messages]
    assert went_on[:2] == asked
    assert went_on[2:] == [("assistant", cut.raw.replace("<|eot|>", "< |eot|>")), ("user", GO_ON)]
    messages = [{"role": role, "content": text} for role, text in went_on]
    assert second.input_tokens == reference_count(messages)


def test_one_that_is_cut_again_goes_on_again(desk: Desk, script: Script) -> None:
    first, second = cut_at("in a quote"), cut_at("in a marker")
    cut = cut_answer(desk, script, WHOLE[:first])
    script.reply(WHOLE[first:second], finish_reason="length")
    cut_again = run(continue_answer(desk.alice, cut))
    assert [notice["code"] for notice in cut_again.notices] == ["cut"]
    script.reply(WHOLE[second:])
    whole = run(continue_answer(desk.alice, cut_again))

    assert whole.raw == WHOLE
    assert [len(request.messages) for request in script.requests] == [2, 4, 4]
    went_on = script.requests[2].messages
    messages = [{"role": one.role, "content": "".join(one.iter_parts())} for one in went_on]
    assert script.requests[2].input_tokens == reference_count(messages)


def test_an_export_of_the_whole_tells_what_the_whole_cost(desk: Desk, script: Script) -> None:
    cut = cut_answer(desk, script, WHOLE[: cut_at("in a word")])
    whole = continue_answer(desk.alice, cut)
    script.reply(WHOLE[cut_at("in a word") :])
    done = run(whole)

    exported = export_answer(done, "md").content.decode()
    spent = money(sum((one.cost_usd or Decimal(0) for one in (cut, done)), Decimal(0)))
    tokens = cut.input_tokens + done.input_tokens
    assert f"{spent} ({tokens:,} tokens in," in exported.replace("\\", "")
    assert "in 2 calls" in exported


def test_what_follows_is_told_the_whole_answer(desk: Desk, script: Script) -> None:
    cut = cut_answer(desk, script, WHOLE[: cut_at("in a word")])
    script.reply(WHOLE[cut_at("in a word") :])
    whole = run(continue_answer(desk.alice, cut))
    script.reply("Nothing more.")
    run(services.ask_question(desk.alice, desk.conversation, "And the rent?", parent_answer=whole))

    assert "It can be ended with 120 days' notice [[1:2]]." in script.prompts[-1]


def test_two_clicks_go_on_once(desk: Desk, script: Script) -> None:
    cut = cut_answer(desk, script, WHOLE[: cut_at("in a word")])
    whole = continue_answer(desk.alice, cut)
    assert continue_answer(desk.alice, cut).pk == whole.pk
    script.reply(WHOLE[cut_at("in a word") :])
    run(whole)

    assert continue_answer(desk.alice, cut).pk == whole.pk
    assert Answer.objects.filter(question=cut.question).count() == 2


def test_eight_tabs_at_once_go_on_once(desk: Desk, script: Script) -> None:
    cut = cut_answer(desk, script, WHOLE[: cut_at("in a word")])

    def press(_: int) -> uuid.UUID:
        try:
            return continue_answer(desk.alice, Answer.objects.get(pk=cut.pk)).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as tabs:
        assert len(set(tabs.map(press, range(8)))) == 1
    assert Answer.objects.filter(question=cut.question).count() == 2
    assert Reservation.objects.filter(settled_at=None).count() == 1


@pytest.mark.parametrize(
    "reply",
    [
        {"deltas": ["whole."], "finish_reason": "stop"},
        {"deltas": ["half"], "finish_reason": "content_filter"},
    ],
    ids=["whole", "filtered"],
)
def test_only_an_answer_that_its_length_cut_goes_on(
    desk: Desk, script: Script, reply: dict[str, object]
) -> None:
    script.reply(*reply["deltas"], finish_reason=reply["finish_reason"])  # type: ignore[misc, arg-type]
    answer = run(services.ask_question(desk.alice, desk.conversation, "How?"))
    with pytest.raises(Refused) as refused:
        continue_answer(desk.alice, answer)
    assert (refused.value.status, refused.value.code) == (409, "not_cut")


def test_a_budget_that_does_not_hold_it_refuses_and_leaves_no_row(desk: Desk, script: Script) -> None:
    cut = cut_answer(desk, script, WHOLE[: cut_at("in a word")])
    set_monthly_limit(desk.alice, desk.workspace, Decimal("0.05"))
    with pytest.raises(Refused) as refused:
        continue_answer(desk.alice, cut)
    assert refused.value.code == plan_to_continue(cut).code == "over_budget"
    assert Answer.objects.filter(question=cut.question).count() == 1


def test_another_host_than_was_shown_is_not_asked(desk: Desk, script: Script) -> None:
    cut = cut_answer(desk, script, WHOLE[: cut_at("in a word")])
    with pytest.raises(Refused) as refused:
        continue_answer(desk.alice, cut, seen_hosts=["another"])
    assert (refused.value.status, refused.value.code) == (409, "plan_changed")


def test_when_it_fails_the_first_half_stays_and_retry_goes_on_with_it(desk: Desk, script: Script) -> None:
    cut = cut_answer(desk, script, WHOLE[: cut_at("in a marker")])
    script.reply(error=LLMError("key_rejected", reached_host=True, status=401))
    failed = run(continue_answer(desk.alice, cut))

    assert (failed.status, failed.error_code) == (Answer.Status.FAILED, "key_rejected")
    assert facts(failed) == facts(cut)
    entry = LedgerEntry.objects.get(answer_id=failed.pk)
    assert (entry.input_tokens, entry.output_tokens) == (0, 0)

    script.reply(WHOLE[cut_at("in a marker") :])
    Connection.objects.update(is_healthy=True)
    whole = run(services.retry_answer(desk.alice, failed))
    assert whole.raw == WHOLE


def test_a_cut_stream_books_what_was_written_after_the_cut(desk: Desk, script: Script) -> None:
    cut = cut_answer(desk, script, WHOLE[: cut_at("in a word")])
    script.reply("ded with 120 days", error=LLMError("stream_cut", reached_host=True))
    failed = run(continue_answer(desk.alice, cut))

    assert failed.raw == WHOLE[: cut_at("in a word")] + "ded with 120 days"
    entry = LedgerEntry.objects.get(answer_id=failed.pk)
    assert (entry.is_estimated, entry.output_tokens) == (True, count_tokens("ded with 120 days"))


def test_a_worker_that_dies_while_writing_leaves_a_bill_for_the_new_part(desk: Desk, script: Script) -> None:
    cut = cut_answer(desk, script, WHOLE[: cut_at("in a word")])
    whole = continue_answer(desk.alice, cut)
    whole.claim_for_answering(60)
    ReadingPass.objects.filter(answer=whole).update(attempts=1, status=ReadingPass.Status.RUNNING)
    Answer.objects.filter(pk=whole.pk).update(
        claimed_until="2020-01-01T00:00:00Z", raw=cut.raw + "ded with 120", text=cut.text + "ded with 120"
    )
    reap_answers()

    whole.refresh_from_db()
    assert (whole.error_code, whole.text) == ("worker_died", cut.text + "ded with 120")
    entry = LedgerEntry.objects.get(answer_id=whole.pk)
    assert entry.input_tokens == whole.plan["input_tokens"]
    assert entry.output_tokens == count_tokens("ded with 120")


def test_a_worker_that_dies_before_it_sent_leaves_nothing_twice(desk: Desk, script: Script) -> None:
    cut = cut_answer(desk, script, WHOLE[: cut_at("in a quote")])
    whole = continue_answer(desk.alice, cut)
    claim = whole.claim_for_answering(60)
    assert isinstance(claim, uuid.UUID)
    Answer.objects.filter(pk=whole.pk).update(claimed_until="2020-01-01T00:00:00Z")
    reap_answers()
    script.reply(WHOLE[cut_at("in a quote") :])
    done = run(whole)

    assert done.raw == WHOLE
    snapshot, _ = fold_events(parse_entry(entry) for entry in sync_redis().xrange(stream_key(done.pk)))
    assert snapshot.text == done.text
    assert len(done.evidence.all()) == len(snapshot.evidence) == 2
    assert [row.offset for row in done.mentions.all()] == [row.offset for row in mentions_of(done, done.text)]
