"""Requests borrow threads: one after the other the same, at once different ones, a busy one never."""

import asyncio
import threading

import pytest
from asgiref.sync import sync_to_async

from docanalyst.request_threads import MOST_IDLE, RequestThreads

here = sync_to_async(threading.get_ident)


async def test_requests_one_after_the_other_share_a_thread() -> None:
    threads = RequestThreads()
    found = set()
    for _ in range(5):
        async with threads.borrowed():
            found |= {await here(), await here()}
        await asyncio.sleep(0.05)
    assert len(found) == 1


async def test_requests_at_once_have_threads_of_their_own() -> None:
    threads = RequestThreads()
    everybody = asyncio.Barrier(MOST_IDLE + 4)

    async def request() -> int:
        async with threads.borrowed():
            ident = await here()
            await everybody.wait()
            assert await here() == ident
            return ident

    found = await asyncio.gather(*(request() for _ in range(MOST_IDLE + 4)))
    assert len(set(found)) == MOST_IDLE + 4
    await asyncio.sleep(0.2)
    assert len(threads._idle) == MOST_IDLE


async def test_a_thread_whose_view_still_works_is_not_lent() -> None:
    threads = RequestThreads()
    begun, release = threading.Event(), threading.Event()

    def long_view() -> int:
        begun.set()
        release.wait(10)
        return threading.get_ident()

    async def left_by_its_reader() -> None:
        async with threads.borrowed():
            await sync_to_async(long_view)()

    reader = asyncio.create_task(left_by_its_reader())
    await asyncio.to_thread(begun.wait, 10)
    reader.cancel()
    async with asyncio.timeout(5):
        async with threads.borrowed():
            assert await here()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await reader
