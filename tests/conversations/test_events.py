"""The events address as its viewers meet it: the ASGI application itself, real Redis, real rows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from redis import Redis

from apps.accounts.models import ApiToken, User
from apps.common.redis import sync_redis
from apps.conversations.events import AnswerEvents
from apps.conversations.models import Answer
from apps.conversations.services import end_outside_worker, share_conversation
from apps.conversations.stream import append_now, stream_key
from apps.workspaces.models import Membership
from tests.conversations.conftest import Desk
from tests.factories import make_answer, make_answered, make_question, make_user
from tests.live.client import Event, Screen

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]


@pytest.fixture(autouse=True)
def _redis(redis_client: Redis, settings: Any) -> None:
    sync_redis.cache_clear()
    settings.STREAM_KEEPALIVE_SECONDS = 1


class Viewer:
    """One connection to the application, without a server in between."""

    def __init__(
        self, application: AnswerEvents, answer: Answer | str, method: str = "GET", **headers: str
    ) -> None:
        self.application = application
        self.answer_id = str(answer.pk if isinstance(answer, Answer) else answer)
        self.scope = {
            "type": "http",
            "method": method,
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        }
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.leaves = asyncio.Event()

    async def __aenter__(self) -> Viewer:
        async def receive() -> dict[str, Any]:
            await self.leaves.wait()
            return {"type": "http.disconnect"}

        self.task = asyncio.create_task(
            self.application(self.scope, receive, self.sent.put, self.answer_id)  # type: ignore[arg-type]
        )
        self.start = await asyncio.wait_for(self.sent.get(), 5)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.leaves.set()
        await asyncio.wait_for(self.task, 5)

    @property
    def status(self) -> int:
        return int(self.start["status"])

    async def events(self, seconds: float = 10) -> AsyncIterator[Event]:
        """Until the end, or the application closes."""
        rest = b""
        while True:
            message = await asyncio.wait_for(self.sent.get(), seconds)
            rest += message.get("body", b"")
            *pieces, rest = rest.split(b"\n\n")
            for piece in pieces:
                fields = dict(
                    line.split(": ", 1) for line in piece.decode().split("\n") if line and line[0] != ":"
                )
                if "data" in fields:
                    yield Event(fields.get("id", ""), fields["event"], json.loads(fields["data"]))
            if not message.get("more_body"):
                return


@pytest.fixture
async def application() -> AsyncIterator[AnswerEvents]:
    events = AnswerEvents()
    yield events
    await events.close()


def token_of(user: User) -> str:
    return f"Bearer {ApiToken.issue(user, 'test')[1]}"


def running_answer(desk: Desk) -> Answer:
    return make_answer(make_question(desk.conversation), "", status=Answer.Status.WRITING)


def write_events(answer: Answer) -> str:
    """What a worker writes, in nine events; gives the text."""
    words = ["The ", "lease ", "ends ", "after ", "five ", "years."]
    append_now(answer.pk, [("status", {"stage": "writing", "sentence": "Writing", "done": 0, "total": 0})])
    text = ""
    for word in words:
        append_now(answer.pk, [("delta", {"offset": len(text), "text": word})])
        text += word
    append_now(answer.pk, [("block", {"index": 0, "final": True, "html": f"<p>{text}</p>"})])
    append_now(answer.pk, [("end", {"status": "done", "code": "", "sentence": ""})])
    return text


async def see(viewer: Viewer) -> Screen:
    screen = Screen()
    async for event in viewer.events():
        screen.show(event)
    return screen


async def test_a_stream_cut_after_each_event_is_resumed_without_gap_or_double(
    desk: Desk, application: AnswerEvents
) -> None:
    answer = await sync_to_async(running_answer)(desk)
    token = await sync_to_async(token_of)(desk.alice)
    text = await sync_to_async(write_events)(answer)
    stored = [entry[0].decode() for entry in sync_redis().xrange(stream_key(answer.pk))]

    async with Viewer(application, answer, authorization=token) as viewer:
        whole = await see(viewer)
    assert (whole.text, whole.html) == (text, f"<p>{text}</p>")
    for cut_after in range(len(stored) - 1):
        seen_before = Screen()
        for entry_id, fields in sync_redis().xrange(stream_key(answer.pk), max=stored[cut_after]):
            seen_before.show(Event(entry_id.decode(), fields[b"name"].decode(), json.loads(fields[b"data"])))
        async with Viewer(
            application, answer, authorization=token, last_event_id=stored[cut_after]
        ) as viewer:
            async for event in viewer.events():
                assert event.name != "snapshot"
                seen_before.show(event)
        assert (seen_before.text, seen_before.html, seen_before.end) == (whole.text, whole.html, whole.end)


async def test_an_id_that_is_not_there_begins_with_a_snapshot(desk: Desk, application: AnswerEvents) -> None:
    answer = await sync_to_async(running_answer)(desk)
    token = await sync_to_async(token_of)(desk.alice)
    text = await sync_to_async(write_events)(answer)
    for last_id in ("1-1", "nonsense", "99999999999999-0"):
        async with Viewer(application, answer, authorization=token, last_event_id=last_id) as viewer:
            events = [event async for event in viewer.events()]
        assert [event.name for event in events] == ["snapshot", "status", "end"]
        assert events[0].data["text"] == text


async def test_two_viewers_follow_what_is_written_while_they_watch(
    desk: Desk, application: AnswerEvents
) -> None:
    answer = await sync_to_async(running_answer)(desk)
    token = await sync_to_async(token_of)(desk.alice)
    await sync_to_async(append_now)(answer.pk, [("status", {"stage": "reading", "sentence": "Reading"})])
    async with (
        Viewer(application, answer, authorization=token) as first,
        Viewer(application, answer, authorization=token) as second,
    ):
        screens = asyncio.gather(see(first), see(second))
        await asyncio.sleep(0.2)
        text = await sync_to_async(write_events)(answer)
        for screen in await screens:
            assert screen.text == text
    assert application.hub.viewers == 0


async def test_an_ended_answer_without_a_stream_is_a_snapshot_and_the_end(
    desk: Desk, application: AnswerEvents
) -> None:
    answer = await sync_to_async(make_answered)(desk.corpus, desk.alice)
    token = await sync_to_async(token_of)(desk.alice)
    async with Viewer(application, answer, authorization=token) as viewer:
        assert viewer.status == 200
        screen = await see(viewer)
    assert screen.text == answer.text
    assert screen.end == {"v": 1, "status": "done", "code": "", "sentence": ""}


async def test_a_stream_that_redis_lost_goes_on_from_the_row(desk: Desk, application: AnswerEvents) -> None:
    answer = await sync_to_async(running_answer)(desk)
    token = await sync_to_async(token_of)(desk.alice)
    await sync_to_async(append_now)(answer.pk, [("delta", {"offset": 40, "text": "only the later part"})])
    await Answer.objects.filter(pk=answer.pk).aupdate(text="Everything from the beginning")

    async with Viewer(application, answer, authorization=token) as viewer:
        screen = Screen()
        async for event in viewer.events():
            screen.show(event)
            if event.name == "snapshot" and screen.text == "Everything from the beginning":
                await Answer.objects.filter(pk=answer.pk).aupdate(
                    text="Everything from the beginning to the end", status=Answer.Status.DONE
                )
    assert screen.text == "Everything from the beginning to the end"
    assert screen.end is not None


async def test_an_end_that_only_the_row_knows_is_told(desk: Desk, application: AnswerEvents) -> None:
    answer = await sync_to_async(running_answer)(desk)
    token = await sync_to_async(token_of)(desk.alice)
    await sync_to_async(append_now)(answer.pk, [("status", {"stage": "reading", "sentence": "Reading"})])
    async with Viewer(application, answer, authorization=token) as viewer:
        seeing = asyncio.create_task(see(viewer))
        await asyncio.sleep(0.1)
        await Answer.objects.filter(pk=answer.pk).aupdate(
            status=Answer.Status.FAILED, error_code="worker_died"
        )
        screen = await seeing
    assert screen.end is not None
    assert screen.end["code"] == "worker_died"


async def test_an_end_written_outside_the_worker_reaches_viewers(
    desk: Desk, application: AnswerEvents
) -> None:
    answer = await sync_to_async(running_answer)(desk)
    token = await sync_to_async(token_of)(desk.alice)
    await sync_to_async(append_now)(answer.pk, [("status", {"stage": "reading", "sentence": "Reading"})])
    async with Viewer(application, answer, authorization=token) as viewer:
        await sync_to_async(end_outside_worker)(answer.pk, "stopped", "", "")
        screen = await see(viewer)
    assert screen.end is not None
    assert screen.end["status"] == "stopped"


async def test_rights_that_end_end_the_stream(desk: Desk, application: AnswerEvents) -> None:
    answer = await sync_to_async(running_answer)(desk)
    await sync_to_async(share_conversation)(desk.alice, desk.conversation, True)
    await sync_to_async(append_now)(answer.pk, [("status", {"stage": "reading", "sentence": "Reading"})])
    token = await sync_to_async(token_of)(desk.bob)
    async with Viewer(application, answer, authorization=token) as viewer:
        assert viewer.status == 200
        await Membership.objects.filter(user=desk.bob).adelete()
        events = [event async for event in viewer.events(5)]
    assert "end" not in [event.name for event in events]


async def test_who_may_not_read_is_told_nothing(desk: Desk, application: AnswerEvents) -> None:
    answer = await sync_to_async(running_answer)(desk)
    outsider = await sync_to_async(make_user)("charlie@example.org")
    cases = [
        ("", 401),
        ("Bearer da_wrong", 401),
        (await sync_to_async(token_of)(outsider), 404),
        (await sync_to_async(token_of)(desk.bob), 404),
    ]
    for authorization, status in cases:
        headers = {"authorization": authorization} if authorization else {}
        async with Viewer(application, answer, **headers) as viewer:
            assert viewer.status == status
    token = await sync_to_async(token_of)(desk.alice)
    for unknown in ("00000000-0000-4000-8000-000000000000", "not-an-id"):
        async with Viewer(application, unknown, authorization=token) as viewer:
            assert viewer.status == 404
    async with Viewer(application, answer, method="POST", authorization=token) as viewer:
        assert viewer.status == 405


async def test_a_signed_in_browser_needs_no_token(desk: Desk, application: AnswerEvents) -> None:
    answer = await sync_to_async(make_answered)(desk.corpus, desk.alice)
    client = Client()
    await sync_to_async(client.force_login)(desk.alice)
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    async with Viewer(application, answer, cookie=cookie) as viewer:
        assert viewer.status == 200


async def test_too_many_streams_are_refused(desk: Desk, application: AnswerEvents, settings: Any) -> None:
    settings.STREAMS_PER_MEMBER = 1
    answer = await sync_to_async(running_answer)(desk)
    token = await sync_to_async(token_of)(desk.alice)
    await sync_to_async(append_now)(answer.pk, [("status", {"stage": "reading", "sentence": "Reading"})])
    async with Viewer(application, answer, authorization=token) as first:
        assert first.status == 200
        async with Viewer(application, answer, authorization=token) as second:
            assert second.status == 429
            assert (b"retry-after", b"5") in second.start["headers"]
    async with Viewer(application, answer, authorization=token) as third:
        assert third.status == 200


async def test_rights_that_end_end_a_busy_stream_too(desk: Desk, application: AnswerEvents) -> None:
    answer = await sync_to_async(running_answer)(desk)
    await sync_to_async(share_conversation)(desk.alice, desk.conversation, True)
    await sync_to_async(append_now)(answer.pk, [("status", {"stage": "writing", "sentence": "Writing"})])
    token = await sync_to_async(token_of)(desk.bob)

    async def write_on() -> None:
        for number in range(60):
            await sync_to_async(append_now)(answer.pk, [("delta", {"offset": number, "text": "x"})])
            await asyncio.sleep(0.1)

    async with Viewer(application, answer, authorization=token) as viewer:
        writing = asyncio.create_task(write_on())
        await Membership.objects.filter(user=desk.bob).adelete()
        seen = [event async for event in viewer.events(5) if event.name == "delta"]
        writing.cancel()
    assert len(seen) < 40


async def test_a_stream_with_a_hole_is_not_shown(desk: Desk, application: AnswerEvents) -> None:
    answer = await sync_to_async(make_answer)(
        await sync_to_async(make_question)(desk.conversation), "abcdefghixyz", status=Answer.Status.WRITING
    )
    token = await sync_to_async(token_of)(desk.alice)
    await sync_to_async(append_now)(
        answer.pk, [("delta", {"offset": 0, "text": "abc"}), ("delta", {"offset": 9, "text": "xyz"})]
    )
    async with Viewer(application, answer, authorization=token) as viewer:
        async for event in viewer.events():
            assert event.name in {"snapshot", "status"}
            assert event.name != "snapshot" or event.data["text"] == "abcdefghixyz"
            break


async def test_a_strange_cookie_beside_ours_does_no_harm(desk: Desk, application: AnswerEvents) -> None:
    answer = await sync_to_async(make_answered)(desk.corpus, desk.alice)
    client = Client()
    await sync_to_async(client.force_login)(desk.alice)
    ours = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    async with Viewer(application, answer, cookie='foo={"a":1}; ' + ours) as viewer:
        assert viewer.status == 200
