"""A worker's side of one answer, in this process: claim, call, verify, write, settle. Real Redis, real rows."""

from __future__ import annotations

import json
import threading
import time
from decimal import Decimal
from typing import Any

import pytest
from celery.exceptions import Reject
from redis import Redis

from apps.common.redis import sync_redis
from apps.conversations import answering, services
from apps.conversations.loop import answer_loop
from apps.conversations.models import Answer, ReadingPass
from apps.conversations.rendering import BlockRenderer
from apps.conversations.snapshots import fold_events, snapshot_of_row
from apps.conversations.stream import StreamEvent, parse_entry, stream_key
from apps.library.services import delete_document
from apps.llm import gateway
from apps.llm.errors import LLMError
from apps.llm.providers.scripted import Script
from apps.usage.models import LedgerEntry, Reservation
from tests.conversations.conftest import Desk
from tests.factories import make_document

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]

ANSWER = (
    "<evidence>\n"
    '[[1:2]] "Either party may terminate with 120 days written notice"\n'
    '[[1:3]] "The rent is 1,950 euros a month and is due on the third working day"\n'
    "</evidence>\n"
    "It can be ended with 120 days' notice [[1:2]].\n\n- The rent is 1,850 euros [[1:3]].\n"
)


@pytest.fixture(autouse=True)
def _redis(redis_client: Redis) -> None:
    # Clients outlive a test; the loop's pool belongs to the loop and stays.
    sync_redis.cache_clear()


def events_of(answer: Answer) -> list[StreamEvent]:
    return [parse_entry(entry) for entry in sync_redis().xrange(stream_key(answer.pk))]


def ask(desk: Desk, text: str = "How can the lease end?") -> Answer:
    return services.ask_question(desk.alice, desk.conversation, text)


def run(answer: Answer) -> Answer:
    answering.run_answer(str(answer.pk))
    answer.refresh_from_db()
    return answer


def in_pieces(text: str, size: int = 7) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def test_an_answer_is_written_verified_counted_and_settled(desk: Desk, script: Script) -> None:
    script.reply(*in_pieces(ANSWER))
    answer = run(ask(desk))

    assert answer.status == Answer.Status.DONE
    assert answer.raw == ANSWER
    assert (
        answer.text == "It can be ended with 120 days' notice [[1:2]].\n\n- The rent is 1,850 euros [[1:3]]."
    )
    assert [(row.marker, row.verdict) for row in answer.evidence.all()] == [
        ("[[1:2]]", "exact"),
        ("[[1:3]]", "altered"),
    ]
    assert [(row.marker, row.verdict) for row in answer.mentions.all()] == [
        ("[[1:2]]", "exact"),
        ("[[1:3]]", "altered"),
    ]
    for mention in answer.mentions.all():
        assert answer.text[mention.offset :].startswith(mention.marker)
    entry = LedgerEntry.objects.get(answer_id=answer.pk)
    assert entry.input_tokens == answer.plan["input_tokens"] == answer.input_tokens
    assert (
        entry.amount == answer.cost_usd == Decimal(entry.input_tokens + 20 * entry.output_tokens).scaleb(-6)
    )
    assert Reservation.objects.get(answer_id=answer.pk).settled_at is not None


def test_quotes_are_boxed_on_the_page_picture(desk: Desk, script: Script) -> None:
    script.reply(ANSWER)
    exact, _ = run(ask(desk)).evidence.all()

    assert exact.boxes
    for x0, y0, x1, y1 in exact.boxes:
        assert 0 <= x0 < x1 <= 1
        assert 0 <= y0 < y1 <= 1


def test_the_stream_tells_what_the_row_holds(desk: Desk, script: Script) -> None:
    script.reply(*in_pieces(ANSWER))
    answer = run(ask(desk))
    events = events_of(answer)
    snapshot, end = fold_events(events)
    row = snapshot_of_row(answer)

    assert snapshot.text == answer.text
    assert snapshot.blocks == row.blocks
    assert snapshot.evidence == row.evidence
    assert end is not None
    assert end is events[-1]
    assert json.loads(end.data)["status"] == "done"
    offsets = [json.loads(event.data) for event in events if event.name == "delta"]
    position = 0
    for delta in offsets:
        assert delta["offset"] == position
        position += len(delta["text"])


def test_words_do_not_wait_for_their_rendering(
    desk: Desk, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_while_rendering: list[bool] = []
    feed = BlockRenderer.feed

    def slow_feed(renderer: BlockRenderer, text: str) -> Any:
        time.sleep(0.1)
        told_while_rendering.append("delta" in {event.name for event in events_of(answer)})
        return feed(renderer, text)

    monkeypatch.setattr(BlockRenderer, "feed", slow_feed)
    script.reply("The lease ends.")
    answer = ask(desk)
    run(answer)
    assert told_while_rendering[0]


def test_the_prompt_holds_every_page_once_in_order_behind_its_marker(desk: Desk, script: Script) -> None:
    script.reply(ANSWER)
    run(ask(desk))

    prompt = script.prompts[0]
    positions = [prompt.index(f"[[1:{number}]]\n") for number in (1, 2, 3)]
    assert positions == sorted(positions)
    assert prompt.count("Either party may terminate with 120 days written notice") == 1
    assert prompt.index("How can the lease end?") > positions[-1]


def test_a_follow_up_shares_every_byte_before_the_conversation(desk: Desk, script: Script) -> None:
    script.reply(ANSWER)
    first = run(ask(desk))
    script.reply("Nothing more.")
    run(services.ask_question(desk.alice, desk.conversation, "And the rent?", parent_answer=first))

    shared = script.prompts[0].index("# Question")
    assert script.prompts[1][:shared] == script.prompts[0][:shared]
    assert "It can be ended with 120 days' notice [[1:2]]." in script.prompts[1][shared:]


def test_a_refused_key_fails_with_a_sentence_and_books_no_tokens(desk: Desk, script: Script) -> None:
    script.reply(error=LLMError("key_rejected", reached_host=True, status=401))
    answer = run(ask(desk))

    assert (answer.status, answer.error_code) == (Answer.Status.FAILED, "key_rejected")
    assert "key" in answer.error_sentence
    entry = LedgerEntry.objects.get(answer_id=answer.pk)
    assert (entry.input_tokens, entry.output_tokens, entry.amount) == (0, 0, 0)
    assert Reservation.objects.get(answer_id=answer.pk).settled_at is not None


def test_a_cut_stream_keeps_its_text_and_books_an_estimate(desk: Desk, script: Script) -> None:
    script.reply(ANSWER[:150], error=LLMError("stream_cut", reached_host=True))
    answer = run(ask(desk))

    assert (answer.status, answer.error_code) == (Answer.Status.FAILED, "stream_cut")
    assert answer.raw == ANSWER[:150]
    assert answer.is_estimated
    assert "estimated_usage" in [notice["code"] for notice in answer.notices]
    assert LedgerEntry.objects.filter(answer_id=answer.pk).count() == 1


def test_a_busy_host_is_asked_again_and_each_attempt_is_booked(
    desk: Desk, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "FIRST_WAIT_SECONDS", 0.01)
    script.reply(error=LLMError("busy", reached_host=True, status=503))
    script.reply(ANSWER)
    answer = run(ask(desk))

    assert answer.status == Answer.Status.DONE
    assert ReadingPass.objects.get(answer=answer).attempts == 2
    booked = LedgerEntry.objects.filter(answer_id=answer.pk).order_by("attempt")
    assert [entry.attempt for entry in booked] == [1, 2]
    assert booked[0].input_tokens == 0


def test_an_answer_cut_at_its_longest_length_says_so(desk: Desk, script: Script) -> None:
    script.reply(ANSWER, finish_reason="length")
    answer = run(ask(desk))

    assert answer.status == Answer.Status.DONE
    assert [notice["code"] for notice in answer.notices] == ["cut"]


def test_a_second_worker_finds_nothing_to_do(desk: Desk, script: Script) -> None:
    script.reply(ANSWER)
    answer = run(ask(desk))
    run(answer)

    assert len(script.requests) == 1


def test_a_gone_answer_is_no_error(desk: Desk) -> None:
    answering.run_answer("00000000-0000-4000-8000-000000000000")


def test_an_endpoint_that_left_the_catalogue_ends_the_answer(desk: Desk, script: Script) -> None:
    answer = ask(desk)
    ReadingPass.objects.filter(answer=answer).update(endpoint_id="gone")
    run(answer)

    assert (answer.status, answer.error_code) == (Answer.Status.FAILED, "endpoint_gone")
    assert Reservation.objects.get(answer_id=answer.pk).settled_at is not None


def test_stop_while_the_model_thinks_ends_within_two_seconds(
    desk: Desk, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "wait_before", lambda attempt, seconds: 30.0)
    script.reply(error=LLMError("busy", reached_host=True, status=503))
    answer = ask(desk)
    working = threading.Thread(target=answering.run_answer, args=[str(answer.pk)])
    working.start()
    time.sleep(0.5)
    asked_at = time.monotonic()
    services.stop_answer(desk.alice, answer)
    working.join(10)

    answer.refresh_from_db()
    assert answer.status == Answer.Status.STOPPED
    assert time.monotonic() - asked_at < 2
    assert events_of(answer)[-1].name == "end"


def test_a_shutdown_before_anything_was_sent_gives_the_answer_back(desk: Desk, script: Script) -> None:
    answer = ask(desk)
    loop = answer_loop()
    loop.is_closing = True
    try:
        with pytest.raises(Reject):
            run(answer)
    finally:
        loop.is_closing = False
    answer.refresh_from_db()
    assert answer.status == Answer.Status.QUEUED


def test_a_document_deleted_meanwhile_leaves_the_answer_its_words(desk: Desk, script: Script) -> None:
    script.reply(ANSWER)
    answer = run(ask(desk))
    delete_document(desk.alice, desk.corpus.entries.get().document)

    assert "120 days" in snapshot_of_row(answer).blocks[0]
    assert answer.evidence.count() == 2


def test_a_document_deleted_before_it_was_sent_ends_the_answer_without_a_call(
    desk: Desk, script: Script
) -> None:
    answer = ask(desk)
    delete_document(desk.alice, desk.corpus.entries.get().document)
    run(answer)

    assert (answer.status, answer.error_code) == (Answer.Status.FAILED, "source_removed")
    assert not LedgerEntry.objects.filter(answer_id=answer.pk).exists()
    assert Reservation.objects.get(answer_id=answer.pk).settled_at is not None


def test_a_scan_with_a_thousand_blank_backs_can_be_asked(desk: Desk, script: Script) -> None:
    make_document(desk.corpus, "duplex.pdf", ["A page of words.", ""] * 1100)
    script.reply(ANSWER)
    answer = run(ask(desk))

    assert answer.status == Answer.Status.DONE
    assert script.prompts[0].count("A page of words.") == 1100


def test_a_split_emoji_and_a_nul_reach_the_row_whole(desk: Desk, script: Script) -> None:
    script.reply("Fine \ud83d", "\ude00 and\x00 the end.")
    answer = run(ask(desk))

    assert (answer.status, answer.text) == (Answer.Status.DONE, "Fine 😀 and the end.")


def test_a_conversation_deleted_meanwhile_leaves_its_bill_and_no_stream(
    desk: Desk, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "wait_before", lambda attempt, seconds: 1.5)
    script.reply(error=LLMError("busy", reached_host=True, status=503))
    script.reply(ANSWER)
    answer = ask(desk)
    working = threading.Thread(target=answering.run_answer, args=[str(answer.pk)])
    working.start()
    time.sleep(0.6)
    services.delete_conversation(desk.alice, desk.conversation)
    working.join(15)

    assert LedgerEntry.objects.filter(answer_id=answer.pk).exists()
    assert not sync_redis().exists(stream_key(answer.pk))
