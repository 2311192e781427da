"""Leases: who is alive, who is not, and whose work is whose."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs
from structlog.typing import EventDict

from bot.jobs.leases import LAPSE, Leases, SecondWorkerRefused, SoleWorker
from bot.store.database import Database, async_url
from bot.store.schema import upgrade
from bot.store.tables import WorkerLeaseRow
from tests.conftest import NOON
from tests.patience import until

SECOND = timedelta(seconds=1)


class Fleet:
    """Workers on one PostgreSQL, under one clock."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOON
        self.taken: list[tuple[str, str]] = []
        self.stopped: list[str] = []
        self.stopping: set[str] = set()
        self.refusing: set[str] = set()
        self.holding: set[str] = set()

    def worker(self, name: str, lapse: timedelta = LAPSE) -> Leases:
        async def take_over(dead: str) -> int:
            if name in self.refusing:
                raise ConnectionError
            await asyncio.sleep(0.05)  # so that two sweeps would meet
            self.taken.append((name, dead))
            return 1

        async def holders() -> set[str]:
            return self.holding

        return Leases(
            database=self.database,
            clock=lambda: self.now,
            executor_id=name,
            take_over=take_over,
            may_take_over=lambda: name not in self.stopping,
            on_lost=lambda: self.stopped.append(name),
            lapse=lapse,
            holders=holders,
        )

    async def rows(self) -> set[str]:
        async with self.database.read() as session:
            return set(await session.scalars(select(WorkerLeaseRow.executor_id)))


@pytest.fixture
async def fleet(postgresql: Callable[[], str]) -> AsyncIterator[Fleet]:
    url = postgresql()
    upgrade(async_url(url))
    database = Database(url)
    yield Fleet(database)
    await database.close()


async def test_a_worker_that_beats_is_left_alone(fleet: Fleet) -> None:
    first, second = fleet.worker("first"), fleet.worker("second")
    await first.claim()
    await second.claim()
    for _ in range(10):
        fleet.now += LAPSE / 2
        await first.beat()
        await second.beat()
        await second.sweep()

    assert fleet.taken == []
    assert await fleet.rows() == {"first", "second"}


async def test_a_worker_is_taken_over_only_after_the_whole_lapse(fleet: Fleet) -> None:
    await fleet.worker("dead").claim()
    alive = fleet.worker("alive")
    fleet.now += LAPSE
    await alive.claim()
    await alive.sweep()
    assert fleet.taken == []

    fleet.now += timedelta(milliseconds=1)
    await alive.sweep()

    assert fleet.taken == [("alive", "dead")]
    assert await fleet.rows() == {"alive"}


async def test_of_two_sweeps_at_once_one_takes_over(fleet: Fleet) -> None:
    await fleet.worker("dead").claim()
    fleet.now += LAPSE + SECOND
    workers = [fleet.worker(f"w{number}") for number in range(4)]
    for worker in workers:
        await worker.claim()

    await asyncio.gather(*(worker.sweep() for worker in workers))

    assert [dead for _, dead in fleet.taken] == ["dead"]


async def test_a_takeover_that_failed_is_done_by_the_next_sweep(fleet: Fleet) -> None:
    await fleet.worker("dead").claim()
    fleet.now += LAPSE + SECOND
    fleet.refusing = {"first"}
    with pytest.raises(ConnectionError):
        await fleet.worker("first").sweep()
    assert await fleet.rows() == {"dead"}

    await fleet.worker("second").sweep()

    assert fleet.taken == [("second", "dead")]


async def test_a_worker_taken_for_dead_stops_and_what_came_to_it_since_is_taken_over_too(
    fleet: Fleet,
) -> None:
    still, other = fleet.worker("still"), fleet.worker("other")
    await still.claim()
    fleet.now += LAPSE + SECOND
    await other.sweep()

    await still.beat()
    await still.beat()
    await other.sweep()

    assert fleet.stopped == ["still"]
    assert still.is_lost
    assert fleet.taken == [("other", "still"), ("other", "still")]
    await still.beat()
    assert await fleet.rows() == set()


async def test_work_that_is_held_without_a_lease_is_taken_over_and_no_other(fleet: Fleet) -> None:
    sweeper = fleet.worker("alive")
    await sweeper.claim()
    fleet.holding = {"alive", "gone"}

    await sweeper.sweep()

    assert fleet.taken == [("alive", "gone")]
    assert await fleet.rows() == {"alive"}


async def test_a_worker_that_ends_in_good_order_is_taken_over_at_once(fleet: Fleet) -> None:
    ended = fleet.worker("ended")
    await ended.claim()

    await ended.release()
    await fleet.worker("other").sweep()

    assert fleet.taken == [("other", "ended")]


async def test_a_running_worker_beats_and_sweeps_by_itself_and_while_it_stops_it_only_beats(
    fleet: Fleet,
) -> None:
    worker = fleet.worker("alive", lapse=timedelta(milliseconds=50))
    await worker.claim()
    await fleet.worker("dead").claim()
    fleet.stopping.add("alive")
    task = asyncio.create_task(worker.run())
    fleet.now += SECOND
    await until(lambda: seen_at(fleet, "alive", fleet.now))
    assert fleet.taken == []

    fleet.stopping.clear()
    await until(lambda: only_left(fleet, "alive"))  # the takeover is committed

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert fleet.taken[0] == ("alive", "dead")
    assert await fleet.rows() == {"alive"}


async def test_it_outlives_a_database_that_is_away(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = fleet.worker("alive", lapse=timedelta(milliseconds=50))
    await worker.claim()
    away = Database("postgresql://nobody@127.0.0.1:9/nothing")
    monkeypatch.setattr(worker, "_database", away)
    with capture_logs() as logs:
        task = asyncio.create_task(worker.run())
        await until(lambda: has_logged(logs, "lease_failed"))
        monkeypatch.setattr(worker, "_database", fleet.database)
        fleet.now += SECOND

        await until(lambda: seen_at(fleet, "alive", fleet.now))

        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await away.close()


def test_one_sqlite_file_has_one_worker_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "callaudio.db"
    first = SoleWorker.claim(path)
    with pytest.raises(SecondWorkerRefused):
        SoleWorker.claim(path)

    first.release()

    SoleWorker.claim(path).release()


def test_two_sqlite_files_have_a_worker_each(tmp_path: Path) -> None:
    workers = [SoleWorker.claim(tmp_path / name) for name in ("one.db", "two.db")]
    for worker in workers:
        worker.release()


async def seen_at(fleet: Fleet, name: str, moment: object) -> bool:
    async with fleet.database.read() as session:
        row = await session.get(WorkerLeaseRow, name)
    return row is not None and row.seen_at == moment


def has_logged(logs: list[EventDict], event: str) -> bool:
    return any(entry["event"] == event for entry in logs)


async def only_left(fleet: Fleet, name: str) -> bool:
    return await fleet.rows() == {name}
