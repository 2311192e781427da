"""The dispatcher: every stored request reaches the engine, in batches, whatever happens."""

import asyncio
from contextlib import suppress

from bot.jobs.dispatcher import BATCH, Dispatcher
from bot.jobs.engine import DELIVERIES, WorkKind
from tests.patience import until


class Requests:
    """Stored requests, and a store that can be away."""

    def __init__(self, count: int) -> None:
        self.waiting = [f"d{number}" for number in range(count)]
        self.away = 0

    async def undispatched(self, limit: int) -> list[str]:
        if self.away:
            self.away -= 1
            raise OSError
        return self.waiting[:limit]

    async def mark_dispatched(self, delivery_ids: list[str]) -> None:
        self.waiting = [each for each in self.waiting if each not in delivery_ids]


class EngineDouble:
    """Takes deliveries; refuses the next ``refusals``."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.refusals = 0

    async def enqueue(self, kind: WorkKind, delivery_id: str) -> None:
        assert kind is DELIVERIES
        if self.refusals:
            self.refusals -= 1
            raise OSError
        self.taken.append(delivery_id)


def dispatcher(requests: Requests, engine: EngineDouble) -> Dispatcher:
    return Dispatcher(deliveries=requests, engine=engine)  # type: ignore[arg-type]


async def run_until_empty(subject: Dispatcher, requests: Requests) -> None:
    task = asyncio.create_task(subject.run())
    await until(lambda: not requests.waiting)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_one_batch_is_handed_over_oldest_first_and_tells_whether_there_is_more() -> None:
    requests, engine = Requests(BATCH + 1), EngineDouble()
    subject = dispatcher(requests, engine)

    assert await subject.dispatch() is True
    assert engine.taken == [f"d{number}" for number in range(BATCH)]
    assert await subject.dispatch() is False
    assert await subject.dispatch() is False
    assert len(engine.taken) == BATCH + 1


async def test_it_goes_on_at_once_while_there_is_more() -> None:
    requests, engine = Requests(5 * BATCH), EngineDouble()

    await run_until_empty(dispatcher(requests, engine), requests)

    assert engine.taken == [f"d{number}" for number in range(5 * BATCH)]


async def test_it_outlives_a_store_that_is_away() -> None:
    requests, engine = Requests(3), EngineDouble()
    requests.away = 2

    await run_until_empty(dispatcher(requests, engine), requests)

    assert engine.taken == ["d0", "d1", "d2"]


async def test_what_the_engine_did_not_take_is_handed_over_again() -> None:
    requests, engine = Requests(3), EngineDouble()
    engine.refusals = 1

    await run_until_empty(dispatcher(requests, engine), requests)

    assert engine.taken == ["d0", "d1", "d2"]


async def test_a_wake_is_heard_and_one_from_elsewhere_is_found_by_looking() -> None:
    requests, engine = Requests(0), EngineDouble()
    subject = dispatcher(requests, engine)
    task = asyncio.create_task(subject.run())
    for number in range(2):
        await asyncio.sleep(0)
        requests.waiting.append(f"d{number}")
        if number == 0:
            subject.wake()
        await until(lambda: not requests.waiting)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert engine.taken == ["d0", "d1"]
