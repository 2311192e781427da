"""The engine itself: where it keeps its tables, and that stopping it loses nothing."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.jobs.engine import DELIVERIES, DIGESTS, Engine, Work, engine_url, run_step
from bot.store.database import async_url
from bot.store.schema import upgrade
from bot.wiring.clock import utc_now
from tests.patience import PATIENCE_SECONDS, until

POSTGRESQL = "postgresql://callaudio:secret@db.example:5432/callaudio?sslmode=require"


def test_on_sqlite_its_tables_are_in_a_file_beside_the_store(tmp_path: Path) -> None:
    url = engine_url(async_url(f"sqlite:///{tmp_path}/callaudio.db"))

    assert url.drivername == "sqlite"
    assert url.database == f"{tmp_path}/callaudio-jobs.db"


def test_on_postgresql_its_tables_are_in_the_same_database() -> None:
    url = engine_url(async_url(POSTGRESQL))

    assert url.drivername == "postgresql+psycopg"
    assert url.set(drivername="postgresql").render_as_string(hide_password=False) == POSTGRESQL


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_work_is_run_once_and_what_a_stop_broke_off_goes_on_at_the_next_start(
    kind: str, sqlite_url: str, request: pytest.FixtureRequest
) -> None:
    url = sqlite_url
    if kind == "postgresql":
        create: Callable[[], str] = request.getfixturevalue("postgresql")
        url = create()
        upgrade(async_url(url))
    ran: list[str] = []
    begun, finished = asyncio.Event(), asyncio.Event()

    async def deliver(delivery_id: str) -> str:
        async def first() -> str:
            ran.append(f"{delivery_id} first")
            return "kept"

        async def second() -> str:
            begun.set()
            await hold.wait()
            ran.append(f"{delivery_id} second")
            return "done"

        assert await run_step("first", first) == "kept"
        result = await run_step("second", second)
        finished.set()
        return str(result)

    hold = asyncio.Event()
    first_engine = new_engine(url)
    await first_engine.start([Work(DELIVERIES, deliver)])
    for _ in range(3):
        await first_engine.enqueue(DELIVERIES, "d1")
    await until(begun.is_set)
    await first_engine.stop(drain_seconds=0)
    assert not first_engine.is_running
    assert ran == ["d1 first"]
    # The event loop's own threads outlive the engine's.
    assert await asyncio.to_thread(lambda: "alive") == "alive"

    hold.set()
    second_engine = new_engine(url)
    await second_engine.start([Work(DELIVERIES, deliver)])
    assert second_engine.is_running
    await until(finished.is_set)
    await second_engine.stop(drain_seconds=5)

    assert ran == ["d1 first", "d1 second"]


async def test_there_is_nothing_to_take_over_from_a_worker_that_had_nothing(
    sqlite_url: str,
) -> None:
    async def deliver(delivery_id: str) -> str:
        return delivery_id

    engine = new_engine(sqlite_url)
    await engine.start([Work(DELIVERIES, deliver)])

    assert await engine.take_over("worker-unknown") == 0

    await engine.stop(drain_seconds=1)


def new_engine(url: str) -> Engine:
    return Engine(store_url=async_url(url), executor_id="sole-worker")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_what_ended_long_ago_is_forgotten_and_what_goes_on_is_kept(
    kind: str, sqlite_url: str, request: pytest.FixtureRequest
) -> None:
    url = sqlite_url
    if kind == "postgresql":
        create: Callable[[], str] = request.getfixturevalue("postgresql")
        url = create()
        upgrade(async_url(url))
    hold, begun = asyncio.Event(), asyncio.Event()
    ran: list[str] = []

    async def deliver(delivery_id: str) -> str:
        ran.append(delivery_id)
        if delivery_id == "held":
            begun.set()
            await hold.wait()
        return delivery_id

    async def post(run_id: str) -> str:
        ran.append(run_id)
        return run_id

    engine = new_engine(url)
    await engine.start([Work(DELIVERIES, deliver), Work(DIGESTS, post)])
    await engine.enqueue(DELIVERIES, "held")
    await engine.enqueue(DELIVERIES, "d1")
    await engine.enqueue(DIGESTS, "digest:g1:2026-06-03T09:00")
    await until(lambda: begun.is_set() and len(ran) >= 3)
    assert await engine.forget_ended(utc_now() - timedelta(days=1), 10) == 0
    forgotten = 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while forgotten < 2:  # an end is written a moment after it
            forgotten += await engine.forget_ended(utc_now() + timedelta(days=1), 10)
            await asyncio.sleep(0.02)
    assert await engine.forget_ended(utc_now() + timedelta(days=1), 10) == 0
    hold.set()
    await engine.stop(drain_seconds=5)

    assert sorted(ran) == ["d1", "digest:g1:2026-06-03T09:00", "held"]
