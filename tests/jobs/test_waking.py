"""A worker is notified at once of work stored by another process, without polling."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from bot.jobs.background import in_background
from bot.jobs.waking import is_listened, listen, watch
from bot.store.database import Database
from bot.store.engines import sqlite_path
from bot.store.enqueue import enqueue
from tests.conftest import NOON
from tests.polling import until
from tests.postgresql import END_OTHER_SESSIONS


@asynccontextmanager
async def heard(database: Database) -> AsyncIterator[list[str]]:
    """Listen as a worker does; returns a list that grows with each notification."""
    woken: list[str] = []

    def wake() -> None:
        woken.append("woken")

    path = sqlite_path(database.url)
    hearing = watch(path, wake) if path else listen(database, wake, again_seconds=0.05)
    async with in_background(hearing):
        await until(lambda: woken)  # it listens
        woken.clear()
        yield woken


async def store_work(database: Database, key: str = "d1") -> None:
    async with database.write() as session:
        enqueue(session, "deliver", key, now=NOON)


async def test_another_process_that_stores_work_wakes_the_worker(database, database_url):
    other = Database(database_url)
    async with heard(database) as woken:
        await store_work(other)

        await until(lambda: woken)
    await other.close()


async def test_a_listening_worker_is_seen_by_roles_that_may_see_its_session(migrated_postgresql):
    url, role = migrated_postgresql(), "callaudio_of_few_rights"
    worker, doctor = Database(url), Database(url)
    stranger = Database(f"{url}&options=-crole%3D{role}")
    assert await is_listened(doctor) is False
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {role}")
        try:
            async with heard(worker):
                assert await is_listened(doctor) is True
                assert await is_listened(stranger) is None
        finally:
            owner.execute(f"DROP ROLE {role}")
    await worker.close()

    async def is_gone() -> bool:  # the server ends a closed session a moment later
        return await is_listened(doctor) is False

    await until(is_gone)
    await doctor.close()
    await stranger.close()


async def test_work_whose_transaction_failed_wakes_no_worker(database, database_url):
    other = Database(database_url)

    async def fail(session) -> None:
        enqueue(session, "deliver", "d1", now=NOON)
        raise ZeroDivisionError

    async with heard(database) as woken:
        with pytest.raises(ZeroDivisionError):
            await other.transact(fail)
        await asyncio.sleep(0.4)

        assert woken == []
    await other.close()


async def test_a_connection_that_was_cut_is_replaced(migrated_postgresql):
    url = migrated_postgresql()
    database, other = Database(url), Database(url)
    with capture_logs() as logs:
        async with heard(database) as woken:
            async with other.read() as session:
                await session.execute(text(END_OTHER_SESSIONS))
            await until(lambda: woken)  # it listens again, and something may have been missed
            woken.clear()
            await store_work(other)

            await until(lambda: woken)
    assert [log["event"] for log in logs] == ["not_listening"]
    await database.close()
    await other.close()


async def test_a_temporarily_unreadable_file_is_watched_again(tmp_path):
    path, woken = tmp_path / "callaudio.db", []
    path.write_bytes(b"no database" * 100)
    with capture_logs() as logs:
        async with in_background(watch(path, lambda: woken.append(1), again_seconds=0.01)):
            await until(lambda: logs)
            path.unlink()
            await until(lambda: woken)
    assert [(each["event"], each["error"]) for each in logs] == [("not_watching", "DatabaseError")]


async def test_a_notification_on_another_channel_is_ignored(postgresql_store):
    woken, told = [], []
    hearing = listen(postgresql_store, lambda: woken.append("woken"), hear={"another": told.append})
    async with in_background(hearing):
        await until(lambda: woken)
        woken.clear()
        async with postgresql_store.write() as session:
            await session.execute(text("SELECT pg_notify('another', 'news')"))
        await until(lambda: told)

    assert (told, woken) == (["news"], [])
