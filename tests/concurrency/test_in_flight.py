"""Background work waits for Slack's requests, but for a limited time."""

import asyncio
from contextlib import suppress

from bot.concurrency import in_flight
from bot.concurrency.in_flight import InFlight


async def test_work_continues_at_once_while_no_request_is_in_flight():
    await InFlight().give_way()


async def test_work_waits_until_the_last_request_is_answered():
    requests, order = InFlight(), []

    async def work() -> None:
        await requests.give_way()
        order.append("work")

    with requests.request():
        with requests.request():
            working = asyncio.create_task(work())
            await asyncio.sleep(0)
        order.append("first")
        await asyncio.sleep(0)
        order.append("second")
    await working
    assert order == ["first", "second", "work"]


async def test_a_request_that_raised_is_not_in_flight_any_more():
    requests = InFlight()
    with suppress(LookupError), requests.request():
        raise LookupError
    await requests.give_way()


async def test_an_endless_stream_of_requests_does_not_stop_work(monkeypatch):
    monkeypatch.setattr(in_flight, "LONGEST_WAIT_SECONDS", 0.01)
    requests = InFlight()
    with requests.request():
        await requests.give_way()
